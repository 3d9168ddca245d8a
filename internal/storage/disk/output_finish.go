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

// refused is what a sync that fails means to one output: nothing that was
// written to it can be trusted any more.
func (o *Output) refused(cause error) error {
	if errors.Is(cause, errGuard) {
		o.store.dropPlace(o.file, o.place, cause)
		return cause
	}
	err := fmt.Errorf("%w: %w", storage.ErrFailing, cause)
	o.file.mu.Lock()
	o.place.broken = err
	o.file.mu.Unlock()
	o.store.dropPlace(o.file, o.place, cause)
	return err
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
	o.settle(o.place, o.link, part)
	return nil
}

// settle has the next commit record that the output left its partial file for
// its target.
func (o *Output) settle(p *place, l *link, part string) {
	o.settled = true
	names := l.names()
	o.file.mu.Lock()
	o.file.removed = append(o.file.removed, part)
	p.folder = names
	p.changes++
	o.file.mu.Unlock()
	o.store.commits.add(o.file, 0)
}

// record waits for the commit that makes the new name durable.
func (o *Output) record(ctx context.Context) error {
	if err := o.store.sync(ctx, o.file); err != nil {
		return err
	}
	return o.lasting()
}
