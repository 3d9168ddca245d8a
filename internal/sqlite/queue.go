package sqlite

import (
	"context"
	"runtime"
	"sync"
)

// Queue joins the writes of many callers to few commits, for each commit costs
// an fsync and the writes in it next to nothing (group commit). There is no
// goroutine behind it: of the callers that wait, whoever gets the turn
// commits for all.
type Queue[W any] struct {
	commit func([]W) error // all of them durable, or none
	most   int             // writes in one commit
	turn   chan struct{}   // holds an element while commit runs

	mu   sync.Mutex
	open *group[W] // takes writes until its commit starts; nil if none wait
}

// group is the writes of one commit. err is set before done is closed.
type group[W any] struct {
	writes []W
	done   chan struct{}
	err    error
}

// NewQueue gives a queue that calls commit with at most so many writes.
func NewQueue[W any](most int, commit func([]W) error) *Queue[W] {
	return &Queue[W]{commit: commit, most: most, turn: make(chan struct{}, 1)}
}

// Do has a write committed, with others, and returns when it is. An error of the
// commit is the error of all in it. If ctx ends first, the write may have been
// committed or not, or still be.
func (q *Queue[W]) Do(ctx context.Context, write W) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	mine := q.join(write)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-mine.done:
	case q.turn <- struct{}{}:
		q.run(mine)
		<-q.turn
	}
	return mine.err
}

// join adds a write to the open group.
func (q *Queue[W]) join(write W) *group[W] {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open == nil || len(q.open.writes) >= q.most {
		q.open = &group[W]{done: make(chan struct{})}
	}
	q.open.writes = append(q.open.writes, write)
	return q.open
}

// run commits the group, if another caller has not.
func (q *Queue[W]) run(g *group[W]) {
	select {
	case <-g.done:
		return
	default:
	}
	runtime.Gosched() // those who were woken together come together
	q.mu.Lock()
	if q.open == g {
		q.open = nil
	}
	q.mu.Unlock()
	g.err = q.commit(g.writes)
	close(g.done)
}
