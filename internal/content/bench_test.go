package content_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"lukechampine.com/blake3"
	"lukechampine.com/blake3/guts"

	"shoal/internal/content"
)

// The benchmarks to compare: Raw is what the machine can do, the others are to
// be at least 0.95 of it on one core (`-cpu 1`), and HashFile at least 0.85 of
// RawAllCores.

// BenchmarkRaw hashes a chunk as its groups alone, with nothing around them:
// the vector code of the library.
func BenchmarkRaw(b *testing.B) {
	data := pattern(1 << 20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		for g := 0; g < len(data); g += 16 << 10 {
			guts.CompressBuffer((*[16 << 10]byte)(data[g:]), 16<<10, &guts.IV, uint64(g>>10), 0)
		}
	}
}

// BenchmarkSum256 hashes a chunk as the library does: with -cpu 1 on one core.
func BenchmarkSum256(b *testing.B) {
	for _, size := range []int{4 << 10, 256 << 10, 1 << 20, 4 << 20} {
		b.Run(name(size), func(b *testing.B) {
			data := pattern(size)
			b.SetBytes(int64(size))
			for b.Loop() {
				blake3.Sum256(data)
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, size := range []int{4 << 10, 256 << 10, 1 << 20, 4 << 20} {
		b.Run(name(size), func(b *testing.B) {
			data := pattern(2 * size)
			f := hashed(b, data, content.ChunkSize(size))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := f.Verify(1, data[size:]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkChunkHasher(b *testing.B) {
	const size = 1 << 20
	data := pattern(2 * size)
	f := hashed(b, data, size)
	for _, piece := range []int{16 << 10, 64 << 10, 256 << 10, 64<<10 - 13} {
		b.Run(name(piece), func(b *testing.B) {
			h := hasher(f, 1)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				h.Reset(f, 1)
				for rest := data[size:]; len(rest) > 0; {
					n := min(piece, len(rest))
					h.Write(rest[:n])
					rest = rest[n:]
				}
				if err := h.Verify(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// fileSize is larger than any cache.
const fileSize = 512 << 20

// BenchmarkRawAllCores is the library's own parallel hash of bytes in memory.
func BenchmarkRawAllCores(b *testing.B) {
	data := pattern(fileSize)
	b.SetBytes(fileSize)
	for b.Loop() {
		blake3.Sum256(data)
	}
}

// BenchmarkHashMemory is HashReaderAt of the same bytes.
func BenchmarkHashMemory(b *testing.B) { benchmarkHash(b, bytes.NewReader(pattern(fileSize))) }

// BenchmarkHashFile is HashReaderAt of the same bytes in the page cache.
func BenchmarkHashFile(b *testing.B) {
	path := filepath.Join(b.TempDir(), "file")
	if err := os.WriteFile(path, pattern(fileSize), 0o600); err != nil {
		b.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	benchmarkHash(b, file)
}

func benchmarkHash(b *testing.B, r io.ReaderAt) {
	runtime.GC()
	b.SetBytes(fileSize)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := content.HashReaderAt(b.Context(), r, fileSize, content.DefaultChunkSize(fileSize), nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCheck merges the largest default hash list.
func BenchmarkCheck(b *testing.B) {
	f := content.File{Size: 16 << 30, ChunkSize: 4 << 20, List: make(content.HashList, 4096)}
	f.ID = f.List.Root(f.Size, f.ChunkSize)
	b.ReportAllocs()
	for b.Loop() {
		if err := f.Check(); err != nil {
			b.Fatal(err)
		}
	}
}
