package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"shoal"
	"shoal/internal/storage"
)

// Finish gives the output, which has every chunk, its final name, and makes it
// a linked file. All of it is durable on return. The folders and rows of many
// outputs that finish at once are synced together. Errors: shoal.Partial if a
// chunk is missing; shoal.Exists if something is at the path, which then stays
// as it is, and so does the partial file; storage.ErrFailing.
func (o *Output) Finish(ctx context.Context) error {
	if err := o.finish(ctx); err != nil {
		return fmt.Errorf("finish %s: %w", o.target, writeError(err))
	}
	return nil
}

// finish takes the steps whose order a crash may not break:
//
//  1. sync the bytes,
//  2. rename the partial file,
//  3. sync the folder, and record the file as linked: the commit.
//
// After a crash between 2 and 3, Output finds the file at its path.
func (o *Output) finish(ctx context.Context) error {
	if err := o.ready(); err != nil {
		return err
	}
	if o.settled {
		return o.record(ctx)
	}
	if err := o.link.Sync(); err != nil {
		return o.refused(err)
	}
	if err := o.store.displace(ctx, o.target, o.place); err != nil {
		return err
	}
	if err := o.rename(); err != nil {
		return err
	}
	return o.record(ctx)
}

// ready is an error if a chunk is missing or nothing can be written.
func (o *Output) ready() error {
	if err := o.store.writable(); err != nil {
		return err
	}
	if err := o.lasting(); err != nil {
		return err
	}
	if has := o.Has(); !has.Full() {
		return fmt.Errorf("%d of %d chunks are here: %w", has.Count(), has.Len(), shoal.Partial)
	}
	return nil
}

// refused is what a sync that fails means to one output.
func (o *Output) refused(cause error) error {
	if lost(cause) {
		o.store.dropPlace(o.file, o.place, cause)
		return cause
	}
	o.store.breakPlace(o.file, o.place, cause)
	return fmt.Errorf("%w: %w", storage.ErrFailing, cause)
}

// rename moves the partial file to the path, and the link with it.
func (o *Output) rename() error {
	part := o.link.at().path
	err := o.link.arrive(o.replace)
	switch {
	case errors.Is(err, fs.ErrExist):
		return inTheWay()
	case errors.Is(err, errGuard):
		return o.refused(err)
	case err != nil:
		return err
	}
	o.settled = true
	o.store.moved(o.file, o.place, part)
	return nil
}

// rescue looks for an output whose partial file is gone at its target, where
// it is if the power went after it was renamed and before that was recorded.
func (s *Store) rescue(f *file, p *place) bool {
	l := p.linked()
	if l == nil {
		return false
	}
	at := l.at()
	if at.target == "" || !l.arrived() {
		return false
	}
	s.moved(f, p, at.path)
	return true
}

// moved has the next commit record that an output left its partial file for
// its target.
func (s *Store) moved(f *file, p *place, part string) {
	names := p.linked().names()
	f.mu.Lock()
	f.removed = append(f.removed, part)
	p.folder = names
	p.changes++
	f.mu.Unlock()
	s.commits.add(f, 0)
}

// record waits for the commit that makes the new name durable.
func (o *Output) record(ctx context.Context) error {
	if err := o.store.sync(ctx, o.file); err != nil {
		return err
	}
	return o.lasting()
}
