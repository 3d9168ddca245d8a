package disk

import (
	"context"
	"time"

	"shoal"
	"shoal/internal/storage"
	"shoal/internal/storage/quota"
)

// Bounded returns the disk as a node writes to it: within its present limit. number gives
// a file's number, now the time.
func (d *Disk) Bounded(number func(shoal.FileID) int, now func() time.Duration) *quota.Store {
	return quota.New(store{disk: d, number: number, now: now}, d.Limit)
}

// store is a disk for the wrapper that keeps it within its limit, which asks no more of
// it than this.
type store struct {
	storage.Store
	disk   *Disk
	number func(shoal.FileID) int
	now    func() time.Duration
}

func (s store) Put(_ context.Context, at shoal.Chunk, data []byte) error {
	s.disk.Put(s.number(at.File), at.Index, data, s.now())
	return nil
}

func (s store) Get(_ context.Context, at shoal.Chunk, buf []byte) (int, error) {
	b := s.disk.Blob(s.number(at.File), at.Index)
	if b == nil {
		return 0, storage.ErrAbsent
	}
	return copy(buf, b.Data), nil
}

func (s store) Usage(context.Context) (storage.Usage, error) {
	const plenty = 1 << 40
	return storage.Usage{Stored: s.disk.stored, Free: plenty}, nil
}
