package disk

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/sums"
	"shoal/internal/storage/vfs"
	"shoal/internal/storage/vfs/crashfs"
)

// world is a store on a file system that fails or loses its power when it is
// told to, and the memory of what the store has promised.
type world struct {
	t     testing.TB
	dir   string // of the store; on the real disk for the databases
	disk  *crashfs.System
	store *Store

	samples  map[shoal.FileID]sample
	promised map[shoal.FileID]map[int]bool // chunks that a Sync, Import or Finish said are durable
	gone     map[shoal.FileID]bool         // files that a Delete said are gone

	discarded map[shoal.FileID]content.Bitmap // chunks that a Discard said are gone from the store
	outputs   map[string]shoal.FileID         // paths that a Finish said are there
}

const peopleDir = "/people"

func newWorld(t testing.TB) *world {
	t.Helper()
	dir := memoryDir(t)
	w := &world{
		t: t, dir: dir, disk: crashfs.New(),
		samples: map[shoal.FileID]sample{}, promised: map[shoal.FileID]map[int]bool{},
		gone: map[shoal.FileID]bool{}, discarded: map[shoal.FileID]content.Bitmap{}, outputs: map[string]shoal.FileID{},
	}
	w.disk.Mkdir(dir)
	w.disk.Mkdir(peopleDir)
	return w
}

// memoryDir is a folder for databases whose own syncs are not what is tested,
// and would take most of the time: in memory, if the system has that.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shoal") //nolint:usetesting // t.TempDir is on the disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

// open opens the store, and reports whether it could.
func (w *world) open() bool {
	w.t.Helper()
	var err error
	w.store, err = Open(w.t.Context(), w.dir, Options{System: w.disk})
	return err == nil
}

// crash ends the store, cuts the power and opens what is left.
func (w *world) crash(rng *rand.Rand) {
	w.t.Helper()
	w.disk.SetPlan(crashfs.FailAt(0, crashfs.ErrPower))
	if w.store != nil {
		_ = w.store.Close() // the databases; nothing else can be written
	}
	w.disk = w.disk.Crash(rng)
	if !w.open() {
		_, err := Open(w.t.Context(), w.dir, Options{System: w.disk})
		w.t.Fatalf("the store does not open after a crash: %v", err)
	}
}

func (w *world) promise(f sample, chunks ...int) {
	delete(w.gone, f.ID)
	if w.promised[f.ID] == nil {
		w.promised[f.ID] = map[int]bool{}
	}
	for _, i := range chunks {
		w.promised[f.ID][i] = true
	}
}

func (w *world) use(f sample) sample {
	w.samples[f.ID] = f
	return f
}

// put creates a file if need be and puts the chunks; those that went well are
// durable if the sync is.
func (w *world) put(f sample, chunks ...int) {
	w.use(f)
	ctx := w.t.Context()
	delete(w.gone, f.ID) // from now on nobody knows
	delete(w.discarded, f.ID)
	if w.store.Create(ctx, f.File) != nil {
		return
	}
	var done []int
	for _, i := range chunks {
		if w.store.Put(ctx, f.ref(i), f.chunk(i)) == nil {
			done = append(done, i)
		}
	}
	if w.store.Sync(ctx, f.ID) == nil {
		w.promise(f, done...)
	}
}

func (w *world) remove(f sample) {
	w.use(f)
	delete(w.promised, f.ID) // from now on nobody knows
	if w.store.Delete(w.t.Context(), f.ID) == nil {
		w.gone[f.ID] = true
	}
}

// discard gives chunks up; if that went well they are absent until they are put
// again.
func (w *world) discard(f sample, chunks ...int) {
	w.use(f)
	given := content.NewBitmap(f.Chunks())
	for _, i := range chunks {
		given.Set(i)
		delete(w.promised[f.ID], i) // from now on nobody knows
	}
	before, err := w.store.Own(w.t.Context(), f.ID)
	if err != nil || f.small() {
		return
	}
	if _, err := w.store.Discard(w.t.Context(), f.ID, given); err != nil {
		return
	}
	own, err := w.store.Own(w.t.Context(), f.ID)
	for i := range before.All {
		if err == nil && given.Has(i) == own.Has(i) {
			w.t.Errorf("chunk %d of %s: given up %v, and there %v", i, f.ID.Short(), given.Has(i), own.Has(i))
		}
	}
	w.discarded[f.ID] = given
}

