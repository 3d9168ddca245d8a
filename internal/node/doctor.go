package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"shoal"
	"shoal/internal/network/host"
	"shoal/internal/storage/disk"
)

// DoctorOptions says what Doctor may do beside looking.
type DoctorOptions struct {
	// Rebuild has what is damaged mended: the store's index is made anew from
	// what lies on the disk, of its records and of the journal is saved what
	// can be read.
	Rebuild bool

	// Moved has it taken for granted that the folder is the node's only one, and
	// that nobody has heard more from it than is in it.
	Moved bool

	// NewIdentity has the folder's node become another, which is in no shoal.
	NewIdentity bool
}

// DoctorReport is what Doctor found, in the order it looked.
type DoctorReport struct {
	Findings []Finding
}

// Finding is one thing Doctor looked at.
type Finding struct {
	OK   bool
	Text string // a sentence
	Hint string // what to do, if it is not OK
}

// lowSpace is how much room a data folder should have at least.
const lowSpace = 1 << 30

// Doctor looks a data folder over, without a node: it must not be running. It
// changes nothing in it but what the options say. The error is for what kept
// Doctor from looking, or from mending; what it found is in the report.
func Doctor(ctx context.Context, data string, opts DoctorOptions) (DoctorReport, error) {
	d := doctor{data: data, opts: opts}
	info, err := os.Stat(data)
	if errors.Is(err, fs.ErrNotExist) {
		d.add(true, "", "%s does not exist yet: the first shoal up makes it", data)
		return d.report, nil
	}
	if err != nil {
		return d.report, folderError(data, fmt.Errorf("look at the data folder: %w", err))
	}
	if !info.IsDir() {
		d.add(false, "name another data folder with --data", "%s is not a folder", data)
		return d.report, nil
	}
	d.add(info.Mode().Perm()&0o077 == 0, "chmod 700 "+data, "the data folder is for its owner alone (%v)", info.Mode().Perm())
	if !opts.NewIdentity {
		d.identity()
	}
	if err := d.store(ctx); err != nil {
		return d.report, err
	}
	if opts.NewIdentity {
		return d.report, d.newIdentity()
	}
	return d.report, d.names(ctx)
}

// doctor is one run of Doctor.
type doctor struct {
	data   string
	opts   DoctorOptions
	report DoctorReport
}

func (d *doctor) add(ok bool, hint, format string, args ...any) {
	finding := Finding{OK: ok, Text: fmt.Sprintf(format, args...)}
	if !ok {
		finding.Hint = hint
	}
	d.report.Findings = append(d.report.Findings, finding)
}

// wrong adds a problem that is an error.
func (d *doctor) wrong(what string, err error) {
	d.add(false, shoal.HintOf(folderError(d.data, err)), "%s: %v", what, err)
}

func (d *doctor) identity() {
	if err := lostIdentity(d.data); err != nil {
		d.add(false, shoal.HintOf(err), "%v", err)
		return
	}
	_, err := host.ReadIdentity(filepath.Join(d.data, identityFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.add(true, "", "there is no identity yet: the first shoal up makes one")
	case err != nil:
		d.add(false, shoal.HintOf(folderError(d.data, err)), "%v", err)
	default:
		d.add(true, "", "the identity is sound and private")
	}
}

// rebuildHint is what to do about damage in the store.
const rebuildHint = "shoal doctor --rebuild mends it, and keeps the damaged file aside; so does the next shoal up"

// store looks at the store, after it has been rebuilt if that was asked for.
func (d *doctor) store(ctx context.Context) error {
	path := filepath.Join(d.data, storeFolder)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		d.noStore()
		return nil
	}
	if d.opts.Rebuild {
		if err := d.rebuild(ctx, path); err != nil {
			return err
		}
	}
	look, err := disk.OpenToLook(ctx, path)
	switch {
	case errors.Is(err, disk.ErrInUse):
		return stopFirst(err)
	case errors.Is(err, fs.ErrNotExist):
		d.noStore()
		return nil
	case err != nil:
		d.wrong("the store does not open", err)
		return nil
	}
	err = d.lookAt(ctx, look)
	return errors.Join(err, look.Close())
}

func (d *doctor) noStore() {
	d.add(true, "", "there is no store yet: the first shoal up makes one")
	if free, err := diskFree(d.data); err == nil {
		d.space(free)
	}
}

func (d *doctor) space(free int64) {
	d.add(free >= lowSpace, "make room, or move the data folder to a larger disk (--data)", "%s is free on the disk", shoal.FormatSize(free))
}

func stopFirst(err error) error {
	return shoal.WithHint(err, "stop the node first; shoal status and shoal verify look at one that runs")
}

func (d *doctor) lookAt(ctx context.Context, look *disk.Look) error {
	for _, text := range look.Problems() {
		d.add(false, rebuildHint, "in the store, %s", text)
	}
	usage, err := look.Usage(ctx)
	if err != nil {
		return fmt.Errorf("look at the store: %w", err)
	}
	if len(look.Problems()) == 0 {
		d.add(true, "", "the store holds %d files, %s of its own and %s linked", usage.Files, shoal.FormatSize(usage.Stored), shoal.FormatSize(usage.Linked))
	}
	d.space(usage.Free)
	bare, err := look.Bare(ctx)
	if err != nil {
		return fmt.Errorf("look at the store: %w", err)
	}
	if bare > 0 {
		d.add(false, "shoal up gets them from other nodes that have them; what they have not is to be added again", "the bytes of %d of the files are gone from the store", bare)
	}
	aside, err := look.Aside()
	if err != nil {
		return fmt.Errorf("look at the store: %w", err)
	}
	if aside > 0 {
		d.add(true, "", "what was damaged, %d in number, lies in %s for you to look at, and to delete when it is of no use", aside, filepath.Join(d.data, storeFolder, "quarantine"))
	}
	return d.lone(ctx, look)
}

// rebuild opens the store, which mends what is damaged, and rebuilds it.
func (d *doctor) rebuild(ctx context.Context, path string) error {
	store, err := disk.Open(ctx, path, disk.Options{Notify: d.notice})
	if errors.Is(err, disk.ErrInUse) {
		return stopFirst(err)
	}
	if err != nil {
		return folderError(d.data, fmt.Errorf("mend the store: %w", err))
	}
	r, err := store.Rebuild(ctx)
	if err := errors.Join(err, store.Close()); err != nil {
		return folderError(d.data, fmt.Errorf("rebuild the index: %w", err))
	}
	d.add(true, "", "the index was rebuilt from %d files: %d chunks are sound, %d of them were not in it", r.Files, r.Chunks, r.Recovered)
	d.add(r.Lost == 0, "get those files again: only what is missing is fetched", "%d chunks that were in it are gone or have rotted", r.Lost)
	return nil
}

// notice is told of what a rebuild comes upon, but for the chunks, which it counts.
func (d *doctor) notice(n disk.Notice) {
	switch n.Kind {
	case disk.Rebuilt:
		d.add(true, "", "%s", n.Text)
	case disk.Quarantined:
		d.add(false, "look at it, and delete it when it is of no use", "%s", n.Text)
	case disk.Failing:
		d.add(false, "check the disk", "%s", n.Text)
	case disk.Rotten, disk.Dropped:
	}
}
