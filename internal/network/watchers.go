package network

import (
	"slices"
	"sync"
)

// Watchers passes the changes that a host sees to everyone who watches it. The
// zero value is ready; it is the half of Connector.Watch that all hosts share.
type Watchers struct {
	mu     sync.Mutex // guards all below, and the queues; no notify runs under it
	all    []*watcher
	closed bool
	work   sync.WaitGroup
}

// watcher is one caller of Watch. Its queue is bounded by the connections
// there are: see push.
type watcher struct {
	notify func(Change)
	queue  []Change
	wake   chan struct{} // has a token when the queue may not be empty
	done   chan struct{} // closed by stop and Close
}

// Watch calls notify with every change told from now on, one at a time, until
// stop or Close is called. Neither waits for a call that is going on. A peer
// that comes and goes while notify is busy may not be told at all.
func (ws *Watchers) Watch(notify func(Change)) (stop func()) {
	w := &watcher{notify: notify, wake: make(chan struct{}, 1), done: make(chan struct{})}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.closed {
		return func() {}
	}
	ws.all = append(ws.all, w)
	ws.work.Go(func() { ws.run(w) })
	return sync.OnceFunc(func() { ws.remove(w) })
}

// Tell queues a change for every watcher. It does not block.
func (ws *Watchers) Tell(change Change) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range ws.all {
		w.push(change)
	}
}

// Close ends all watches, for good, and returns when no notify runs any more.
// So it must not be called from one.
func (ws *Watchers) Close() {
	ws.mu.Lock()
	ws.closed = true
	for _, w := range ws.all {
		close(w.done)
	}
	ws.all = nil
	ws.mu.Unlock()
	ws.work.Wait()
}

func (ws *Watchers) remove(w *watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if i := slices.Index(ws.all, w); i >= 0 {
		ws.all = slices.Delete(ws.all, i, i+1)
		close(w.done)
	}
}

func (ws *Watchers) run(w *watcher) {
	for {
		select {
		case <-w.done:
			return
		case <-w.wake:
		}
		for change, ok := ws.pop(w); ok; change, ok = ws.pop(w) {
			w.notify(change)
		}
	}
}

// push adds a change to the queue. A loss takes back a coming that has not
// been told yet, for there was nothing between them that the watcher could
// have used; so a queue holds at most two changes for each connection.
func (w *watcher) push(change Change) {
	coming := Change{Peer: change.Peer, Connected: true}
	if i := slices.Index(w.queue, coming); i >= 0 {
		if !change.Connected {
			w.queue = slices.Delete(w.queue, i, i+1)
		}
		return
	}
	w.queue = append(w.queue, change)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// pop takes the oldest change, if there is one and the watch has not ended.
func (ws *Watchers) pop(w *watcher) (Change, bool) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if len(w.queue) == 0 || !slices.Contains(ws.all, w) {
		return Change{}, false
	}
	change := w.queue[0]
	w.queue = slices.Delete(w.queue, 0, 1)
	return change, true
}
