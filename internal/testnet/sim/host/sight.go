package host

import (
	"bytes"
	"slices"

	"shoal"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/testnet/sim/flaw"
)

// sights reads files as the names and the disk of a process have them.
type sights struct{ p *Process }

// pageSize is how many files are listed at once: few, so that there are many pages.
const pageSize = 4

// page returns the files behind one, in order of id, that names mean or meant.
func (s sights) page(after shoal.FileID) (ids []shoal.FileID) {
	for index := range s.p.Wanted {
		if id := s.p.w.Files[index].ID; bytes.Compare(id[:], after[:]) > 0 {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b shoal.FileID) int { return bytes.Compare(a[:], b[:]) })
	return ids[:min(len(ids), pageSize)]
}

// seeAll is files as the names and the disk have them.
func (s sights) seeAll(ids []shoal.FileID) (files []reconcile.Seen) {
	for _, id := range ids {
		files = append(files, s.see(s.p.w.File(id)))
	}
	return files
}

func (s sights) see(f *File) reconcile.Seen {
	seen := reconcile.Seen{File: f.ID, Here: s.p.m.Disk.Holds(f.Index), Own: s.p.m.Disk.Has(f.Index, f.Chunks())}
	if want, known := s.p.Wanted[f.Index]; known {
		seen.Known, seen.Live, seen.Size, seen.ChunkSize, seen.Copies, seen.Since = true, want.Live, f.Size, ChunkSize, want.Copies, s.p.m.Disk.Died[f.Index]
	}
	return seen
}

// garbage returns the files on the disk that no name ever meant.
func (s sights) garbage() (files []reconcile.Seen) {
	last := -1
	for _, at := range s.p.m.Disk.All() {
		if at.File == last {
			continue
		}
		last = at.File
		seen := s.see(s.p.w.Files[at.File])
		if !seen.Known && seen.Own.Count() > 0 && s.p.w.Flaw != flaw.Hoarding {
			files = append(files, seen)
		}
	}
	return files
}
