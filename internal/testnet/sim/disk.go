package sim

import (
	"context"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/record"
	"shoal/internal/storage"
	"shoal/internal/storage/quota"
)

// disk is what outlives a process. The journal is written through; chunks are
// there after a crash only if they were synced.
type disk struct {
	starts uint64
	log    map[shoal.NodeID][]signed
	chunks map[int]map[int]*blob // by file and chunk
	stored int64                 // bytes of them
	died   map[int]time.Time     // when it was heard that no name means a file, by the wall clock
	limit  int64                 // bytes of chunks that it may hold; 0 is no limit
}

// signed is a batch as its author signed it.
type signed struct {
	record.Batch
	data []byte
}

// blob is the bytes of one chunk on one disk.
type blob struct {
	data    []byte
	synced  bool
	written time.Duration
	rotten  bool // which nobody knows who does not verify it
}

func newDisk() disk {
	return disk{log: make(map[shoal.NodeID][]signed), chunks: make(map[int]map[int]*blob), died: make(map[int]time.Time)}
}

// has is the synced chunks of a file.
func (d *disk) has(f *file) content.Bitmap {
	have := content.NewBitmap(f.chunks)
	for chunk, b := range d.chunks[f.index] {
		if b.synced {
			have.Set(chunk)
		}
	}
	return have
}

// crash drops what was written and not synced.
func (d *disk) crash() {
	for index, chunks := range d.chunks {
		for chunk, b := range chunks {
			if !b.synced {
				d.drop(index, chunk)
			}
		}
	}
}

// put writes a chunk, if it is not there.
func (d *disk) put(f *file, chunk int, data []byte, now time.Duration) {
	if d.chunks[f.index] == nil {
		d.chunks[f.index] = make(map[int]*blob)
	}
	if d.chunks[f.index][chunk] == nil {
		d.chunks[f.index][chunk] = &blob{data: data, written: now}
		d.stored += int64(len(data))
	}
}

// since is when the first of what there is of a file was written.
func (d *disk) since(f *file, now time.Duration) time.Duration {
	for _, b := range d.chunks[f.index] {
		now = min(now, b.written)
	}
	return now
}

// drop deletes a chunk, if it is there.
func (d *disk) drop(index, chunk int) {
	if b := d.chunks[index][chunk]; b != nil {
		d.stored -= int64(len(b.data))
		delete(d.chunks[index], chunk)
	}
}

// rot changes a chunk.
func (b *blob) rot() { b.data, b.rotten = wrong(b.data), true }

// wrong is bytes like those, and not the same.
func wrong(data []byte) []byte {
	data = append([]byte(nil), data...)
	data[len(data)/2] ^= 1
	return data
}

// store is a machine's disk for the wrapper that keeps it within its limit, which
// asks no more of it than this.
type store struct {
	storage.Store
	m *machine
}

// bounded is the disk as the node writes to it: within its limit.
func (m *machine) bounded() *quota.Store { return quota.New(store{m: m}, m.disk.limit) }

func (s store) Put(_ context.Context, at shoal.Chunk, data []byte) error {
	s.m.disk.put(s.m.w.file(at.File), at.Index, data, s.m.w.Now())
	return nil
}

func (s store) Get(_ context.Context, at shoal.Chunk, buf []byte) (int, error) {
	b := s.m.disk.chunks[s.m.w.file(at.File).index][at.Index]
	if b == nil {
		return 0, storage.ErrAbsent
	}
	return copy(buf, b.data), nil
}

func (s store) Usage(context.Context) (storage.Usage, error) {
	const plenty = 1 << 40
	return storage.Usage{Stored: s.m.disk.stored, Free: plenty}, nil
}

// allot says how many bytes of chunks the machine may hold; 0 is no limit.
func (m *machine) allot(limit int64) {
	m.disk.limit = limit
	if m.process != nil {
		m.process.quota = m.bounded()
	}
}
