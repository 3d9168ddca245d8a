package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"shoal"
	"shoal/internal/storage/body"
)

// Finish gives the output, which has every chunk, its final name, and makes it
// a linked file. All of it is durable on return. The folders and rows of many
// outputs that finish at once are synced together. Errors: shoal.Partial if a
// chunk is missing; shoal.Exists if something is at the path, which then stays
// as it is, and so does the partial file; storage.ErrFailing.
func (o *Output) Finish(ctx context.Context) error {
	if err := o.finish(ctx); err != nil {
		return fmt.Errorf("finish %s: %w", o.target, body.WriteError(err))
	}
	return nil
}

// finish has the next commit deliver the output: sync its bytes, rename it,
// sync the folder and record the file as linked, in that order. After a crash
// between the rename and the record, Output finds the file at its path.
func (o *Output) finish(ctx context.Context) error {
	if err := o.ready(); err != nil {
		return err
	}
	if o.link.At().Target == "" { // it is there
		return o.record(ctx)
	}
	if err := o.store.displace(ctx, o.target, o.place); err != nil {
		return err
	}
	a := &arrival{replace: o.replace}
	o.file.mu.Lock()
	o.place.arrival = a
	o.place.changes++
	o.file.mu.Unlock()
	o.store.commits.add(o.file, 0)
	if err := o.store.commits.wait(ctx); err != nil {
		return err
	}
	return o.arrived(a)
}

// arrived tells how the arrival went.
func (o *Output) arrived(a *arrival) error {
	o.file.mu.RLock()
	err := a.err
	o.file.mu.RUnlock()
	switch {
	case errors.Is(err, fs.ErrExist):
		return inTheWay()
	case body.Lost(err):
		o.store.dropPlace(o.file, o.place, err)
		return err
	case err != nil:
		return err
	}
	return o.lasting()
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

// rescue looks for an output whose partial file is gone at its target, where
// it is if the power went after it was renamed and before that was recorded.
func (s *Store) rescue(f *file, p *place) bool {
	l := p.linked()
	if l == nil {
		return false
	}
	at := l.At()
	if at.Target == "" || !l.Arrived() {
		return false
	}
	s.moved(f, p, at.Path)
	return true
}

// moved has the next commit record that an output left its partial file for
// its target.
func (s *Store) moved(f *file, p *place, part string) {
	names := p.linked().Names()
	f.mu.Lock()
	p.left = part
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
