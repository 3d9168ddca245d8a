package storagetest

import (
	"sync"
	"testing"

	"shoal/internal/content"
	"shoal/internal/storage"
)

// Bench measures the stores that open makes: large chunks in and out, and many
// small files.
func Bench(b *testing.B, open func(b *testing.B) storage.Store) {
	b.Run("Put-1MiB", func(b *testing.B) { benchPut(b, open(b)) })
	b.Run("Get-1MiB", func(b *testing.B) { benchGet(b, open(b)) })
	b.Run("Has-4096", func(b *testing.B) { benchHas(b, open(b)) })
	b.Run("Small-4KiB", func(b *testing.B) { benchSmall(b, open(b)) })
}

// benchPut is a file of 64 chunks put, synced and deleted again.
func benchPut(b *testing.B, s storage.Store) {
	f := newSample(b, 1, 64<<20, 1<<20)
	b.SetBytes(f.Size)
	for b.Loop() {
		if err := s.Create(b.Context(), f.File); err != nil {
			b.Fatal(err)
		}
		for i := range f.Chunks() {
			if err := s.Put(b.Context(), f.ref(i), f.data[f.ChunkOffset(i):][:f.ChunkLen(i)]); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Sync(b.Context(), f.ID); err != nil {
			b.Fatal(err)
		}
		if err := s.Delete(b.Context(), f.ID); err != nil {
			b.Fatal(err)
		}
	}
}

func benchGet(b *testing.B, s storage.Store) {
	f := newSample(b, 1, 16<<20, 1<<20)
	f.store(b, s)
	buf := make([]byte, f.ChunkSize)
	b.SetBytes(int64(f.ChunkSize))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := s.Get(b.Context(), f.ref(i%f.Chunks()), buf); err != nil {
			b.Fatal(err)
		}
	}
}

func benchHas(b *testing.B, s storage.Store) {
	f := newSample(b, 1, 4096<<10, 1<<10)
	f.store(b, s)
	for b.Loop() {
		if _, err := s.Has(b.Context(), f.ID); err != nil {
			b.Fatal(err)
		}
	}
}

// benchSmall is a thousand small files stored by 32 callers at once, each file
// synced before the caller goes on to its next. Deleting them is not counted.
func benchSmall(b *testing.B, s storage.Store) {
	const callers, each = 32, 32
	files := make([]sample, callers*each)
	for i := range files {
		files[i] = newSample(b, uint64(i), 4<<10, content.DefaultChunkSize(4<<10))
	}
	for b.Loop() {
		var wg sync.WaitGroup
		for caller := range callers {
			wg.Go(func() {
				for _, f := range files[caller*each:][:each] {
					if err := fill(b.Context(), s, f); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
		b.StopTimer()
		for _, f := range files {
			if err := s.Delete(b.Context(), f.ID); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N*len(files))/b.Elapsed().Seconds(), "files/s")
}
