package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/sqlite"
	"shoal/internal/storage"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/sums"
	"shoal/internal/storage/tables"
)

// sumsOf is the sums of a sample that is whole.
func sumsOf(f sample) sums.List {
	s := make(sums.List, f.Chunks())
	for i := range s {
		s[i] = sums.Of(f.chunk(i))
	}
	return s
}

// placeSums is the sums at the one place of a file.
func placeSums(t testing.TB, s *Store, id shoal.FileID) sums.List {
	t.Helper()
	f, err := s.acquire(t.Context(), id)
	must(t, err)
	defer s.giveBack(f)
	if places := f.all(); len(places) != 1 {
		t.Fatalf("the file has %d places", len(places))
	}
	return f.all()[0].sums
}

// TestSumsAreTakenOfAllThatIsWritten wants the sums of a file that came in by
// each of the ways, now and after the store was opened again.
func TestSumsAreTakenOfAllThatIsWritten(t *testing.T) {
	f := newSample(t, 1, 3<<20+5, 512<<10)
	ways := map[string]func(s *Store, path string) error{
		"put": func(s *Store, _ string) error { putAll(t, s, f); return nil },
		"import": func(s *Store, path string) error {
			_, err := s.Import(t.Context(), openSource(t, f.on(t, path)), f.ChunkSize, nil)
			return err
		},
		"link": func(s *Store, path string) error {
			_, err := s.Link(t.Context(), f.on(t, path), f.ChunkSize, nil)
			return err
		},
		"output": func(s *Store, path string) error {
			o, err := s.Output(t.Context(), f.File, path, Refuse)
			must(t, err)
			defer o.Close()
			must(t, o.Put(t.Context(), 0, f.chunk(0)))
			var rest [][]byte
			for i := 1; i < f.Chunks(); i++ {
				rest = append(rest, f.chunk(i))
			}
			must(t, o.PutRun(t.Context(), 1, rest))
			return o.Finish(t.Context())
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openStore(t, dir)
			must(t, way(s, filepath.Join(t.TempDir(), "file")))
			if got := placeSums(t, s, f.ID); !slices.Equal(got, sumsOf(f)) {
				t.Errorf("got %08x, want %08x", got, sumsOf(f))
			}
			must(t, s.Close())
			if got := placeSums(t, openStore(t, dir), f.ID); !slices.Equal(got, sumsOf(f)) {
				t.Errorf("opened again: got %08x, want %08x", got, sumsOf(f))
			}
		})
	}
}

// TestAnyRotIsFoundOnRead spoils a chunk that has a sum, in the store and in a
// linked file, in the ways that disks do, and wants it absent.
func TestAnyRotIsFoundOnRead(t *testing.T) {
	const chunkSize, chunks, sector = 64 << 10, 8, 512
	spoils := map[string]func(chunk []byte, at int){
		"a flipped bit":   func(chunk []byte, at int) { chunk[at/8] ^= 1 << (at % 8) },
		"a zeroed sector": func(chunk []byte, at int) { clear(chunk[at/8&^(sector-1):][:sector]) },
		"a torn sector": func(chunk []byte, at int) {
			old := chunk[at/8&^(sector-1):][:1+at%sector]
			for i := range old {
				old[i] = ^old[i]
			}
		},
	}
	for _, kind := range []shoal.PlaceKind{shoal.PlaceStore, shoal.PlaceLinked} {
		for name, spoil := range spoils {
			t.Run(fmt.Sprint(kind, " ", name), func(t *testing.T) {
				s := openStore(t, memoryDir(t))
				rapid.Check(t, func(rt *rapid.T) {
					f := newSample(t, rapid.Uint64Max(1<<20).Draw(rt, "seed"), chunks*chunkSize, chunkSize)
					path := storedAt(t, s, f, kind)
					i := rapid.IntRange(0, chunks-1).Draw(rt, "chunk")
					spoiled := slices.Clone(f.chunk(i))
					spoil(spoiled, rapid.IntRange(0, chunkSize*8-1).Draw(rt, "bit"))
					overwrite(t, path, spoiled, f.ChunkOffset(i))
					_, err := s.Get(t.Context(), f.ref(i), make([]byte, chunkSize))
					wantIs(t, err, storage.ErrAbsent)
					wantIs(t, err, shoal.Integrity)
					must(t, s.Delete(t.Context(), f.ID))
				})
			})
		}
	}
}

// storedAt stores a sample, and says in which file.
func storedAt(t testing.TB, s *Store, f sample, kind shoal.PlaceKind) string {
	t.Helper()
	if kind == shoal.PlaceStore {
		putAll(t, s, f)
		return filepath.Join(s.dir, layout.DataName(f.ID))
	}
	path := tempFile(t, f)
	_, err := s.Link(t.Context(), path, f.ChunkSize, nil)
	must(t, err)
	return path
}

