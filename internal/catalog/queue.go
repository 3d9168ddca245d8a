package catalog

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// writeQueue joins the writes of many callers to few transactions, for each
// transaction costs an fsync and the writes in it next to nothing (group
// commit). There is no goroutine behind it: of the callers that wait, whoever
// gets the turn commits for all.
type writeQueue struct {
	transact func([]func(*sql.Tx) error) error // all of them durable, or none
	turn     chan struct{}                     // holds an element while transact runs

	mu   sync.Mutex
	open *batch // takes writes until its transaction starts; nil if none wait
}

// batch is the writes of one transaction. err is set before done is closed.
type batch struct {
	writes []func(*sql.Tx) error
	done   chan struct{}
	err    error
}

func newWriteQueue(transact func([]func(*sql.Tx) error) error) *writeQueue {
	return &writeQueue{transact: transact, turn: make(chan struct{}, 1)}
}

// do runs write in a transaction with others, and returns when it is durable. An
// error of one write is the error of all in its transaction, and nothing of
// it is kept. If ctx ends, write may be under way, but does not begin any more;
// what it has captured must not be used then.
func (q *writeQueue) do(ctx context.Context, write func(*sql.Tx) error) error {
	var left error // why write did not run; set before the batch is done
	mine := q.join(func(tx *sql.Tx) error {
		if left = ctx.Err(); left != nil {
			return nil
		}
		return write(tx)
	})
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-mine.done:
	case q.turn <- struct{}{}:
		q.commit(mine)
		<-q.turn
	}
	return errors.Join(left, mine.err)
}

// join adds a write to the open batch.
func (q *writeQueue) join(write func(*sql.Tx) error) *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open == nil {
		q.open = &batch{done: make(chan struct{})}
	}
	q.open.writes = append(q.open.writes, write)
	return q.open
}

// commit makes the batch durable, if another caller has not. Who calls it has
// the turn, so a batch that is no longer open is done.
func (q *writeQueue) commit(b *batch) {
	if !q.seal(b) {
		return
	}
	b.err = q.transact(b.writes)
	close(b.done)
}

// seal takes the batch for a transaction, and reports whether it was still
// open.
func (q *writeQueue) seal(b *batch) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open != b {
		return false
	}
	q.open = nil
	return true
}
