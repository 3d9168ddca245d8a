package batch

import (
	"sync"
	"time"

	"shoal"
)

// Events passes the events of one request to its watcher, one at a time, with
// gapless numbers from 1.
type Events struct {
	mu    sync.Mutex // held while watch runs: that makes the events one stream
	seq   uint64
	watch func(shoal.Event)
}

// NewEvents returns the events of one request. watch may be nil.
func NewEvents(watch func(shoal.Event)) *Events {
	if watch == nil {
		watch = func(shoal.Event) {}
	}
	return &Events{watch: watch}
}

// Emit numbers an event and passes it on. It blocks while the watcher runs.
func (e *Events) Emit(event shoal.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seq++
	event.Seq = e.seq
	e.watch(event)
}

// progressEvery is the shortest time between two reports on one item.
const progressEvery = 200 * time.Millisecond

// Progress returns a function that emits event with the bytes done so far, at most
// once in progressEvery. The function is for one goroutine at a time.
func (e *Events) Progress(event shoal.Event) func(done, total int64) {
	event.Type = shoal.EventProgress
	last := time.Now()
	return func(done, total int64) {
		now := time.Now()
		if now.Sub(last) < progressEvery {
			return
		}
		last = now
		event.Time, event.Done, event.Total = now, done, total
		e.Emit(event)
	}
}
