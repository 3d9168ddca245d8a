package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"unicode/utf8"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/body"
	"shoal/internal/storage/tables"
	"shoal/internal/storage/vfs"
)

// Replace says what an Output does with what is at its path.
type Replace uint8

// The ways to treat what is there.
const (
	Refuse    Replace = iota // shoal.Exists
	Overwrite                // it is gone when the output is finished, and not before
)

const (
	partSuffix = ".shoal-part"
	maxBase    = 255 // bytes of a name, to every file system of Linux
)

// move is how something is renamed to a path.
func (r Replace) move() func(folder vfs.FS, from, to string) error {
	if r == Overwrite {
		return vfs.FS.Rename
	}
	return vfs.FS.RenameNew
}

// Output is a file on its way to a path of a person's. Its chunks are written
// to a partial file beside the path, and are served from there meanwhile. It
// may be used by many goroutines at once, but for Finish and Close.
type Output struct {
	store   *Store
	file    *file
	place   *place
	link    *body.Link
	target  string
	replace Replace

	closed bool
}

// outputs is the partial files that somebody writes to now.
type outputs struct {
	// mu guards the set.
	mu    sync.Mutex
	paths map[string]bool
}

func (o *outputs) claim(path string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.paths[path] {
		return fmt.Errorf("another transfer writes there: %w", shoal.Exists)
	}
	if o.paths == nil {
		o.paths = map[string]bool{}
	}
	o.paths[path] = true
	return nil
}

func (o *outputs) give(path string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.paths, path)
}

// Output begins, or goes on with, writing the file c to path, in a folder that
// is there. Chunks that an earlier Output of the same file to the same path
// had made durable are kept, if they still verify; the partial file of another
// is replaced. Errors: shoal.Exists if something is at path and replace says
// Refuse, or if another Output has the path; those of Create.
func (s *Store) Output(ctx context.Context, c content.File, path string, replace Replace) (*Output, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("output to %s: %w", path, err)
	}
	part := partPath(path)
	if err := s.outputs.claim(part); err != nil {
		return nil, fmt.Errorf("output to %s: %w", path, err)
	}
	o, err := s.output(ctx, c, path, part, replace)
	if err != nil {
		s.outputs.give(part)
		return nil, fmt.Errorf("output to %s: %w", path, body.WriteError(err))
	}
	return o, nil
}

// partPath is where the output to a path is written: `.NAME.shoal-part` beside
// it. A name too long for that is cut.
func partPath(path string) string {
	dir, base := filepath.Split(path)
	if room := maxBase - len(".") - len(partSuffix); len(base) > room {
		for room > 0 && !utf8.RuneStart(base[room]) {
			room--
		}
		base = base[:room]
	}
	return filepath.Join(dir, "."+base+partSuffix)
}

func (s *Store) output(ctx context.Context, c content.File, path, part string, replace Replace) (*Output, error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	f, err := s.ensure(ctx, c)
	if err != nil {
		return nil, err
	}
	o := &Output{store: s, file: f, target: path, replace: replace}
	if err := o.begin(ctx, part); err != nil {
		s.giveBack(f)
		return nil, err
	}
	return o, nil
}

// begin finds the place of an interrupted output, or makes a new one.
func (o *Output) begin(ctx context.Context, part string) error {
	if ok, err := o.resume(ctx, part); ok || err != nil {
		return err
	}
	if err := o.refuse(); err != nil {
		return err
	}
	if err := o.store.displace(ctx, part, nil); err != nil {
		return err
	}
	return o.start(part)
}

// refuse is shoal.Exists if something is in the way, so that this is known
// before the bytes are fetched. Finish makes sure.
func (o *Output) refuse() error {
	if o.replace == Overwrite {
		return nil
	}
	folder, err := o.store.system.Root(filepath.Dir(o.target))
	if err != nil {
		return err
	}
	_, err = folder.Stat(filepath.Base(o.target))
	if err == nil {
		err = inTheWay()
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, folder.Close())
}