func (s sample) small() bool { return s.Size <= layout.SmallFile }

func (w *world) imports(f sample) {
	w.use(f)
	src, err := os.Open(tempFile(w.t, f))
	must(w.t, err)
	defer src.Close()
	delete(w.gone, f.ID)
	delete(w.discarded, f.ID)
	if _, err := w.store.Import(w.t.Context(), src, f.ChunkSize, nil); err == nil {
		w.promise(f, slices.Collect(upTo(f.Chunks()))...)
	}
}

// output writes the chunks to a path, and finishes if they are all.
func (w *world) output(f sample, path string, replace Replace, chunks ...int) {
	w.use(f)
	ctx := w.t.Context()
	delete(w.gone, f.ID)
	o, err := w.store.Output(ctx, f.File, path, replace)
	if err != nil {
		return
	}
	defer o.Close()
	var done []int
	for _, i := range chunks {
		if o.Put(ctx, i, f.chunk(i)) == nil {
			done = append(done, i)
		}
	}
	if o.Sync(ctx) == nil {
		w.promise(f, done...)
	}
	if !o.Has().Full() {
		return
	}
	if replace == Overwrite {
		delete(w.outputs, path) // from now on nobody knows
	}
	if o.Finish(ctx) == nil {
		w.outputs[path] = f.ID
		w.promise(f, slices.Collect(upTo(f.Chunks()))...)
	}
}

func upTo(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// check wants every promise kept, nothing counted that cannot be read, and
// nothing read that was not written.
func (w *world) check(mayLose func(shoal.Chunk) bool) error {
	for id, f := range w.samples {
		has, err := w.store.Has(w.t.Context(), id)
		if w.gone[id] && shoal.CodeOf(err) != shoal.NotFound {
			return fmt.Errorf("file %s was deleted and is here: %w", id.Short(), err)
		}
		for i := range f.Chunks() {
			data, failure := w.read(f, i)
			counts := err == nil && has.Has(i)
			switch {
			case failure == nil && !bytes.Equal(data, f.chunk(i)):
				return fmt.Errorf("chunk %s is wrong", f.ref(i))
			case failure == nil || mayLose(f.ref(i)):
			case counts:
				return fmt.Errorf("chunk %s counts as present: %w", f.ref(i), failure)
			case w.promised[id][i]:
				return fmt.Errorf("chunk %s was promised: %w", f.ref(i), failure)
			}
		}
	}
	if err := w.checkSums(); err != nil {
		return err
	}
	for id, given := range w.discarded {
		own, err := w.store.Own(w.t.Context(), id)
		for i := range given.All {
			if err == nil && own.Has(i) {
				return fmt.Errorf("chunk %s was given up and counts as present", w.samples[id].ref(i))
			}
		}
	}
	for path, id := range w.outputs {
		if got := w.readAll(path); !bytes.Equal(got, w.samples[id].data) {
			return fmt.Errorf("output %s is not %s, as was promised", path, id.Short())
		}
	}
	return nil
}

// checkSums wants every sum that was recorded to be of a chunk that counts, and
// of its right bytes.
func (w *world) checkSums() error {
	for id, f := range w.samples {
		known, err := w.store.acquire(w.t.Context(), id)
		if err != nil {
			continue
		}
		defer w.store.giveBack(known)
		for _, p := range known.all() {
			for i, sum := range p.sums {
				if sum != 0 && (!known.has(p, i) || sum != sums.Of(f.chunk(i))) {
					return fmt.Errorf("chunk %s has the sum %08x", f.ref(i), sum)
				}
			}
		}
	}
	return nil
}

func (w *world) read(f sample, i int) ([]byte, error) {
	buf := make([]byte, f.ChunkSize)
	n, err := w.store.Get(w.t.Context(), f.ref(i), buf)
	return buf[:n], err
}

// readAll reads a file of the world's disk.
func (w *world) readAll(path string) []byte {
	root, err := w.disk.Root("/")
	must(w.t, err)
	file, err := root.Open(path, vfs.ReadOnly)
	if err != nil {
		return nil
	}
	info, err := file.Stat()
	must(w.t, errors.Join(err, file.Close()))
	data := make([]byte, info.Size)
	_, _ = file.ReadAt(data, 0)
	return data
}

func never(shoal.Chunk) bool { return false }
