// Package doctor examines the data folder of a node that does not run, and repairs it
// on request. It opens the files of each chapter by itself, without a node.
//
// It fetches nothing from other nodes: the running node does that.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"shoal"
	"shoal/internal/datadir"
	"shoal/internal/network/host"
	"shoal/internal/storage/disk"
	"shoal/internal/storage/recovery"
)

// Options says what Run may change.
type Options struct {
	// Rebuild repairs damage: it makes the store's index anew from the files on
	// the disk, and saves the readable part of the records and of the journal.
	Rebuild bool

	// Moved says that the folder is the node's only one, and that no other node
	// has heard more from it than the folder holds.
	Moved bool

	// NewIdentity makes the folder that of a new node, which is in no shoal.
	NewIdentity bool
}

// Report lists the findings of Run in the order of its checks.
type Report struct {
	Findings []Finding
}

// Finding is the result of one check.
type Finding struct {
	OK   bool
	Text string // a sentence
	Hint string // what to do, if it is not OK
}

// lowSpace is the free space in bytes that a data folder should have.
const lowSpace = 1 << 30

// Run examines a data folder. No node may run on it. Run changes the folder only as
// the options say. The error says why Run could not examine or repair it; findings
// are in the report.
func Run(ctx context.Context, data string, opts Options) (Report, error) {
	d := examination{data: data, opts: opts}
	info, err := os.Stat(data)
	if errors.Is(err, fs.ErrNotExist) {
		d.add(true, "", "%s does not exist yet: the first shoal up makes it", data)
		return d.report, nil
	}
	if err != nil {
		return d.report, datadir.Explain(data, fmt.Errorf("look at the data folder: %w", err))
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

// examination is one call of Run.
type examination struct {
	data   string
	opts   Options
	report Report
}

func (d *examination) add(ok bool, hint, format string, args ...any) {
	finding := Finding{OK: ok, Text: fmt.Sprintf(format, args...)}
	if !ok {
		finding.Hint = hint
	}
	d.report.Findings = append(d.report.Findings, finding)
}

// wrong adds a problem that is an error.
func (d *examination) wrong(what string, err error) {
	d.add(false, shoal.HintOf(datadir.Explain(d.data, err)), "%s: %v", what, err)
}

func (d *examination) identity() {
	if err := datadir.CheckIdentity(d.data); err != nil {
		d.add(false, shoal.HintOf(err), "%v", err)
		return
	}
	_, err := host.ReadIdentity(filepath.Join(d.data, datadir.Identity))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.add(true, "", "there is no identity yet: the first shoal up makes one")
	case err != nil:
		d.add(false, shoal.HintOf(datadir.Explain(d.data, err)), "%v", err)
	default:
		d.add(true, "", "the identity is sound and private")
	}
}

// rebuildHint is the hint for damage in the store.
const rebuildHint = "shoal doctor --rebuild mends it, and keeps the damaged file aside; so does the next shoal up"

// store looks at the store, after it has been rebuilt if that was asked for.
func (d *examination) store(ctx context.Context) error {
	path := filepath.Join(d.data, datadir.Store)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		d.noStore()
		return nil
	}
	if d.opts.Rebuild {
		if err := d.rebuild(ctx, path); err != nil {
			return err
		}
	}
	look, err := recovery.OpenToLook(ctx, path)
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

func (d *examination) noStore() {
	d.add(true, "", "there is no store yet: the first shoal up makes one")
	if free, err := datadir.Free(d.data); err == nil {
		d.space(free)
	}
}

func (d *examination) space(free int64) {
	d.add(free >= lowSpace, "make room, or move the data folder to a larger disk (--data)", "%s is free on the disk", shoal.FormatSize(free))
}

func stopFirst(err error) error {
	return shoal.WithHint(err, "stop the node first; shoal status and shoal verify look at one that runs")
}

func (d *examination) lookAt(ctx context.Context, look *recovery.Look) error {
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
		d.add(true, "", "what was damaged, %d in number, lies in %s for you to look at, and to delete when it is of no use", aside, filepath.Join(d.data, datadir.Store, "quarantine"))
	}
	return d.lone(ctx, look)
}

// rebuild opens the store, which mends what is damaged, and rebuilds it.
func (d *examination) rebuild(ctx context.Context, path string) error {
	store, err := disk.Open(ctx, path, disk.Options{Notify: d.notice})
	if errors.Is(err, disk.ErrInUse) {
		return stopFirst(err)
	}
	if err != nil {
		return datadir.Explain(d.data, fmt.Errorf("mend the store: %w", err))
	}
	r, err := store.Rebuild(ctx)
	if err := errors.Join(err, store.Close()); err != nil {
		return datadir.Explain(d.data, fmt.Errorf("rebuild the index: %w", err))
	}
	d.add(true, "", "the index was rebuilt from %d files: %d chunks are sound, %d of them were not in it", r.Files, r.Chunks, r.Recovered)
	d.add(r.Lost == 0, "get those files again: only what is missing is fetched", "%d chunks that were in it are gone or have rotted", r.Lost)
	return nil
}

// notice adds the notices of the store during a rebuild to the report. The rebuild
// itself counts chunks.
func (d *examination) notice(n disk.Notice) {
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
