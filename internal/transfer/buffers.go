package transfer

import (
	"context"
	"math/bits"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// Buffers hands out memory for chunks, from a budget of bytes that bounds all
// that is held at once: whoever wants more waits, and so does the socket it
// would have read from. Safe for use by many goroutines.
type Buffers struct {
	budget *semaphore.Weighted
	bytes  int64

	waiting atomic.Int32 // how many Acquires block

	mu   sync.Mutex    // guards the rest
	free [64][]*Buffer // by the logarithm of their capacity, the last used at the end
	kept int64         // bytes in free
}

// keepBytes is how much is kept for reuse. It is not left to a sync.Pool, which
// the collector empties: to touch fresh pages costs more than a hash of them.
const keepBytes = 32 << 20

// headroom is what lies before the bytes of every buffer: enough for the header
// of any frame that carries them.
const headroom = 64

// Memory of largeClass and more begins a page, and so do the bytes of its buffers,
// as a disk wants them that is written to past the page cache.
const (
	page       = 4096
	largeClass = 18 // 256 KiB
)

// headroomOf is how much lies before the bytes of a buffer of a class.
func headroomOf(class int) int {
	if class >= largeClass {
		return page
	}
	return headroom
}

// Buffer is memory on loan. Release gives it back, once.
type Buffer struct {
	Bytes []byte

	whole []byte // headroomOf(class), then as many bytes as the class has
	under []byte // of whole, from start on: what lies under a head
	start int
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
	if buf, ok := b.TryAcquire(n); ok {
		return buf, nil
	}
	class, cost := b.classOf(n)
	b.waiting.Add(1)
	defer b.waiting.Add(-1)
	if err := b.budget.Acquire(ctx, cost); err != nil {
		return nil, err
	}
	return b.buffer(n, class, cost), nil
}

// TryAcquire is Acquire if that does not block, and reports whether.
func (b *Buffers) TryAcquire(n int) (*Buffer, bool) {
	class, cost := b.classOf(n)
	if !b.budget.TryAcquire(cost) {
		return nil, false
	}
	return b.buffer(n, class, cost), true
}

// classOf is the class of a buffer of n bytes, and what it costs.
func (b *Buffers) classOf(n int) (class int, cost int64) {
	class = bits.Len(uint(n - 1))
	return class, min(int64(1)<<class, b.bytes)
}

// buffer gives a buffer that is paid for.
func (b *Buffers) buffer(n, class int, cost int64) *Buffer {
	buf := b.reuse(class)
	if buf == nil {
		buf = &Buffer{whole: make([]byte, headroomOf(class)+1<<class), from: b, class: class}
	}
	buf.Bytes, buf.cost = buf.whole[headroomOf(class):headroomOf(class)+n], cost
	return buf
}

// Budget is how many bytes may be held at once.
func (b *Buffers) Budget() int64 { return b.bytes }

// Wanted reports whether somebody waits for memory right now.
func (b *Buffers) Wanted() bool { return b.waiting.Load() > 0 }

// reuse gives the buffer of a class that was used last, or nil.
func (b *Buffers) reuse(class int) *Buffer {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := len(b.free[class]) - 1
	if last < 0 {
		return nil
	}
	buf := b.free[class][last]
	b.free[class] = b.free[class][:last]
	b.kept -= 1 << class
	return buf
}

// keep puts a buffer aside for reuse, if there are not too many.
func (b *Buffers) keep(buf *Buffer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	size, own := int64(1)<<buf.class, int64(len(b.free[buf.class]))<<buf.class
	if b.kept+size > keepBytes {
		if own >= keepBytes/2 || size > keepBytes {
			return
		}
		b.free, b.kept = [64][]*Buffer{}, 0 // they are of files that were cut otherwise
	}
	b.free[buf.class] = append(b.free[buf.class], buf)
	b.kept += size
}

// Framed gives Bytes[from:to] with head, at most 64 bytes, right before it, so
// that both leave in one write. It overwrites what lay there, till Unframe.
func (b *Buffer) Framed(head []byte, from, to int) []byte {
	start := headroomOf(b.class) + from - len(head)
	b.under, b.start = append(b.under[:0], b.whole[start:start+len(head)]...), start
	copy(b.whole[start:], head)
	return b.whole[start : headroomOf(b.class)+to]
}

// Unframe puts back what the last Framed overwrote.
func (b *Buffer) Unframe() {
	copy(b.whole[b.start:], b.under)
	b.under = b.under[:0]
}

// Release gives the memory back. The holder must not touch it afterwards.
func (b *Buffer) Release() {
	from, cost := b.from, b.cost
	b.Bytes = nil
	from.keep(b)
	from.budget.Release(cost)
}
