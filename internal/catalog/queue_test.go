package catalog

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// slowCommits is a database whose transactions end when they are told to.
type slowCommits struct {
	begun   atomic.Int32
	release chan error
}

func (s *slowCommits) transact(writes []func(*sql.Tx) error) error {
	s.begun.Add(1)
	for _, write := range writes {
		if err := write(nil); err != nil {
			return err
		}
	}
	return <-s.release
}

func TestWritersShareATransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		commits := &slowCommits{release: make(chan error)}
		q := newWriteQueue(commits.transact)
		var ran atomic.Int32
		var wg sync.WaitGroup
		write := func(*sql.Tx) error { ran.Add(1); return nil }
		put := func() {
			if err := q.do(t.Context(), write); err != nil {
				t.Error(err)
			}
		}
		wg.Go(put)
		synctest.Wait() // the first has the turn
		for range 100 {
			wg.Go(put)
		}
		synctest.Wait()
		if got := ran.Load(); got != 1 {
			t.Errorf("%d writes ran beside the first transaction", got-1)
		}
		commits.release <- nil
		commits.release <- nil
		wg.Wait()
		if begun, ran := commits.begun.Load(), ran.Load(); begun != 2 || ran != 101 {
			t.Errorf("%d writes ran in %d transactions, want 101 in 2", ran, begun)
		}
	})
}

func TestFailureIsOfTheWholeTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		commits := &slowCommits{release: make(chan error)}
		q := newWriteQueue(commits.transact)
		refused := errors.New("refused")
		var failed atomic.Int32
		var wg sync.WaitGroup
		write := func() {
			if errors.Is(q.do(t.Context(), func(*sql.Tx) error { return nil }), refused) {
				failed.Add(1)
			}
		}
		wg.Go(write)
		synctest.Wait()
		for range 5 {
			wg.Go(write)
		}
		synctest.Wait()
		commits.release <- nil
		commits.release <- refused
		wg.Wait()
		if got := failed.Load(); got != 5 {
			t.Errorf("%d writes failed, want the 5 of the second transaction", got)
		}
	})
}

func TestWriteThatWasGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		commits := &slowCommits{release: make(chan error)}
		q := newWriteQueue(commits.transact)
		var wg sync.WaitGroup
		wg.Go(func() { _ = q.do(t.Context(), func(*sql.Tx) error { return nil }) })
		synctest.Wait()

		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() {
			err := q.do(ctx, func(*sql.Tx) error { t.Error("a write ran after its caller had left"); return nil })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want that of the context", err)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()

		wg.Go(func() { _ = q.do(t.Context(), func(*sql.Tx) error { return nil }) }) // joins the same transaction
		synctest.Wait()
		commits.release <- nil
		commits.release <- nil
		wg.Wait()
	})
}
