package node

import (
	"context"

	"shoal"
)

// naming is that a file was just named: somebody may be waiting for its copies.
type naming struct {
	by     shoal.NodeID
	served chan struct{} // closed when this node has its part
}

// expect notes that a file was just named. The caller holds mu.
func (s *steward) expect(id shoal.FileID, by shoal.NodeID) {
	if _, known := s.waited[id]; !known && len(s.waited) < newsLimit {
		s.waited[id] = naming{by: by, served: make(chan struct{})}
	}
}

// served notes that this node has its part of a file. The caller holds mu.
func (s *steward) served(id shoal.FileID) {
	if named, so := s.waited[id]; so {
		close(named.served)
		delete(s.waited, id)
	}
}

// namedBy is who has just named a file, and so has it.
func (s *steward) namedBy(id shoal.FileID) (by shoal.NodeID, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	named, fresh := s.waited[id]
	return named.by, fresh
}

// awaitPart waits until this node has its part of a file that was just named, or
// ctx ends.
func (s *steward) awaitPart(ctx context.Context, id shoal.FileID) {
	s.mu.Lock()
	named, so := s.waited[id]
	s.mu.Unlock()
	if !so {
		return
	}
	select {
	case <-named.served:
	case <-ctx.Done():
	}
}
