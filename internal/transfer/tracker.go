package transfer

import (
	"math/rand/v2"
	"sync"
	"time"

	"shoal"
)

// Bounds of a Tracker. Half an hour is the announce interval of BitTorrent
// trackers (BEP 3; chihaya's default), after which a peer that has not been
// heard of again is forgotten.
const (
	TrackedFiles = 4096
	TrackedPeers = 64 // of one file
	TrackedFor   = 30 * time.Minute
)

// Tracker remembers which peers have lately asked this node for a file: they
// have some of it by now. So any two that fetch from this node can be told of
// each other, and whoever comes later of both. Safe for use by many goroutines.
type Tracker struct {
	mu    sync.Mutex // guards files and follows; held for no I/O
	files map[shoal.FileID]map[shoal.NodeID]time.Time
	heard map[shoal.FileID]map[*Follow]struct{}
}

// Follow passes on the peers noted for one file.
type Follow struct {
	C <-chan shoal.NodeID // peers as they are noted; some are dropped if nobody reads

	tracker *Tracker
	file    shoal.FileID
	notes   chan shoal.NodeID
}

// Note remembers that peer is after the file.
func (t *Tracker) Note(file shoal.FileID, peer shoal.NodeID, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.files == nil {
		t.files = make(map[shoal.FileID]map[shoal.NodeID]time.Time)
	}
	peers := t.files[file]
	if peers == nil {
		t.makeRoomLocked()
		peers = make(map[shoal.NodeID]time.Time)
		t.files[file] = peers
	}
	if _, known := peers[peer]; !known && len(peers) >= TrackedPeers {
		dropOldest(peers)
	}
	peers[peer] = now
	t.passOnLocked(file, peer)
}

// Hear passes a peer on to those who follow a file, and does not remember it:
// it asked for a file that is not here, and may be told of it by a fetch that
// has only begun.
func (t *Tracker) Hear(file shoal.FileID, peer shoal.NodeID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.passOnLocked(file, peer)
}

func (t *Tracker) passOnLocked(file shoal.FileID, peer shoal.NodeID) {
	for follow := range t.heard[file] {
		select {
		case follow.notes <- peer:
		default:
		}
	}
}

// Forget drops a peer from every file: it is gone.
func (t *Tracker) Forget(peer shoal.NodeID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for file, peers := range t.files {
		if delete(peers, peer); len(peers) == 0 {
			delete(t.files, file)
		}
	}
}

// Others gives at most limit peers of the file, at random, but for except.
func (t *Tracker) Others(file shoal.FileID, except shoal.NodeID, limit int, now time.Time) []shoal.NodeID {
	t.mu.Lock()
	defer t.mu.Unlock()
	var others []shoal.NodeID
	for peer, seen := range t.files[file] {
		if peer != except && now.Sub(seen) < TrackedFor {
			others = append(others, peer)
		}
	}
	rand.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	return others[:min(len(others), limit)]
}

// Follow starts to pass on the peers noted for a file, those noted before at
// first; it must be Closed.
func (t *Tracker) Follow(file shoal.FileID) *Follow {
	t.mu.Lock()
	defer t.mu.Unlock()
	notes := make(chan shoal.NodeID, TrackedPeers)
	for peer := range t.files[file] {
		notes <- peer // there are at most TrackedPeers
	}
	follow := &Follow{C: notes, tracker: t, file: file, notes: notes}
	if t.heard == nil {
		t.heard = make(map[shoal.FileID]map[*Follow]struct{})
	}
	if t.heard[file] == nil {
		t.heard[file] = make(map[*Follow]struct{})
	}
	t.heard[file][follow] = struct{}{}
	return follow
}

// Close stops it.
func (f *Follow) Close() {
	f.tracker.mu.Lock()
	defer f.tracker.mu.Unlock()
	heard := f.tracker.heard[f.file]
	if delete(heard, f); len(heard) == 0 {
		delete(f.tracker.heard, f.file)
	}
}

// makeRoomLocked keeps the number of files in bounds by forgetting any one: to
// look for the best would cost more than a peer that is not told of another.
func (t *Tracker) makeRoomLocked() {
	for file := range t.files {
		if len(t.files) < TrackedFiles {
			return
		}
		delete(t.files, file)
	}
}

func dropOldest(peers map[shoal.NodeID]time.Time) {
	var oldest shoal.NodeID
	for peer, seen := range peers {
		if oldest == "" || seen.Before(peers[oldest]) {
			oldest = peer
		}
	}
	delete(peers, oldest)
}
