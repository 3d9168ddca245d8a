package download

import (
	"context"
	"sync"

	"shoal"
)

// keyedLock is a lock for each file, so that two gets of one file follow each
// other: the second then finds the chunks here.
type keyedLock struct {
	mu   sync.Mutex // guards held
	held map[shoal.FileID]chan struct{}
}

// lock waits until nobody holds the lock of a file, and takes it. Errors: the cause
// of the end of ctx.
func (k *keyedLock) lock(ctx context.Context, id shoal.FileID) (unlock func(), err error) {
	for {
		unlock, busy := k.tryLock(id)
		if unlock != nil {
			return unlock, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
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
