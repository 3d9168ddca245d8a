package content_test

import (
	"bytes"
	"errors"
	"testing"

	"shoal"
	"shoal/internal/content"
)

func FuzzParseHashList(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte, chunks int) {
		list, err := content.ParseHashList(data, chunks)
		if err != nil {
			if !errors.Is(err, shoal.Usage) && !errors.Is(err, shoal.Integrity) {
				t.Fatalf("error without a code: %v", err)
			}
			return
		}
		if len(list) != chunks || !bytes.Equal(list.Bytes(), data) {
			t.Fatalf("%d chunks of %x are written as %x", chunks, data, list.Bytes())
		}
	})
}

func FuzzParseBitmap(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		b, err := content.ParseBitmap(data, size)
		if err != nil {
			return
		}
		if !bytes.Equal(b.Bytes(), data) {
			t.Fatalf("%x is written as %x", data, b.Bytes())
		}
		n := 0
		for i := range b.All {
			if i < 0 || i >= size || !b.Has(i) {
				t.Fatalf("bit %d of %d", i, size)
			}
			n++
		}
		if n != b.Count() {
			t.Fatalf("%d bits set, Count is %d", n, b.Count())
		}
	})
}

func FuzzParseChunkSize(f *testing.F) {
	f.Fuzz(func(t *testing.T, n int64) {
		cs, err := content.ParseChunkSize(n)
		if err != nil {
			if !errors.Is(err, shoal.Usage) {
				t.Fatalf("error without a code: %v", err)
			}
			return
		}
		if int64(cs) != n || content.ChunkSize(1)<<cs.Log2() != cs || cs < content.MinChunkSize || cs > content.MaxChunkSize {
			t.Fatalf("%d is taken for a chunk size of %d", n, cs)
		}
	})
}

// FuzzCheck gives Check and Verify whatever a peer may say of a file.
func FuzzCheck(f *testing.F) {
	f.Fuzz(func(t *testing.T, id, list []byte, size int64, chunkSize int, data []byte) {
		file := content.File{Size: size, ChunkSize: content.ChunkSize(chunkSize)}
		copy(file.ID[:], id)
		file.List, _ = content.ParseHashList(list, len(list)/len(content.CV{}))
		if file.Check() != nil {
			return
		}
		if file.Verify(0, data) == nil && file.Chunks() == 1 && hashed(t, data, file.ChunkSize).ID != file.ID {
			t.Fatal("wrong bytes are accepted")
		}
	})
}
