// Package disk models the disks of a simulated shoal: what outlives a process, what a
// power cut takes, rot, and backups.
package disk

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/record"
)

// Disk is what outlives a process. The journal is written through; chunks are
// there after a crash only if they were synced. Files have numbers here.
type Disk struct {
	Starts uint64 // how often the node has started
	Log    map[shoal.NodeID][]Batch
	Died   map[int]time.Time // when it was heard that no name means a file, by the wall clock
	Limit  int64             // bytes of chunks that it may hold; 0 is no limit

	chunks Chunks
	stored int64 // bytes of them
}

// Chunks is the chunks on a disk, by file and index.
type Chunks map[int]map[int]*Blob

// Batch is a batch as its author signed it.
type Batch struct {
	record.Batch
	Data []byte
}

// Blob is the bytes of one chunk on one disk.
type Blob struct {
	Data    []byte
	Synced  bool
	Rotten  bool // which nobody knows who does not verify it
	written time.Duration
}

// At is the place of a chunk.
type At struct{ File, Chunk int }

// New returns an empty disk.
func New() Disk {
	return Disk{Log: make(map[shoal.NodeID][]Batch), Died: make(map[int]time.Time), chunks: make(Chunks)}
}

// Stored returns how many bytes of chunks there are.
func (d *Disk) Stored() int64 { return d.stored }

// Blob returns a chunk, nil if it is not there.
func (d *Disk) Blob(file, chunk int) *Blob { return d.chunks[file][chunk] }

// Holds reports whether there is anything of a file, synced or not.
func (d *Disk) Holds(file int) bool { return len(d.chunks[file]) > 0 }

// Has returns the synced chunks of a file of so many.
func (d *Disk) Has(file, chunks int) content.Bitmap {
	have := content.NewBitmap(chunks)
	for chunk, b := range d.chunks[file] {
		if b.Synced {
			have.Set(chunk)
		}
	}
	return have
}

// All returns the places of all chunks, in order.
func (d *Disk) All() (all []At) {
	for file, chunks := range d.chunks {
		for chunk := range chunks {
			all = append(all, At{file, chunk})
		}
	}
	slices.SortFunc(all, func(a, b At) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Chunk, b.Chunk)) })
	return all
}

// Chunks returns all chunks. They are shared, the maps are not.
func (d *Disk) Chunks() Chunks {
	all := make(Chunks)
	for file, chunks := range d.chunks {
		all[file] = maps.Clone(chunks)
	}
	return all
}

// Crash drops what was written and not synced.
func (d *Disk) Crash() {
	for file, chunks := range d.chunks {
		for chunk, b := range chunks {
			if !b.Synced {
				d.Drop(file, chunk)
			}
		}
	}
}

// Put writes a chunk, if it is not there.
func (d *Disk) Put(file, chunk int, data []byte, now time.Duration) {
	if d.chunks[file] == nil {
		d.chunks[file] = make(map[int]*Blob)
	}
	if d.chunks[file][chunk] == nil {
		d.chunks[file][chunk] = &Blob{Data: data, written: now}
		d.stored += int64(len(data))
	}
}

// Since returns when the first of what there is of a file was written; now, if there is
// nothing.
func (d *Disk) Since(file int, now time.Duration) time.Duration {
	for _, b := range d.chunks[file] {
		now = min(now, b.written)
	}
	return now
}

// Drop deletes a chunk, if it is there.
func (d *Disk) Drop(file, chunk int) {
	if b := d.chunks[file][chunk]; b != nil {
		d.stored -= int64(len(b.Data))
		delete(d.chunks[file], chunk)
	}
}

// Backup returns a copy of what is durable and has not rotted.
func (d *Disk) Backup() Disk {
	c := Disk{Starts: d.Starts, Log: maps.Clone(d.Log), Died: maps.Clone(d.Died), chunks: make(Chunks)}
	for file, chunks := range d.chunks {
		c.chunks[file] = make(map[int]*Blob)
		for chunk, b := range chunks {
			if b.Synced && !b.Rotten {
				same := *b
				c.chunks[file][chunk] = &same
				c.stored += int64(len(b.Data))
			}
		}
	}
	return c
}

// Rot changes the bytes of a chunk.
func (b *Blob) Rot() { b.Data, b.Rotten = Wrong(b.Data), true }

// Wrong returns bytes like those, and not the same.
func Wrong(data []byte) []byte {
	data = append([]byte(nil), data...)
	data[len(data)/2] ^= 1
	return data
}
