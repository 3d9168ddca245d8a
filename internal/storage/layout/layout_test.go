package layout

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"shoal/internal/content"
)

const cs = 4 << 10 // of the samples: small, so that they have many chunks

// newSample is a file whose bytes a seed decides.
func newSample(t testing.TB, seed uint64, size int, cs content.ChunkSize) content.File {
	t.Helper()
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}).Read(data) // it never fails
	return hashed(t, data, cs)
}

func hashed(t testing.TB, data []byte, cs content.ChunkSize) content.File {
	t.Helper()
	f, err := content.HashReaderAt(t.Context(), bytes.NewReader(data), int64(len(data)), cs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestListFileRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cs := content.ChunkSize(1 << rapid.IntRange(10, 13).Draw(rt, "log2"))
		f := newSample(t, rapid.Uint64Max(1<<20).Draw(rt, "seed"), rapid.IntRange(0, 1<<16).Draw(rt, "size"), cs)
		got, err := DecodeList(EncodeList(f))
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(f.List.Bytes(), got.List.Bytes()); diff != "" || got.ID != f.ID || got.Size != f.Size || got.ChunkSize != cs {
			rt.Fatalf("got %+v", got)
		}
	})
}

// TestListFileVector guards the vector of docs/spec/disk.md: 2,049 bytes of
// zeros in chunks of 1,024.
func TestListFileVector(t *testing.T) {
	f := hashed(t, make([]byte, 2049), 1024)
	name := filepath.Join("testdata", "zeros-2049.list")
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := EncodeList(f); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// TestListFileBitsAllMatter flips each bit of a hash list file in turn.
func TestListFileBitsAllMatter(t *testing.T) {
	good := EncodeList(newSample(t, 1, 3*cs+1, cs))
	for i := range len(good) * 8 {
		bad := bytes.Clone(good)
		bad[i/8] ^= 1 << (i % 8)
		if _, err := DecodeList(bad); err == nil {
			t.Errorf("bit %d may be flipped", i)
		}
	}
}

func FuzzList(f *testing.F) {
	f.Add(EncodeList(newSample(f, 1, 3*cs+1, cs)))
	f.Add(EncodeList(newSample(f, 1, 0, cs)))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := DecodeList(data)
		if err != nil {
			return
		}
		if err := got.Check(); err != nil {
			t.Error(err)
		}
		if !bytes.Equal(EncodeList(got), data) {
			t.Error("it is not written as it was read")
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
	f.Add(newSample(f, 1, 1, cs).ID.String() + ListSuffix)
	f.Fuzz(func(t *testing.T, name string) {
		id, suffix, ok := ParseBlobName(name)
		if ok && id.String()+suffix != name {
			t.Errorf("%q is read as %s%s", name, id, suffix)
		}
	})
}
