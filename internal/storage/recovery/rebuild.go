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

// Report is what a rebuild found.
type Report struct {
	Files       int      // looked at
	Chunks      int      // that are here and verify
	Bytes       int64    // of those
	Recovered   int      // chunks that were here and the index did not know
	Lost        int      // chunks that the index knew and that do not verify
	Quarantined []string // files in the store's folder that could not be kept
}

// The report is nil where nobody wants one.

// Kept counts a chunk that is here as the index says.
func (r *Report) Kept(chunk []byte) {
	if r != nil {
		r.Chunks++
		r.Bytes += int64(len(chunk))
	}
}

// Found counts a chunk that is here and that the index did not know.
func (r *Report) Found(chunk []byte) {
	r.Kept(chunk)
	if r != nil {
		r.Recovered++
	}
}

// Missed counts a chunk that the index knew and that does not verify.
func (r *Report) Missed() {
	if r != nil {
		r.Lost++
	}
}

// Scope says which files a rebuild reads.
type Scope uint8

// The scopes.
const (
	Everything Scope = iota
	Strays           // those that disk and index do not agree on
)

// Store is the store that is rebuilt, and is in use meanwhile. Its methods read
// and verify chunks, so they block for as long as that takes.
type Store interface {
	// Rows gives the rows of the files that the databases know, in order of id.
	Rows(ctx context.Context) iter.Seq2[tables.Row, error]

	// Recheck corrects what is recorded of a file to what is at its places. A file
	// that is not known any more is no error.
	Recheck(ctx context.Context, id shoal.FileID, report *Report) error

	// Adopt takes up a file that the databases do not know, and Rechecks it.
	Adopt(ctx context.Context, f content.File, report *Report) error

	// Quarantine puts a file of the store's folder away. Errors: fs.ErrNotExist.
	Quarantine(name, as string) error
}

// rebuild is one run of Rebuild.
type rebuild struct {
	root   vfs.FS
	store  Store
	report *Report
	lists  map[shoal.FileID]bool // hash lists of files that no row was seen of
}

// Rebuild corrects what is recorded of a store to what is there: of the files in
// its scope that the databases know, and of those among the blobs that they do
// not. Root is the store's folder. What cannot be kept goes into quarantine.
func Rebuild(ctx context.Context, root vfs.FS, store Store, which Scope) (Report, error) {
	var report Report
	r := &rebuild{root: root, store: store, report: &report, lists: map[shoal.FileID]bool{}}
	if err := r.scan(); err != nil {
		return report, err
	}
	if err := r.known(ctx, which); err != nil {
		return report, err
	}
	for id := range r.lists { // the index does not know these
		if err := r.adopt(ctx, id); err != nil {
			return report, err
		}
	}
	return report, nil
}

// scan finds the hash lists among the blobs. What has none cannot be verified,
// and what has another name does not belong there: both go into quarantine.
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

// setAside puts a file into quarantine that a rebuild cannot keep. One that is
// gone by now was being deleted.
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

// known looks after the files the databases know, and takes them out of lists. A
// row without a hash list goes when its file is loaded.
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

// adopt takes up a file that lies among the blobs and that the index does not
// know: after a crash between the two, or when the index was lost.
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
