package quota_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage"
	"shoal/internal/storage/memory"
	"shoal/internal/storage/quota"
	"shoal/internal/storage/storagetest"
)

func TestStore(t *testing.T) {
	for name, limit := range map[string]int64{"unlimited": 0, "large": 1 << 30} {
		t.Run(name, func(t *testing.T) {
			storagetest.Run(t, func(*testing.T) storage.Store { return quota.New(memory.New(), limit) })
		})
	}
}

const cs = 1 << 10 // of all files here, and the length of all their chunks

// file makes a file of so many chunks, known to the store.
func file(t *testing.T, s storage.Store, seed uint64, chunks int) (content.File, []byte) {
	t.Helper()
	f, data := storagetest.File(t, seed, chunks*cs, cs)
	if err := s.Create(t.Context(), f); err != nil {
		t.Fatalf("create: %v", err)
	}
	return f, data
}

func put(ctx context.Context, s storage.Store, f content.File, data []byte, i int) error {
	return s.Put(ctx, shoal.Chunk{File: f.ID, Index: i}, data[i*cs:][:cs])
}

func wantFull(t *testing.T, doing string, err error) {
	t.Helper()
	if shoal.CodeOf(err) != shoal.NoSpace || shoal.HintOf(err) == "" {
		t.Errorf("%s: error %v with hint %q, want %v with a hint", doing, err, shoal.HintOf(err), shoal.NoSpace)
	}
}

