package disk

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"shoal/internal/content"
)

func TestListFileRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cs := content.ChunkSize(1 << rapid.IntRange(10, 13).Draw(rt, "log2"))
		f := newSample(t, rapid.Uint64Max(1<<20).Draw(rt, "seed"), rapid.IntRange(0, 1<<16).Draw(rt, "size"), cs)
		got, err := decodeList(encodeList(f.File))
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(f.File.List.Bytes(), got.List.Bytes()); diff != "" || got.ID != f.ID || got.Size != f.Size || got.ChunkSize != cs {
			rt.Fatalf("got %+v", got)
		}
	})
}

// TestListFileVector guards the vector of docs/spec/disk.md: 2,049 bytes of
// zeros in chunks of 1,024.
func TestListFileVector(t *testing.T) {
	f, err := content.HashReaderAt(t.Context(), bytes.NewReader(make([]byte, 2049)), 2049, 1024, nil)
	must(t, err)
	name := filepath.Join("testdata", "zeros-2049.list")
	want, err := os.ReadFile(name)
	must(t, err)
	if got := encodeList(f); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// TestListFileBitsAllMatter flips each bit of a hash list file in turn.
func TestListFileBitsAllMatter(t *testing.T) {
	good := encodeList(newSample(t, 1, 3*cs+1, cs).File)
	for i := range len(good) * 8 {
		bad := bytes.Clone(good)
		bad[i/8] ^= 1 << (i % 8)
		if _, err := decodeList(bad); err == nil {
			t.Errorf("bit %d may be flipped", i)
		}
	}
}

func FuzzList(f *testing.F) {
	f.Add(encodeList(newSample(f, 1, 3*cs+1, cs).File))
	f.Add(encodeList(newSample(f, 1, 0, cs).File))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeList(data)
		if err != nil {
			return
		}
		must(t, got.Check())
		if !bytes.Equal(encodeList(got), data) {
			t.Error("it is not written as it was read")
		}
	})
}

// FuzzBits reads the bitmaps of the databases.
func FuzzBits(f *testing.F) {
	f.Add([]byte{}, 0, 8)
	f.Add([]byte{0x0f, 0x01}, 5, 9)
	f.Fuzz(func(t *testing.T, data []byte, present, chunks int) {
		if chunks < 0 || chunks > 1<<16 {
			return // bounded by row.check
		}
		b, err := unpackBits(data, present, chunks)
		if err != nil {
			return
		}
		if b.Len() != chunks || b.Count() != present {
			t.Errorf("%d of %d bits, want %d of %d", b.Count(), b.Len(), present, chunks)
		}
		again, err := unpackBits(packBits(b), present, chunks)
		if err != nil || !bytes.Equal(again.Bytes(), b.Bytes()) {
			t.Errorf("it is not read as it was written: %v", err)
		}
	})
}

func FuzzFormat(f *testing.F) {
	f.Add("shoal store 1\n")
	f.Add("shoal store -1")
	f.Fuzz(func(t *testing.T, text string) {
		if version, ok := parseFormat(text); ok && version < 1 {
			t.Errorf("%q is version %d", text, version)
		}
	})
}

func FuzzBlobName(f *testing.F) {
	f.Add("aa.data")
	f.Add(newSample(f, 1, 1, cs).ID.String() + listSuffix)
	f.Fuzz(func(t *testing.T, name string) {
		id, suffix, ok := parseBlobName(name)
		if ok && id.String()+suffix != name {
			t.Errorf("%q is read as %s%s", name, id, suffix)
		}
	})
}
