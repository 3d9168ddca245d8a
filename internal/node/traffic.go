package node

import (
	"sync"
	"sync/atomic"

	"shoal"
)

// traffic counts file bytes to and from each peer. The peers counted are those
// that proved a key to us, at most maxCounted.
type traffic struct {
	peers sync.Map // of shoal.NodeID to *counts
	known atomic.Int64
}

// maxCounted bounds the counters; peers beyond it are not counted.
const maxCounted = 16 << 10

type counts struct{ in, out atomic.Int64 }

func (t *traffic) sent(peer shoal.NodeID, bytes int)     { t.of(peer).out.Add(int64(bytes)) }
func (t *traffic) received(peer shoal.NodeID, bytes int) { t.of(peer).in.Add(int64(bytes)) }

func (t *traffic) of(peer shoal.NodeID) *counts {
	if known, ok := t.peers.Load(peer); ok {
		return known.(*counts)
	}
	if t.known.Load() >= maxCounted {
		return new(counts)
	}
	known, loaded := t.peers.LoadOrStore(peer, new(counts))
	if !loaded {
		t.known.Add(1)
	}
	return known.(*counts)
}

// keyedLock is a lock for each file, so that two gets of one file follow each
// other: the second then finds the chunks here.
type keyedLock struct {
	mu   sync.Mutex // guards held
	held map[shoal.FileID]chan struct{}
}

// tryLock takes the lock of a file, or gives a channel that is closed when it
// may be free.
func (k *keyedLock) tryLock(id shoal.FileID) (unlock func(), busy <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if free, ok := k.held[id]; ok {
		return nil, free
	}
	if k.held == nil {
		k.held = make(map[shoal.FileID]chan struct{})
	}
	free := make(chan struct{})
	k.held[id] = free
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.held, id)
		close(free)
	}, nil
}
