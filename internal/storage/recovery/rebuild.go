package recovery

import (
	"context"
	"errors"
	"io/fs"
	"iter"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/tables"
	"shoal/internal/storage/vfs"
)

// Report counts the findings of a rebuild.
type Report struct {
	Files       int      // read
	Chunks      int      // that verify
	Bytes       int64    // of those
	Recovered   int      // chunks that verify and were not recorded
	Lost        int      // chunks that were recorded and do not verify
	Quarantined []string // files of the store's folder that were moved there
}

// Kept counts a chunk that verifies and was recorded. A nil report counts nothing.
func (r *Report) Kept(chunk []byte) {
	if r != nil {
		r.Chunks++
		r.Bytes += int64(len(chunk))
	}
}

// Found counts a chunk that verifies and was not recorded.
func (r *Report) Found(chunk []byte) {
	r.Kept(chunk)
	if r != nil {
		r.Recovered++
	}
}

// Missed counts a chunk that was recorded and does not verify.
func (r *Report) Missed() {
	if r != nil {
		r.Lost++
	}
}

// Scope selects the files that a rebuild reads.
type Scope uint8

// The scopes.
const (
	Everything Scope = iota
	Strays           // files on which folder and index disagree
)

// Store is a store during its rebuild, which may be in use meanwhile. Recheck and
// Adopt read and verify chunks, and block for as long as that takes.
type Store interface {
	// Rows yields the rows of all recorded files, in order of id.
	Rows(ctx context.Context) iter.Seq2[tables.Row, error]

	// Recheck reads a file at all its places and corrects its rows. A file that was
	// deleted meanwhile is no error.
	Recheck(ctx context.Context, id shoal.FileID, report *Report) error

	// Adopt records a file that has no row, and Rechecks it.
	Adopt(ctx context.Context, f content.File, report *Report) error

	// Quarantine moves a file of the folder into quarantine. Errors: fs.ErrNotExist.
	Quarantine(name, as string) error
}

// rebuild is one run of Rebuild.
type rebuild struct {
	root   vfs.FS
	store  Store
	report *Report
	lists  map[shoal.FileID]bool // files with a hash list and, so far, no row
}

// Rebuild corrects the rows of the recorded files in its scope, and adopts files
// among the blobs that have no row. root is the store's folder. Files that cannot be
// verified go into quarantine. Errors: those of the store's methods and of root.
func Rebuild(ctx context.Context, root vfs.FS, store Store, which Scope) (Report, error) {
	var report Report
	r := &rebuild{root: root, store: store, report: &report, lists: map[shoal.FileID]bool{}}
	if err := r.scan(); err != nil {
		return report, err
	}
	if err := r.known(ctx, which); err != nil {
		return report, err
	}
	for id := range r.lists { // these have no row
		if err := r.adopt(ctx, id); err != nil {
			return report, err
		}
	}
	return report, nil
}

// scan finds the hash lists among the blobs. Data without a hash list cannot be
// verified and goes into quarantine; so do files with other names.
func (r *rebuild) scan() error {
	shards, err := r.root.List(layout.BlobsDir)
	if err != nil {
		return err
	}
	for _, shard := range shards {
		if err := r.scanShard(layout.BlobsDir + "/" + shard); err != nil {
			return err
		}
	}
	return nil
}

func (r *rebuild) scanShard(shard string) error {
	names, err := r.root.List(shard)
	if err != nil {
		return err
	}
	for _, name := range names {
		if id, suffix, ok := layout.ParseBlobName(name); ok && suffix == layout.ListSuffix && layout.ListName(id) == shard+"/"+name {
			r.lists[id] = true
		}
	}
	for _, name := range names {
		id, _, ok := layout.ParseBlobName(name)
		if ok && r.lists[id] {
			continue
		}
		if err := r.setAside(shard+"/"+name, name); err != nil {
			return err
		}
	}
	return nil
}

// setAside moves a file into quarantine. A file that is gone by now was being
// deleted, which is no error.
func (r *rebuild) setAside(name, as string) error {
	err := r.store.Quarantine(name, as)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		r.report.Quarantined = append(r.report.Quarantined, as)
	}
	return err
}

// known rechecks the recorded files, and takes them out of lists. A row without a
// hash list goes when its file is loaded.
func (r *rebuild) known(ctx context.Context, which Scope) error {
	for row, err := range r.store.Rows(ctx) {
		if err != nil {
			return err
		}
		stray := row.Size > layout.SmallFile && !r.lists[row.ID]
		delete(r.lists, row.ID)
		if which == Strays && !stray {
			continue
		}
		if err := r.store.Recheck(ctx, row.ID, r.report); err != nil {
			return err
		}
	}
	return nil
}

// adopt records a file among the blobs that has no row: after a crash between the
// two writes, or when the index was lost.
func (r *rebuild) adopt(ctx context.Context, id shoal.FileID) error {
	f, err := layout.ReadList(r.root, id)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // deleted meanwhile
	case errors.Is(err, layout.ErrList):
		return errors.Join(r.setAside(layout.ListName(id), id.String()+layout.ListSuffix),
			r.setAside(layout.DataName(id), id.String()+layout.DataSuffix))
	case err != nil:
		return err
	}
	return r.store.Adopt(ctx, f, r.report)
}
