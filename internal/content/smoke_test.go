package content

import (
	"bytes"
	"testing"

	"lukechampine.com/blake3"
	"shoal"
)

func TestSmoke(t *testing.T) {
	for _, size := range []int{0, 1, 1023, 1024, 1025, 2048, 5000, 16384, 16385, 40000, 262144, 262145, 1<<20 + 7, 3 << 20} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i % 251)
		}
		for _, cs := range []ChunkSize{1024, 4096, 16384, 65536, 262144, 1 << 20} {
			f, err := HashReaderAt(t.Context(), bytes.NewReader(data), int64(size), cs, nil)
			if err != nil {
				t.Fatal(size, cs, err)
			}
			if want := shoal.FileID(blake3.Sum256(data)); f.ID != want {
				t.Fatal(size, cs)
			}
			if err := f.Check(); err != nil {
				t.Fatal(err)
			}
			for i := range f.Chunks() {
				if err := f.Verify(i, data[f.ChunkOffset(i):][:f.ChunkLen(i)]); err != nil {
					t.Fatal(size, cs, i, err)
				}
			}
		}
	}
}
