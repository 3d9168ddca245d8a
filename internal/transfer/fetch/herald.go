package fetch

import (
	"slices"
	"sync"

	"shoal"
)

// maxUntold is how many events may wait for a watcher that takes its time.
const maxUntold = 256

// herald tells the watcher what happens, in a goroutine of its own: a fetch
// whose watcher does not return would keep the memory it holds from all others.
type herald struct {
	watch func(shoal.Event)
	wake  chan struct{}
	done  chan struct{}

	mu     sync.Mutex // guards the rest; not held while watch runs
	untold []shoal.Event
	closed bool
}

func newHerald(watch func(shoal.Event)) *herald {
	h := &herald{watch: watch, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go h.run()
	return h
}

// tell has the watcher told of an event. Progress takes the place of progress
// that was not told yet, and if too much waits the oldest is forgotten.
func (h *herald) tell(e shoal.Event) {
	h.mu.Lock()
	if e.Type == shoal.EventProgress {
		h.untold = slices.DeleteFunc(h.untold, func(old shoal.Event) bool { return old.Type == shoal.EventProgress })
	}
	if len(h.untold) == maxUntold {
		h.untold = slices.Delete(h.untold, 0, 1)
	}
	h.untold = append(h.untold, e)
	h.mu.Unlock()
	h.signal()
}

// close returns when the watcher has been told everything.
func (h *herald) close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.signal()
	<-h.done
}

func (h *herald) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *herald) run() {
	defer close(h.done)
	for range h.wake {
		h.mu.Lock()
		untold, closed := h.untold, h.closed
		h.untold = nil
		h.mu.Unlock()
		for _, e := range untold {
			h.watch(e)
		}
		if closed {
			return
		}
	}
}
