package node

import (
	"context"
	"fmt"
	"sync"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/safety"
)

// awaitAdded waits for an added file's copies, if there is a reason to wait, and
// returns the fewest that a chunk has; 0 if nobody looked.
func (r *reconciler) awaitAdded(ctx context.Context, e shoal.Entry, wait shoal.Wait) (int, error) {
	if wait == shoal.WaitLocal {
		return 0, nil
	}
	file := repair.File{ID: e.ID, Chunks: content.ChunkSize(e.ChunkSize).Chunks(e.Size), Copies: e.Copies}
	r.look(ctx)
	said := r.n.journal.Upto(r.n.self()) // the entry, too, must be on the other node's disk
	a, err := r.call(ctx, func(c reconcile.Call) reconcile.Event {
		return reconcile.Added{Call: c, File: file, Upto: said, Usual: wait == shoal.WaitUsual}
	})
	if err != nil {
		return 0, err
	}
	return a.(reconcile.Acknowledge).Copies, nil
}

// takeIn waits until a file that has no name yet may be stored, and returns the
// function that says that it has its name, or never will.
func (r *reconciler) takeIn(ctx context.Context) (done func(), err error) {
	var call reconcile.Call
	_, err = r.call(ctx, func(c reconcile.Call) reconcile.Event {
		call = c
		return reconcile.TakeIn{Call: c}
	})
	return func() { r.post(reconcile.TakenIn{Call: call}) }, err
}

// stores is how many nodes of the shoal should hold chunks.
func (c *core) stores() (count int) {
	for _, m := range c.membership.Nodes() {
		if m.Stores() {
			count++
		}
	}
	return count
}

// safety is how the files are.
func (r *reconciler) safety(ctx context.Context) (safety.Verdict, error) {
	o := reconcile.Outside{Lost: r.n.membership.Lost(), Moved: r.n.membership.Doubtful()}
	var err error
	if o.Wanted, err = r.n.catalog.Wanted(ctx); err != nil {
		return safety.Verdict{}, fmt.Errorf("look at the catalogue: %w", err)
	}
	log, err := r.n.journal.Digest() // after the look at the files: it covers every name that was counted
	if err != nil {
		return safety.Verdict{}, fmt.Errorf("look at the journal: %w", err)
	}
	o.Log = [8]byte(log[:8])
	o.Out, _ = r.n.membership.Outside()
	return safety.Judge(r.state.Load().Shoal(r.now(), r.cfg, o)), nil
}

// shortage is the files of one call that were stored in fewer copies than they
// were waited for.
type shortage struct {
	mu    sync.Mutex
	first shoal.Entry
	have  int
	files int
}

// add notes how many copies a file has that was waited for.
func (s *shortage) add(e shoal.Entry, copies int, wait shoal.Wait) {
	if copies == 0 && wait != shoal.WaitSafe || copies >= min(2, e.Copies) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files++; s.files == 1 {
		s.first, s.have = e, copies
	}
}

// err reports files that are stored in fewer copies than add waits for.
func (s *shortage) err(nodes int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == 0 {
		return nil
	}
	what := s.first.Name + " is"
	if s.files > 1 {
		what = fmt.Sprintf("%d files are", s.files)
	}
	hint := "the missing copies are made as soon as the nodes for them answer: `shoal status` tells how it goes"
	if nodes < 2 {
		hint = "add a node: `shoal invite` makes a ticket for it"
	}
	return shoal.WithHint(fmt.Errorf("%s stored, but so far in %d of %d copies: %w", what, max(s.have, 1), s.first.Copies, shoal.BelowCopies), hint)
}
