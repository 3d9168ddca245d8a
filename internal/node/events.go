package node

import (
	"sync"

	"shoal"
)

// emitter passes the events of one call to its watcher, one at a time, with
// gapless numbers.
type emitter struct {
	mu    sync.Mutex // held while watch runs: that is what makes the events one stream
	seq   uint64
	watch func(shoal.Event)
}

func newEmitter(watch func(shoal.Event)) *emitter {
	if watch == nil {
		watch = func(shoal.Event) {}
	}
	return &emitter{watch: watch}
}

func (e *emitter) emit(event shoal.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seq++
	event.Seq = e.seq
	e.watch(event)
}
