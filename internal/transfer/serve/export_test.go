package serve

// Idle reports whether no memory is held for anybody.
func (s *Server) Idle() bool {
	buf, ok := s.memory.buffers.TryAcquire(BufferBytes)
	if ok {
		buf.Release()
	}
	return ok
}
