package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"shoal"
	"shoal/internal/catalog/database"
	"shoal/internal/catalog/journal"
	"shoal/internal/network/host"
	"shoal/internal/record"
	"shoal/internal/storage/disk"
)

// DoctorOptions says what Doctor may do beside looking.
type DoctorOptions struct {
	// Rebuild has the store's index made anew from what lies on the disk, and
	// a damaged catalogue mended.
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

// Doctor looks a data folder over, without a node: it must not be running. The
// error is for what kept Doctor from looking; what it found is in the report.
func Doctor(ctx context.Context, data string, opts DoctorOptions) (DoctorReport, error) {
	d := doctor{data: data, opts: opts}
	info, err := os.Stat(data)
	if errors.Is(err, fs.ErrNotExist) {
		d.add(true, "", "%s does not exist yet: the first shoal up makes it", data)
		return d.report, nil
	}
	if err != nil {
		return d.report, fmt.Errorf("look at the data folder: %w", err)
	}
	d.add(info.Mode().Perm()&0o077 == 0, "chmod 700 "+data, "the data folder is for its owner alone (%v)", info.Mode().Perm())
	d.identity()
	if err := d.store(ctx); err != nil {
		return d.report, err
	}
	if opts.NewIdentity {
		return d.report, d.newIdentity()
	}
	return d.report, d.catalog(ctx)
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

func (d *doctor) identity() {
	path := filepath.Join(d.data, identityFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		d.add(true, "", "there is no identity yet: the first shoal up makes one")
		return
	}
	if _, err := host.LoadIdentity(path); err != nil {
		d.add(false, shoal.HintOf(err), "%v", err)
		return
	}
	d.add(true, "", "the identity is sound and private")
}

// store opens the store, which checks its index and rebuilds one that is
// missing or damaged, and rebuilds it in any case if that was asked for.
func (d *doctor) store(ctx context.Context) error {
	store, err := disk.Open(ctx, filepath.Join(d.data, storeFolder), disk.Options{})
	if errors.Is(err, shoal.Exists) {
		return shoal.WithHint(err, "stop the node first; shoal status and shoal verify look at one that runs")
	}
	if err != nil {
		d.add(false, shoal.HintOf(err), "the store does not open: %v", err)
		return nil
	}
	defer store.Close()
	if d.opts.Rebuild {
		if err := d.rebuild(ctx, store); err != nil {
			return err
		}
	}
	usage, err := store.Usage(ctx)
	if err != nil {
		return fmt.Errorf("look at the store: %w", err)
	}
	d.add(true, "", "the store holds %d files, %d bytes of its own and %d linked", usage.Files, usage.Stored, usage.Linked)
	d.add(usage.Free >= lowSpace, "make room, or move the data folder to a larger disk (--data)", "the disk has %d bytes free", usage.Free)
	for _, trouble := range store.Trouble() {
		d.add(false, "shoal doctor --rebuild", "%s", trouble)
	}
	return nil
}

func (d *doctor) rebuild(ctx context.Context, store *disk.Store) error {
	r, err := store.Rebuild(ctx)
	if err != nil {
		return fmt.Errorf("rebuild the index: %w", err)
	}
	d.add(true, "", "the index was rebuilt from %d files: %d chunks are sound, %d of them were not in it", r.Files, r.Chunks, r.Recovered)
	d.add(r.Lost == 0, "get those files again: only what is missing is fetched", "%d chunks that were in it are gone or have rotted", r.Lost)
	for _, path := range r.Quarantined {
		d.add(false, "look at it, and delete it when it is of no use", "%s could not be kept and was set aside", path)
	}
	return nil
}

// catalog looks at what the nodes have said. The view of it is not looked at: a
// node that finds it damaged makes it anew.
func (d *doctor) catalog(ctx context.Context) error {
	path := filepath.Join(d.data, journalFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		d.add(true, "", "there are no names yet")
		return nil
	}
	key, err := host.LoadIdentity(filepath.Join(d.data, identityFile))
	if err != nil {
		return nil //nolint:nilerr // identity has told of that
	}
	known, err := loadBelonging(filepath.Join(d.data, shoalFile))
	if errors.Is(err, fs.ErrNotExist) { // the next start founds one
		known.Shoal, err = record.NodeOf(key.Public().(ed25519.PublicKey)), nil
	}
	if err != nil {
		d.add(false, shoal.HintOf(err), "which shoal this is cannot be told: %v", err)
		return nil
	}
	said, err := journal.Open(ctx, path, journal.Config{Shoal: known.Shoal, Key: key, Now: time.Now})
	if err == nil {
		err = said.Check(ctx)
		if d.opts.Moved && err == nil {
			err = said.Settle(ctx)
		}
		d.moved(said.Moved())
		err = errors.Join(err, said.Close())
	}
	if err == nil {
		d.add(true, "", "the journal of names is sound")
		return d.aside(path)
	}
	if !d.opts.Rebuild || !errors.Is(err, database.ErrDamaged) {
		d.add(false, shoal.HintOf(err), "the journal of names does not open: %v", err)
		return nil
	}
	repaired, err := journal.Repair(ctx, path, known.Shoal)
	if err != nil {
		return fmt.Errorf("mend the journal: %w", err)
	}
	d.add(true, "", "the journal was damaged and is mended: %d batches were saved, what it was is at %s", repaired.Saved, repaired.Aside)
	return nil
}

// moved tells whether the folder is another than it was.
func (d *doctor) moved(so bool) {
	switch {
	case so:
		d.add(false, "start it while the others run; if they are gone for good, shoal doctor --moved",
			"the folder was copied, restored or mended: the node will say nothing before more than half of the others have told what they heard from it")
	case d.opts.Moved:
		d.add(true, "", "the folder is taken for the node's only one: see that no copy of it is started")
	}
}

// aside tells of damaged journals that were set aside.
func (d *doctor) aside(journalPath string) error {
	damaged, err := database.Aside(journalPath)
	if err != nil {
		return fmt.Errorf("look for damaged journals: %w", err)
	}
	for _, path := range damaged {
		d.add(false, "delete it when you miss no names: until then nothing here is deleted for having none", "%s was damaged, and names may be missing that were in it", path)
	}
	return nil
}
