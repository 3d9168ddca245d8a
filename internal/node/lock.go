package node

import (
	"sync"

	"shoal"
)

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
