package transfer

import (
	"context"
	"math/bits"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Buffers hands out memory for chunks, from a budget of bytes that bounds all
// that is held at once: whoever wants more waits, and so does the socket it
// would have read from. Safe for use by many goroutines.
type Buffers struct {
	budget *semaphore.Weighted
	bytes  int64
	pools  [64]sync.Pool // of *Buffer, by the logarithm of their capacity
}

// headroom is what lies before the bytes of every buffer: enough for the header
// of any frame that carries them.
const headroom = 64

// Buffer is memory on loan. Release gives it back, once.
type Buffer struct {
	Bytes []byte

	whole []byte // headroom, then as many bytes as the class has
	from  *Buffers
	class int
	cost  int64
}

// NewBuffers returns a budget of that many bytes.
func NewBuffers(bytes int64) *Buffers {
	return &Buffers{budget: semaphore.NewWeighted(bytes), bytes: bytes}
}

// Acquire gives a buffer of n bytes with anything in it, n > 0. It blocks
// while the budget is spent; the error is that of ctx. A buffer larger than
// the whole budget takes all of it, so that it can be had at all.
func (b *Buffers) Acquire(ctx context.Context, n int) (*Buffer, error) {
	class := bits.Len(uint(n - 1))
	cost := min(int64(1)<<class, b.bytes)
	if err := b.budget.Acquire(ctx, cost); err != nil {
		return nil, err
	}
	buf, ok := b.pools[class].Get().(*Buffer)
	if !ok {
		buf = &Buffer{whole: make([]byte, headroom+1<<class), from: b, class: class}
	}
	buf.Bytes, buf.cost = buf.whole[headroom:headroom+n], cost
	return buf, nil
}

// Framed gives Bytes[from:to] with head, at most 64 bytes, right before it, so
// that both leave in one write. It overwrites what lay there: the bytes before
// from, which must have been used by now.
func (b *Buffer) Framed(head []byte, from, to int) []byte {
	start := headroom + from - len(head)
	copy(b.whole[start:], head)
	return b.whole[start : headroom+to]
}

// Release gives the memory back. The holder must not touch it afterwards.
func (b *Buffer) Release() {
	from, cost := b.from, b.cost
	b.Bytes = nil
	from.pools[b.class].Put(b)
	from.budget.Release(cost)
}
