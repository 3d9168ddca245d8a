package sqlite_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"shoal/internal/sqlite"
)

// slowCommits commits when it is told to.
type slowCommits struct {
	groups  [][]int
	release chan error
}

func (s *slowCommits) commit(writes []int) error {
	s.groups = append(s.groups, slices.Clone(writes))
	return <-s.release
}

func TestWritersShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		commits := &slowCommits{release: make(chan error)}
		q := sqlite.NewQueue(60, commits.commit)
		var wg sync.WaitGroup
		put := func() {
			if err := q.Do(t.Context(), 1); err != nil {
				t.Error(err)
			}
		}
		wg.Go(put)
		synctest.Wait() // the first has the turn
		for range 100 {
			wg.Go(put)
		}
		for range 3 {
			synctest.Wait()
			commits.release <- nil
		}
		wg.Wait()
		var sizes []int
		for _, group := range commits.groups {
			sizes = append(sizes, len(group))
		}
		if slices.Sort(sizes); !slices.Equal(sizes, []int{1, 40, 60}) {
			t.Errorf("commits of %v writes, want 1, 40 and 60", sizes)
		}
	})
}

func TestFailureIsOfTheWholeCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		commits := &slowCommits{release: make(chan error)}
		q := sqlite.NewQueue(60, commits.commit)
		full := errors.New("full")
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := q.Do(t.Context(), 1); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		for range 2 {
			wg.Go(func() {
				if err := q.Do(t.Context(), 2); !errors.Is(err, full) {
					t.Errorf("error %v, want %v", err, full)
				}
			})
		}
		synctest.Wait()
		commits.release <- nil
		commits.release <- full
		wg.Wait()
	})
}

// A caller that gives up while it waits does not leave the others stuck.
func TestGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		commits := &slowCommits{release: make(chan error)}
		q := sqlite.NewQueue(60, commits.commit)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := q.Do(t.Context(), 1); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if err := q.Do(ctx, 2); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want Canceled", err)
			}
		})
		synctest.Wait()
		cancel()
		wg.Go(func() {
			if err := q.Do(t.Context(), 3); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		commits.release <- nil
		commits.release <- nil
		wg.Wait()
	})
}
