package serve

import (
	"context"
	"slices"
	"sync"

	"shoal"
)

// turns bounds how many chunks are read and hashed at once. Who has to wait does
// so in the queue of its peer, and the peers take turns: one that has many
// sessions gets no more done than one that has one, when both want much.
type turns struct {
	mu      sync.Mutex // guards the rest
	free    int
	waiting map[shoal.NodeID][]chan struct{} // those whose turn it is are closed
	ring    []shoal.NodeID                   // the keys of waiting, the next first
}

func newTurns(width int) *turns {
	return &turns{free: width, waiting: make(map[shoal.NodeID][]chan struct{})}
}

// take waits for a turn. Unless it fails it is followed by a give.
func (t *turns) take(ctx context.Context, peer shoal.NodeID) error {
	turn := t.queue(peer)
	if turn == nil {
		return nil
	}
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		t.leave(peer, turn)
		return ctx.Err()
	}
}

// queue returns nil if it is the peer's turn now, or else what will tell.
func (t *turns) queue(peer shoal.NodeID) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free > 0 {
		t.free--
		return nil
	}
	turn := make(chan struct{})
	if len(t.waiting[peer]) == 0 {
		t.ring = append(t.ring, peer)
	}
	t.waiting[peer] = append(t.waiting[peer], turn)
	return turn
}

// give passes the turn on.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.giveLocked()
}

func (t *turns) giveLocked() {
	if len(t.ring) == 0 {
		t.free++
		return
	}
	peer := t.ring[0]
	t.ring = t.ring[1:]
	close(t.waiting[peer][0])
	if t.waiting[peer] = t.waiting[peer][1:]; len(t.waiting[peer]) > 0 {
		t.ring = append(t.ring, peer)
		return
	}
	delete(t.waiting, peer)
}

// leave gives up waiting, or passes on a turn that has just come.
func (t *turns) leave(peer shoal.NodeID, turn chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.Index(t.waiting[peer], turn)
	if at < 0 {
		t.giveLocked()
		return
	}
	if t.waiting[peer] = slices.Delete(t.waiting[peer], at, at+1); len(t.waiting[peer]) == 0 {
		delete(t.waiting, peer)
		t.ring = slices.DeleteFunc(t.ring, func(p shoal.NodeID) bool { return p == peer })
	}
}