func TestLimit(t *testing.T) {
	s := quota.New(memory.New(), 10*cs)
	f, data := file(t, s, 1, 12)
	for i := range 10 {
		if err := put(t.Context(), s, f, data, i); err != nil {
			t.Fatalf("put chunk %d of 10 that fit: %v", i, err)
		}
	}
	g, more := storagetest.File(t, 3, 4*cs, cs)
	two := quota.New(memory.New(), 2*cs)
	if err := two.Create(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	wantFull(t, "put a run of which half fits", two.PutRun(t.Context(), g.ID, 0, [][]byte{more[:cs], more[cs : 2*cs], more[2*cs : 3*cs]}))
	if usage, err := two.Usage(t.Context()); err != nil || usage.Stored != 2*cs {
		t.Errorf("of such a run %d bytes are stored, %v", usage.Stored, err)
	}
	wantFull(t, "put the eleventh", put(t.Context(), s, f, data, 10))
	other, otherData := storagetest.File(t, 2, 3*cs, cs)
	wantFull(t, "create another", s.Create(t.Context(), other))
	if err := errors.Join(put(t.Context(), s, f, data, 4), s.Create(t.Context(), f), s.Sync(t.Context(), f.ID)); err != nil {
		t.Errorf("what is there, again: %v", err)
	}
	if _, err := s.Get(t.Context(), shoal.Chunk{File: f.ID, Index: 9}, make([]byte, cs)); err != nil {
		t.Errorf("read when full: %v", err)
	}
	empty, _ := storagetest.File(t, 3, 0, cs)
	if err := s.Create(t.Context(), empty); err != nil {
		t.Errorf("create an empty file when full: %v", err)
	}
	if err := s.Delete(t.Context(), f.ID); err != nil {
		t.Fatalf("delete when full: %v", err)
	}
	if err := errors.Join(s.Create(t.Context(), other), put(t.Context(), s, other, otherData, 0)); err != nil {
		t.Errorf("put when there is room again: %v", err)
	}
}

// A store that held more than its limit, or all of it, before there was one
// takes no more; a capacity of nothing takes nothing.
func TestStartsFromUsage(t *testing.T) {
	inner := memory.New()
	f, data := file(t, inner, 1, 12)
	for i := range 11 {
		if err := put(t.Context(), inner, f, data, i); err != nil {
			t.Fatal(err)
		}
	}
	for _, limit := range []int64{-1, 1, 5 * cs, 11 * cs, 12*cs - 1} {
		wantFull(t, "put", put(t.Context(), quota.New(inner, limit), f, data, 11))
	}
	if err := put(t.Context(), quota.New(inner, 12*cs), f, data, 11); err != nil {
		t.Errorf("put what just fits: %v", err)
	}
}

func TestUsage(t *testing.T) {
	s := quota.New(memory.New(), 10*cs)
	f, data := file(t, s, 1, 4)
	if err := put(t.Context(), s, f, data, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reserve(t.Context(), 2*cs); err != nil {
		t.Fatal(err)
	}
	got, err := s.Usage(t.Context())
	if want := (storage.Usage{Stored: cs, Files: 1, Free: 7 * cs, Capacity: 10 * cs}); got != want || err != nil {
		t.Errorf("usage %+v, %v; want %+v", got, err, want)
	}
	if got, err := quota.New(memory.New(), -1).Usage(t.Context()); got != (storage.Usage{}) || err != nil {
		t.Errorf("usage of a store of nothing: %+v, %v", got, err)
	}
}

// watched is a store that counts how often it is asked for its usage, and
// refuses when it is told to.
type watched struct {
	storage.Store
	asked  atomic.Int32
	refuse atomic.Bool
}

func (w *watched) Usage(ctx context.Context) (storage.Usage, error) {
	w.asked.Add(1)
	return w.Store.Usage(ctx)
}

func (w *watched) Put(ctx context.Context, chunk shoal.Chunk, data []byte) error {
	if w.refuse.Load() {
		return storage.ErrFailing
	}
	return w.Store.Put(ctx, chunk, data)
}

// While there is room the quota costs no look at the store, and a put that
// fails takes no room.
func TestCountsSeldom(t *testing.T) {
	inner := &watched{Store: memory.New()}
	s := quota.New(inner, 100*cs)
	f, data := file(t, s, 1, 50)
	inner.refuse.Store(true)
	for range 1000 {
		if err := put(t.Context(), s, f, data, 0); !errors.Is(err, storage.ErrFailing) {
			t.Fatalf("error %v, want that of the store", err)
		}
	}
	inner.refuse.Store(false)
	for i := range 50 {
		if err := put(t.Context(), s, f, data, i); err != nil {
			t.Fatal(err)
		}
	}
	if got := inner.asked.Load(); got > 1 {
		t.Errorf("the store was asked %d times what it holds, want once", got)
	}
}

// However many callers put, reserve and delete at once, the store never holds
// more than its limit; and when they only put, it holds as much.
func TestManyAtOnce(t *testing.T) {
	const callers, chunks, fit = 8, 20, 100
	inner := memory.New()
	s := quota.New(inner, fit*cs)
	var accepted, refused atomic.Int32
	var wg sync.WaitGroup
	var files [callers]content.File
	var bytes [callers][]byte
	for i := range files {
		files[i], bytes[i] = file(t, s, uint64(i), chunks)
	}
	for caller := range callers {
		f, data := files[caller], bytes[caller]
		wg.Go(func() {
			for i := range chunks {
				switch err := put(t.Context(), s, f, data, i); {
				case err == nil:
					accepted.Add(1)
				case errors.Is(err, shoal.NoSpace):
					refused.Add(1)
				default:
					t.Error(err)
				}
				if usage, err := inner.Usage(t.Context()); err != nil || usage.Stored > fit*cs {
					t.Errorf("%d bytes are stored of %d, %v", usage.Stored, fit*cs, err)
				}
			}
		})
	}
	wg.Wait()
	if accepted.Load() != fit || refused.Load() != callers*chunks-fit {
		t.Errorf("%d chunks were taken and %d refused, want %d and the rest", accepted.Load(), refused.Load(), fit)
	}
}

func TestReserveRefuses(t *testing.T) {
	s := quota.New(memory.New(), 10)
	if _, err := s.Reserve(t.Context(), -1); shoal.CodeOf(err) != shoal.Usage {
		t.Errorf("reserve less than nothing: %v", err)
	}
	release, err := s.Reserve(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Reserve(t.Context(), 1)
	wantFull(t, "reserve what was reserved", err)
	release()
	release()
	if _, err := s.Reserve(t.Context(), 10); err != nil {
		t.Errorf("reserve what was released: %v", err)
	}
	for _, more := range []int64{1, 1 << 62} {
		_, err = s.Reserve(t.Context(), more)
		wantFull(t, "reserve more again", err)
	}
}
