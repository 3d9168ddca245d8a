package quota

import "sync"

// ledger knows how many bytes are taken at most. It errs to the high side: it is
// not told of what is deleted, or was put again. It is set right when it would
// be the reason to refuse, so that being right costs nothing while there is
// room.
type ledger struct {
	mu       sync.Mutex
	taken    int64 // bytes in the store, or promised, or neither any more
	promised int64
}

// take takes room for bytes, if they fit below the limit.
func (l *ledger) take(bytes, limit int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.takeLocked(bytes, limit)
}

func (l *ledger) takeLocked(bytes, limit int64) bool {
	if bytes > limit-l.taken {
		return false
	}
	l.taken += bytes
	return true
}

// giveBack undoes a take.
func (l *ledger) giveBack(bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken -= bytes
}

// promise is a take that a set does not forget, until keep is called.
func (l *ledger) promise(bytes, limit int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	ok := l.takeLocked(bytes, limit)
	if ok {
		l.promised += bytes
	}
	return ok
}

// keep ends a promise. Whether its bytes were stored the next set will know.
func (l *ledger) keep(bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.promised -= bytes
}

// set says how much is in the store. No take is under way.
func (l *ledger) set(stored int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = stored + l.promised
}

func (l *ledger) now() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken
}

func (l *ledger) outstanding() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.promised
}
