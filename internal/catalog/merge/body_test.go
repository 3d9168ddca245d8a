package merge_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"shoal"
	"shoal/internal/catalog/merge"
	"shoal/internal/content"
	"shoal/internal/record"
)

func samplePut() merge.Put {
	return merge.Put{
		Name: "photos/2026/a.jpg", File: shoal.FileID{1, 2, 3}, Size: 1_000_000, ChunkSize: 256 << 10, Copies: 2,
		Added: time.UnixMilli(1_700_000_000_123).UTC(), Over: []merge.Dot{dot(5, 1), dot(6, 2)},
	}
}

func TestBodiesComeBack(t *testing.T) {
	data, err := samplePut().Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := merge.ParsePut(append(data, "what a later version adds"...))
	if diff := cmp.Diff(samplePut(), got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	want := merge.Drop{Name: "a", Over: []merge.Dot{dot(5, 1)}}
	if data, err = want.Append(nil); err != nil {
		t.Fatal(err)
	}
	dropped, err := merge.ParseDrop(data)
	if diff := cmp.Diff(want, dropped); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestPutOutOfBounds(t *testing.T) {
	firstMoment, lastMoment := moments()
	for what, change := range map[string]func(*merge.Put){
		"no name":          func(p *merge.Put) { p.Name = "" },
		"a climbing name":  func(p *merge.Put) { p.Name = "../a" },
		"no file":          func(p *merge.Put) { p.File = shoal.FileID{} },
		"negative size":    func(p *merge.Put) { p.Size = -1 },
		"too many chunks":  func(p *merge.Put) { p.Size, p.ChunkSize = content.MaxSize, content.MinChunkSize },
		"one byte too big": func(p *merge.Put) { p.Size, p.ChunkSize = content.MaxSize+1, content.MaxChunkSize },
		"overflows":        func(p *merge.Put) { p.Size = math.MaxInt64 },
		"odd chunk size":   func(p *merge.Put) { p.ChunkSize = 1000 },
		"negative copies":  func(p *merge.Put) { p.Copies = -1 },
		"too many copies":  func(p *merge.Put) { p.Copies = merge.MaxCopies + 1 },
		"year 0":           func(p *merge.Put) { p.Added = firstMoment.Add(-time.Millisecond) },
		"year 10000":       func(p *merge.Put) { p.Added = lastMoment.Add(time.Millisecond) },
		"replaces a crowd": func(p *merge.Put) { p.Over = make([]merge.Dot, merge.MaxOver+1) },
	} {
		p := samplePut()
		change(&p)
		if _, err := p.Append(nil); !errors.Is(err, shoal.Usage) {
			t.Errorf("%s: %v, want shoal.Usage", what, err)
		}
	}
}

// moments returns the first and the last at which a put can be added.
func moments() (first, last time.Time) {
	return time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Millisecond)
}

// A put at its bounds is as good as any: it is written, and read back the same.
func TestPutAtItsBounds(t *testing.T) {
	first, last := moments()
	for what, change := range map[string]func(*merge.Put){
		"an empty file":           func(p *merge.Put) { p.Size = 0 },
		"the largest file":        func(p *merge.Put) { p.Size, p.ChunkSize = content.MaxSize, content.MaxChunkSize },
		"the most chunks":         func(p *merge.Put) { p.Size, p.ChunkSize = content.MaxChunks<<10, content.MinChunkSize },
		"no copies":               func(p *merge.Put) { p.Copies = 0 },
		"the most copies":         func(p *merge.Put) { p.Copies = merge.MaxCopies },
		"the first moment":        func(p *merge.Put) { p.Added = first },
		"the last moment":         func(p *merge.Put) { p.Added = last },
		"replaces nothing":        func(p *merge.Put) { p.Over = nil },
		"replaces the most dots":  func(p *merge.Put) { p.Over = slices.Repeat([]merge.Dot{dot(5, 1)}, merge.MaxOver) },
		"a name of one character": func(p *merge.Put) { p.Name = "a" },
		"the longest name":        func(p *merge.Put) { p.Name = strings.Repeat("a", shoal.MaxNameLength) },
	} {
		want := samplePut()
		change(&want)
		data, err := want.Append(nil)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		got, err := merge.ParsePut(data)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", what, err, diff)
		}
	}
}

