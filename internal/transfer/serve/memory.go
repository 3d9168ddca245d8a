package serve

import (
	"context"
	"sync"
	"time"

	"shoal/internal/transfer"
)

// What a peer must take of an answer for the memory that it holds here, while
// others wait for some. Else a few that take a byte now and then would hold all
// of it.
const (
	// FloorRate is in bytes a second, of the time that the peer has us wait.
	FloorRate = 64 << 10

	// FloorAfter is how long a peer has to show it, and others wait before it is
	// looked at.
	FloorAfter = 5 * time.Second
)

// answer is a chunk in memory that is being sent, or parts of it.
type answer struct {
	stream transfer.Stream

	mu    sync.Mutex // guards the rest
	bytes int        // of memory, with what is read ahead
	sent  int        // bytes
	spent time.Duration
	since time.Time // of the write that is going on; zero if none is
}

// begins notes that a write begins.
func (a *answer) begins(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.since = now
}

// took notes that the write is over, and the peer took so many bytes.
func (a *answer) took(bytes int, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.spent += now.Sub(a.since)
	a.sent += bytes
	a.since = time.Time{}
}

// grow notes that the peer has more memory held.
func (a *answer) grow(bytes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bytes += bytes
}

// wasted is the memory that is held for a peer that takes less than it must; 0 if
// it does not.
func (a *answer) wasted(now time.Time) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	spent := a.spent
	if !a.since.IsZero() {
		spent += now.Sub(a.since)
	}
	if spent < FloorAfter || float64(a.sent) >= FloorRate*spent.Seconds() {
		return 0
	}
	return a.bytes
}

// memory is the budget for chunks, and the answers that hold it.
type memory struct {
	buffers *transfer.Buffers

	mu      sync.Mutex // guards answers
	answers map[*answer]struct{}
}

func newMemory() *memory {
	return &memory{buffers: transfer.NewBuffers(BufferBytes), answers: make(map[*answer]struct{})}
}

// acquire waits for memory, at the cost of those who hold it to no purpose.
func (m *memory) acquire(ctx context.Context, n int) (*transfer.Buffer, error) {
	if buf, ok := m.buffers.TryAcquire(n); ok {
		return buf, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { m.watch(ctx) })
	buf, err := m.buffers.Acquire(ctx, n)
	cancel()
	watch.Wait()
	return buf, err
}

// watch evicts again and again, until ctx ends.
func (m *memory) watch(ctx context.Context) {
	ticker := time.NewTicker(FloorAfter)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			m.evict(now)
		case <-ctx.Done():
			return
		}
	}
}

// evict ends the sessions of slow peers, if they hold half of the memory: to be
// slow alone harms nobody.
func (m *memory) evict(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var slow []*answer
	held := 0
	for a := range m.answers {
		if bytes := a.wasted(now); bytes > 0 {
			slow = append(slow, a)
			held += bytes
		}
	}
	if 2*held < BufferBytes {
		return
	}
	for _, a := range slow {
		a.stream.Reset()
	}
}

// begin notes an answer. It is followed by an end.
func (m *memory) begin(a *answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answers[a] = struct{}{}
}

func (m *memory) end(a *answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.answers, a)
}