// overwrite changes bytes of a file and nothing else about it.
func overwrite(t testing.TB, path string, data []byte, off int64) {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = file.WriteAt(data, off)
	must(t, err)
	must(t, file.Close())
	must(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
}

// TestOnlyReadingTakesTheSumForIt spoils a chunk and gives it the sum of what
// is there now: a read believes it, Verify and Rebuild do not.
func TestOnlyReadingTakesTheSumForIt(t *testing.T) {
	for name, check := range map[string]func(s *Store, f sample) error{
		"verify": func(s *Store, f sample) error {
			return s.Verify(t.Context(), f.ID, func(int, shoal.Place, error) error { return nil })
		},
		"rebuild": func(s *Store, _ sample) error { _, err := s.Rebuild(t.Context()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir())
			f := newSample(t, 1, 8*cs, cs)
			path := storedAt(t, s, f, shoal.PlaceStore)
			spoiled := bytes.Repeat([]byte("spoiled!"), cs/8)
			overwrite(t, path, spoiled, f.ChunkOffset(3))
			placeSums(t, s, f.ID)[3] = sums.Of(spoiled)
			buf := make([]byte, cs)
			_, err := s.Get(t.Context(), f.ref(3), buf)
			must(t, err)
			must(t, check(s, f))
			_, err = s.Get(t.Context(), f.ref(3), buf)
			wantIs(t, err, storage.ErrAbsent)
		})
	}
}

// TestHashDecidesWhereSumIsWrong has a sum rot in the index: the chunk is good,
// and its sum is put right.
func TestHashDecidesWhereSumIsWrong(t *testing.T) {
	s := openStore(t, t.TempDir())
	f := newSample(t, 1, 8*cs, cs)
	putAll(t, s, f)
	placeSums(t, s, f.ID)[3]++
	wantWhole(t, s, f)
	if got := placeSums(t, s, f.ID); !slices.Equal(got, sumsOf(f)) {
		t.Errorf("got %08x, want %08x", got, sumsOf(f))
	}
}

// TestStoreWithoutSums opens a store of before there were any: all of it is
// there, is read, and has its sums from then on.
func TestStoreWithoutSums(t *testing.T) {
	dir, whole, part, small, linked := filled(t)
	makeOld(t, filepath.Join(dir, layout.IndexFile), "files")
	makeOld(t, filepath.Join(dir, layout.RecordsFile), "links")
	s := openStore(t, dir)
	if got := placeSums(t, s, whole.ID); got != nil {
		t.Fatalf("it has the sums %08x", got)
	}
	for _, f := range []sample{whole, small, linked} {
		wantWhole(t, s, f)
	}
	_, err := s.Get(t.Context(), part.ref(7), make([]byte, cs))
	must(t, err)
	must(t, s.Close())
	s = openStore(t, dir)
	for _, f := range []sample{whole, linked} {
		if got := placeSums(t, s, f.ID); !slices.Equal(got, sumsOf(f)) {
			t.Errorf("got %08x, want %08x", got, sumsOf(f))
		}
	}
	if got := placeSums(t, s, part.ID); got.At(7) != sums.Of(part.chunk(7)) || got.At(8) != 0 {
		t.Errorf("got %08x of the file that is partly here", got)
	}
}

// TestOldIndexWithoutItsTable cannot be brought to this version: it is damaged,
// and made anew.
func TestOldIndexWithoutItsTable(t *testing.T) {
	dir, whole, _, small, linked := filled(t)
	path := filepath.Join(dir, layout.IndexFile)
	makeOld(t, path, "files")
	d, err := sqlite.Open(t.Context(), path, sqlite.Format{Version: 1, Steps: []string{""}, Durability: sqlite.OnCommit})
	must(t, err)
	_, err = d.Writer.ExecContext(t.Context(), "DROP TABLE files")
	must(t, errors.Join(err, d.Close()))
	s := openStore(t, dir)
	for _, f := range []sample{whole, small, linked} {
		wantWhole(t, s, f)
	}
	if got := placeSums(t, s, whole.ID); !slices.Equal(got, sumsOf(whole)) {
		t.Errorf("got %08x, want %08x", got, sumsOf(whole))
	}
}

// makeOld makes a database one of version 1.
func makeOld(t testing.TB, path, table string) {
	t.Helper()
	d, err := sqlite.Open(t.Context(), path, tables.IndexFormat()) // the records have the same
	must(t, err)
	for _, query := range []string{"ALTER TABLE " + table + " DROP COLUMN sums", "PRAGMA user_version = 1"} {
		_, err := d.Writer.ExecContext(t.Context(), query)
		must(t, err)
	}
	must(t, d.Close())
}

// TestSumIsNotAheadOfItsBytes puts a chunk while a commit syncs another: the row
// must have neither its bit nor its sum.
func TestSumIsNotAheadOfItsBytes(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { // in which no timer commits
		s, err := Open(t.Context(), dir, Options{})
		must(t, err)
		f := newSample(t, 1, 8*cs, cs)
		must(t, s.Create(t.Context(), f.File))
		must(t, s.Put(t.Context(), f.ref(0), f.chunk(0)))
		known, err := s.acquire(t.Context(), f.ID)
		must(t, err)
		work := known.begin()
		must(t, s.Put(t.Context(), f.ref(1), f.chunk(1)))
		row := work.ownHolding()
		want := binary.BigEndian.AppendUint32(nil, sums.Of(f.chunk(0)))
		if !row.Bits.Has(0) || row.Bits.Count() != 1 || !bytes.Equal(row.Sums, append(want, make([]byte, 7*sums.Size)...)) {
			t.Errorf("the row has %d chunks, and the sums %x", row.Bits.Count(), row.Sums)
		}
		s.giveBack(known)
		must(t, s.Close())
	})
	f := newSample(t, 1, 8*cs, cs)
	if got := placeSums(t, openStore(t, dir), f.ID); got.At(1) != sums.Of(f.chunk(1)) {
		t.Errorf("once it is committed, the sums are %08x", got)
	}
}