// A drop, too, replaces up to MaxOver versions of a name that can be one.
func TestDropAtItsBounds(t *testing.T) {
	for over, ok := range map[int]bool{0: true, merge.MaxOver: true, merge.MaxOver + 1: false} {
		want := merge.Drop{Name: "a", Over: slices.Repeat([]merge.Dot{dot(5, 1)}, over)}
		data, err := want.Append(nil)
		if !ok {
			if !errors.Is(err, shoal.Usage) {
				t.Errorf("over %d versions: %v, want shoal.Usage", over, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := merge.ParseDrop(data)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("over %d versions: %v\n%s", over, err, diff)
		}
	}
	if _, err := (merge.Drop{Name: "../a"}).Append(nil); !errors.Is(err, shoal.Usage) {
		t.Errorf("a climbing name: %v, want shoal.Usage", err)
	}
}

// An author that is no key cannot be written: other nodes could not check its records.
func TestAuthorsAreKeys(t *testing.T) {
	nobody := []merge.Dot{{Stamp: 1, Author: "nobody"}}
	p := samplePut()
	p.Over = nobody
	if data, err := p.Append(nil); err == nil {
		t.Errorf("the put is written as %x", data)
	}
	if data, err := (merge.Drop{Name: "a", Over: nobody}).Append(nil); err == nil {
		t.Errorf("the drop is written as %x", data)
	}
}

// A record that was cut short anywhere is malformed, and so is one that claims
// more than a record may have.
func TestMalformedRecords(t *testing.T) {
	put, err := samplePut().Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	drop, err := merge.Drop{Name: "a", Over: []merge.Dot{dot(5, 1), dot(6, 2)}}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	parsePut := func(data []byte) error { _, err := merge.ParsePut(data); return err }
	parseDrop := func(data []byte) error { _, err := merge.ParseDrop(data); return err }
	for cut := range put {
		wantMalformed(t, parsePut, put[:cut])
	}
	for cut := range drop {
		wantMalformed(t, parseDrop, drop[:cut])
	}
	const countAt = 2 + len("a") // of the versions that a drop of "a" replaces
	crowd := append(slices.Clone(drop), make([]byte, 100*len(drop))...)
	crowd[countAt] = merge.MaxOver + 1
	wantMalformed(t, parseDrop, crowd)
	climbs := slices.Replace(slices.Clone(drop), 2, 3, '.')
	wantMalformed(t, parseDrop, climbs)

	classAt := len(put) - 8 - 1 - 1
	for class := range 256 {
		data := slices.Clone(put)
		data[classAt] = byte(class)
		if class < 10 || class > 25 { // 1 KiB and 32 MiB
			wantMalformed(t, parsePut, data)
		} else if err := parsePut(data); err != nil {
			t.Errorf("chunks of 1 << %d bytes: %v", class, err)
		}
	}
	sizeAt := classAt - 8
	for _, size := range []uint64{uint64(content.MaxSize) + 1, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64} {
		data := slices.Clone(put)
		data[classAt] = 25
		binary.BigEndian.PutUint64(data[sizeAt:], size)
		wantMalformed(t, parsePut, data)
	}
}

func wantMalformed(t *testing.T, parse func([]byte) error, data []byte) {
	t.Helper()
	if err := parse(data); !errors.Is(err, record.ErrMalformed) {
		t.Errorf("%x: %v, want ErrMalformed", data, err)
	}
}

// A put that can be read is within its bounds and is written the same.
func FuzzParsePut(f *testing.F) {
	data, err := samplePut().Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := merge.ParsePut(data)
		if err != nil {
			if !errors.Is(err, record.ErrMalformed) {
				t.Fatalf("%v, want ErrMalformed", err)
			}
			return
		}
		again, err := p.Append(nil)
		if err != nil || !bytes.HasPrefix(data, again) {
			t.Fatalf("read %x, wrote %x, %v", data, again, err)
		}
	})
}

func FuzzParseDrop(f *testing.F) {
	data, err := merge.Drop{Name: "a", Over: []merge.Dot{dot(5, 1)}}.Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := merge.ParseDrop(data)
		if err != nil {
			return
		}
		if again, err := d.Append(nil); err != nil || !bytes.HasPrefix(data, again) {
			t.Fatalf("read %x, wrote %x, %v", data, again, err)
		}
	})
}

// The vectors of docs/spec/catalog.md.
func TestVectorsOfTheSpecification(t *testing.T) {
	page, err := os.ReadFile("../../../docs/spec/catalog.md")
	if err != nil {
		t.Fatal(err)
	}
	put, err := samplePut().Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	drop, err := merge.Drop{Name: "a", Over: []merge.Dot{dot(5, 1)}}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for what, data := range map[string][]byte{"Put": put, "Drop": drop} {
		if text := hex.EncodeToString(data); !bytes.Contains(page, []byte("`"+text+"`")) {
			t.Errorf("the page does not have the %s `%s`", what, text)
		}
	}
}