func inTheWay() error {
	return shoal.WithHint(fmt.Errorf("something is there: %w", shoal.Exists), "choose another output, or add --force to replace it")
}

// resume takes up the place that an earlier output left, with every chunk in
// it that verifies. ok is false if there is none.
func (o *Output) resume(ctx context.Context, part string) (ok bool, err error) {
	for _, p := range o.file.all() {
		l := p.linked()
		if l == nil || l.At().Path != part || l.At().Target != o.target {
			continue
		}
		o.place, o.link = p, l
		return o.reach(ctx, p, l)
	}
	return false, nil
}

// reach opens the link of an earlier output, at its partial file or, if the
// power went when it was renamed and before that was recorded, at its target.
func (o *Output) reach(ctx context.Context, p *place, l *body.Link) (ok bool, err error) {
	var room *body.Space
	var failure error
	err = l.Use(func(folder vfs.FS) error {
		room, failure = o.store.spaceAt(folder)
		return nil
	})
	switch {
	case err == nil:
		l.Watch(room)
		return failure == nil, errors.Join(failure, o.store.recheckPresent(ctx, o.file, p))
	case !errors.Is(err, body.ErrGuard):
		return false, err
	case o.store.rescue(o.file, p):
		return true, o.store.recheck(ctx, o.file, p, nil)
	}
	o.store.dropPlace(o.file, p, err)
	return false, nil
}

// start makes an empty partial file of full size.
func (o *Output) start(part string) error {
	folder, err := o.store.system.Root(filepath.Dir(part))
	if err != nil {
		return err
	}
	l, err := o.create(folder, part)
	if err != nil {
		return errors.Join(err, folder.Close())
	}
	p := newPlace(l, content.NewBitmap(o.file.Chunks()))
	p.folder = l.Names()
	o.place, o.link = p, l
	return o.file.attach(p)
}

func (o *Output) create(folder vfs.FS, part string) (*body.Link, error) {
	room, err := o.store.spaceAt(folder)
	if err != nil {
		return nil, err
	}
	base := filepath.Base(part)
	if err := vfs.RemoveIfThere(folder, base); err != nil {
		return nil, err
	}
	file, err := folder.Open(base, vfs.CreateOpen)
	if err != nil {
		return nil, err
	}
	err = file.Truncate(o.file.Size)
	var info vfs.Info
	if err == nil {
		info, err = file.Stat()
	}
	if err != nil {
		return nil, errors.Join(err, file.Close(), folder.Remove(base))
	}
	g := body.GuardOf(info)
	g.MTime = 0 // it changes with every chunk
	return body.NewOutput(o.store.system, tables.Spot{Path: part, Target: o.target, Guard: g}, folder, file, room), nil
}

// Put writes one chunk, which the caller has verified. It is then served from
// here. Errors are as for storage.Writer.Put.
func (o *Output) Put(ctx context.Context, i int, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := o.store.put(o.file, o.place, i, data); err != nil {
		return fmt.Errorf("write chunk %d of %s: %w", i, o.target, err)
	}
	return nil
}

// Has is the chunks that are in this output, durable or not. It is the
// caller's.
func (o *Output) Has() content.Bitmap { return o.file.readable(o.place) }

// Sync makes durable what was put before it, for a later Output to find.
func (o *Output) Sync(ctx context.Context) error {
	if err := o.store.sync(ctx, o.file); err != nil {
		return fmt.Errorf("sync %s: %w", o.target, err)
	}
	return o.lasting()
}

// lasting is storage.ErrFailing if the output's own disk refused a sync.
func (o *Output) lasting() error {
	o.file.mu.RLock()
	defer o.file.mu.RUnlock()
	if err := o.file.usable(o.place); err != nil {
		return fmt.Errorf("output to %s: %w", o.target, err)
	}
	return nil
}

// Close lets go of the output. One that is not finished stays where it is, for
// another Output to go on with.
func (o *Output) Close() error {
	if o.closed {
		return nil
	}
	o.closed = true
	o.store.outputs.give(partPath(o.target))
	o.store.giveBack(o.file)
	return nil
}
