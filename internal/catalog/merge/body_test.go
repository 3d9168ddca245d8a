package merge_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		"year 20000":       func(p *merge.Put) { p.Added = time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"replaces a crowd": func(p *merge.Put) { p.Over = make([]merge.Dot, merge.MaxOver+1) },
	} {
		p := samplePut()
		change(&p)
		if _, err := p.Append(nil); !errors.Is(err, shoal.Usage) {
			t.Errorf("%s: %v, want shoal.Usage", what, err)
		}
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
