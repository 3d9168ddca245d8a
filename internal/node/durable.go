package node

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/redundancy/repair"
)

// How long an added file is waited for.
const (
	firstAsk = 20 * time.Millisecond // after the entry was written; then twice as long each time
	lastAsk  = time.Second
	// stillFor is how long nothing may have come closer before the wait is
	// given up: the holders go on all the same. fewFor is the same while too few
	// nodes answer, or some have no room; one that has just joined is believed
	// after three beats.
	stillFor = 30 * time.Second
	fewFor   = 6 * time.Second
)

// awaitCopies waits until every chunk of a file lies durably on as many distinct
// nodes as can be, at most two and at most the wanted ones, this one among them
// if it has it in its own store. It returns how many there are at the least.
func (n *Node) awaitCopies(ctx context.Context, e shoal.Entry) (int, error) {
	chunks := content.ChunkSize(e.ChunkSize).Chunks(e.Size)
	if chunks == 0 {
		return e.Copies, nil // nothing to lose
	}
	n.steward.look()
	upto := n.journal.Upto(n.self()) // the entry, too, must be on the other node's disk
	want := min(2, e.Copies)
	best, sum, since := 0, -1, time.Now()
	for wait := firstAsk; ; wait = min(2*wait, lastAsk) {
		least, total, err := n.countCopies(ctx, e, chunks, upto, want)
		if err != nil {
			return best, err
		}
		if best = least; best >= want {
			return best, nil
		}
		if total > sum {
			sum, since = total, time.Now()
		}
		patience := stillFor
		if n.reachable(e, chunks) < want || n.steward.anyFull() {
			patience = fewFor
		}
		if n.stores() < want || time.Since(since) > patience {
			return best, nil
		}
		n.steward.look()
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return best, ctx.Err()
		}
	}
}

// reachable is on how many nodes a file can lie now.
func (n *Node) reachable(e shoal.Entry, chunks int) int {
	on := len(n.steward.keepers(repair.File{ID: e.ID, Chunks: chunks, Copies: e.Copies}))
	if own, err := n.store.Own(n.ctx, e.ID); err == nil && own.Full() && !n.membership.Node(n.self()).Stores() {
		on++
	}
	return max(on, 1)
}

// countCopies asks the holders of a file, as far as they have heard what this node
// said up to a number, what they have, and gives the fewest
// copies that a chunk has, and how many there are of all. It does not wait for
// those that answer when there are as many as wanted.
func (n *Node) countCopies(ctx context.Context, e shoal.Entry, chunks int, upto uint64, want int) (least, total int, err error) {
	sum, early := make(copyCount, chunks), make(copyCount, chunks)
	if own, err := n.store.Own(ctx, e.ID); err == nil {
		sum.add(own)
		early.add(own)
	}
	keepers := n.steward.keepers(repair.File{ID: e.ID, Chunks: chunks, Copies: e.Copies})
	answers := n.askUntil(ctx, keepers, wire.Ask{File: e.ID, Chunks: chunks, Upto: upto, Waited: true}, func(h holding) bool {
		early.add(h.Has)
		return slices.Min(early) >= want
	})
	for _, h := range answers {
		sum.add(h.Has)
	}
	for _, count := range sum {
		total += count
	}
	return slices.Min(sum), total, ctx.Err()
}

// copyCount is how many copies of each chunk there are.
type copyCount []int

func (c copyCount) add(have content.Bitmap) {
	for chunk := range have.All {
		c[chunk]++
	}
}

// stores is how many nodes of the shoal should hold chunks.
func (n *Node) stores() (count int) {
	for _, m := range n.membership.Nodes() {
		if m.Stores() {
			count++
		}
	}
	return count
}

// awaitAdded waits for an added file's copies, if it is to be waited for, and
// returns how many there are; 0 if nobody looked.
func (n *Node) awaitAdded(ctx context.Context, e shoal.Entry, wait shoal.Wait) (int, error) {
	if e.Copies == 0 || wait == shoal.WaitLocal || wait == shoal.WaitUsual && n.stores() < 2 {
		return 0, nil
	}
	return n.awaitCopies(ctx, e)
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

// err is what a person is told whose files are stored in fewer copies than they
// should be before they can turn away.
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
