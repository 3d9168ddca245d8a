package disk

import (
	"math"
	"os"
	"strings"
	"syscall"
	"testing"

	"shoal"
	"shoal/internal/storage"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/vfs/crashfs"
)

// TestDiskFull fills the disk, and wants clear errors, reads and deletes that
// go on, and writes that do again once there is room.
func TestDiskFull(t *testing.T) {
	w := newWorld(t)
	if !w.open() {
		t.Fatal("it does not open")
	}
	defer func() { closeStore(t, w.store) }()
	ctx := t.Context()
	large, small, tiny := newSample(t, 1, 6*cs, cs), newSample(t, 2, cs, cs), newSample(t, 3, 100, cs)
	w.put(large, 0, 1)
	w.put(small, 0)
	o, err := w.store.Output(ctx, large.File, peopleDir+"/out", Refuse)
	must(t, err)

	w.disk.SetFree(layout.Reserve + cs - 1)
	for name, attempt := range map[string]func() error{
		"put":    func() error { return w.store.Put(ctx, large.ref(2), large.chunk(2)) },
		"output": func() error { return o.Put(ctx, 2, large.chunk(2)) },
		"import": func() error {
			_, err := w.store.Import(ctx, openSource(t, tempFile(t, newSample(t, 4, 5*cs, cs))), cs, nil)
			return err
		},
	} {
		err := attempt()
		wantCode(t, err, shoal.NoSpace)
		if shoal.HintOf(err) == "" {
			t.Errorf("%s: no hint", name)
		}
	}
	if trouble := w.store.Trouble(); len(trouble) != 1 || !strings.Contains(trouble[0], "full") {
		t.Errorf("got %q", trouble)
	}

	w.disk.SetFree(0)
	wantCode(t, w.store.Create(ctx, tiny.File), shoal.NoSpace)
	must(t, w.check(never))
	if w.remove(small); !w.gone[small.ID] {
		t.Error("nothing can be deleted from a full disk")
	}

	w.disk.SetFree(math.MaxInt64)
	must(t, w.store.Put(ctx, large.ref(2), large.chunk(2)))
	w.put(tiny, 0)
	fillOutput(t, o, large)
	must(t, o.Finish(ctx))
	must(t, o.Close())
	must(t, w.check(never))
	if trouble := w.store.Trouble(); len(trouble) != 0 {
		t.Errorf("it still complains: %q", trouble)
	}
}

// TestFullBetweenLookAndWrite has the system refuse a write that there seemed
// to be room for.
func TestFullBetweenLookAndWrite(t *testing.T) {
	w := newWorld(t)
	if !w.open() {
		t.Fatal("it does not open")
	}
	defer func() { closeStore(t, w.store) }()
	f := newSample(t, 1, 6*cs, cs)
	must(t, w.store.Create(t.Context(), f.File))
	w.disk.SetPlan(crashfs.FailFrom(0, syscall.ENOSPC, crashfs.OpWrite))
	wantCode(t, w.store.Put(t.Context(), f.ref(0), f.chunk(0)), shoal.NoSpace)
	w.disk.SetPlan(nil)
	putAll(t, w.store, f)
	wantWhole(t, w.store, f)
}

// TestFailedSyncIsFinal refuses one sync: nothing is durable from then on,
// whatever the disk says, what is there can be read, and the next start trusts
// only what was promised.
func TestFailedSyncIsFinal(t *testing.T) {
	for _, op := range []crashfs.Op{crashfs.OpSync, crashfs.OpSyncDir} {
		w := newWorld(t)
		if !w.open() {
			t.Fatal("it does not open")
		}
		f, other := newSample(t, 1, 6*cs, cs), newSample(t, 2, 6*cs, cs)
		w.put(f, 0, 1)
		must(t, w.store.Create(t.Context(), other.File))
		must(t, w.store.Put(t.Context(), other.ref(0), other.chunk(0)))
		w.disk.SetPlan(crashfs.FailFrom(0, syscall.EIO, op))
		wantIs(t, w.store.Sync(t.Context(), other.ID), storage.ErrFailing)
		w.disk.SetPlan(nil)
		wantIs(t, w.store.Sync(t.Context(), other.ID), storage.ErrFailing)
		wantIs(t, w.store.Put(t.Context(), f.ref(2), f.chunk(2)), storage.ErrFailing)
		wantIs(t, w.store.Create(t.Context(), newSample(t, 3, 6*cs, cs).File), storage.ErrFailing)
		wantIs(t, w.store.Delete(t.Context(), f.ID), storage.ErrFailing)
		if len(w.store.Trouble()) != 1 {
			t.Errorf("got %q", w.store.Trouble())
		}
		must(t, w.check(never))
		wantIs(t, w.store.Close(), storage.ErrFailing)
		if !w.open() {
			t.Fatal("it does not open again")
		}
		must(t, w.check(never))
		putAll(t, w.store, other)
		must(t, w.store.Close())
		must(t, os.RemoveAll(w.dir))
	}
}

// TestFailedSyncOfOutput refuses a sync of a person's file only, which is not
// the store's trouble.
func TestFailedSyncOfOutput(t *testing.T) {
	w := newWorld(t)
	if !w.open() {
		t.Fatal("it does not open")
	}
	defer func() { closeStore(t, w.store) }()
	f := newSample(t, 1, 6*cs, cs)
	o, err := w.store.Output(t.Context(), f.File, peopleDir+"/out", Refuse)
	must(t, err)
	fillOutput(t, o, f)
	w.disk.SetPlan(func(c crashfs.Call) error {
		if c.Op == crashfs.OpSync && strings.HasSuffix(c.Name, partSuffix) {
			return syscall.EIO
		}
		return nil
	})
	wantIs(t, o.Sync(t.Context()), storage.ErrFailing)
	wantIs(t, o.Finish(t.Context()), storage.ErrFailing)
	must(t, o.Close())
	w.disk.SetPlan(nil)
	putAll(t, w.store, f)
	wantWhole(t, w.store, f)
	if got := w.readAll(peopleDir + "/out"); got != nil {
		t.Error("an output that may be wrong is at its path")
	}
}
