package vfs

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// Whichever way a buffer goes, the file is what a slice would be: wherever it lies
// in memory and in the file, and however long it is.
func TestWritesOfAllKindsComeBack(t *testing.T) {
	root, dir := openRoot(t)
	const size = 1 << 20
	memory := make([]byte, 4*size)
	for i := range memory {
		memory[i] = byte(rand.Uint32()) //nolint:gosec // any bytes will do
	}
	memory = memory[directAlign-int(uintptr(unsafe.Pointer(&memory[0]))%directAlign):]
	rapid.Check(t, func(r *rapid.T) {
		file, err := root.Open("file", CreateNew)
		must(t, err)
		want := make([]byte, size)
		must(t, file.Truncate(size))
		for range rapid.IntRange(1, 6).Draw(r, "writes") {
			from := rapid.SampledFrom([]int{0, 0, 64, directAlign}).Draw(r, "in memory")
			off := rapid.SampledFrom([]int{0, 1, directAlign, directLeast, size / 2}).Draw(r, "in the file")
			length := rapid.SampledFrom([]int{1, directAlign, directLeast - 1, directLeast, directLeast + 1, directLeast + directAlign}).Draw(r, "length")
			buf := memory[from : from+length]
			if cut := rapid.SampledFrom([]int{0, 1, directAlign, directLeast}).Draw(r, "cut"); cut > 0 && cut < length {
				must(t, Gather(file, [][]byte{buf[:cut], {}, buf[cut:]}, int64(off)))
			} else if n, err := file.WriteAt(buf, int64(off)); err != nil || n != length {
				r.Fatalf("wrote %d of %d bytes: %v", n, length, err)
			}
			copy(want[off:], buf)
			for range rapid.IntRange(0, 3).Draw(r, "reads meanwhile") { // what lies in the cache then must not stay there
				off := rapid.SampledFrom([]int64{0, 1, directAlign, size - directLeast - 100, size}).Draw(r, "read at")
				length := rapid.SampledFrom([]int{1, directLeast, directLeast + 100, size, size + directAlign}).Draw(r, "bytes read")
				got, expected := memory[size+directLeast*2:][:length], make([]byte, length)
				n, err := file.ReadAt(got, off)
				if m, same := bytes.NewReader(want).ReadAt(expected, off); n != m || !errors.Is(err, same) || !bytes.Equal(got[:n], expected[:m]) {
					r.Fatalf("%d bytes read at %d are %d, and others: %v", length, off, n, err)
				}
			}
		}
		must(t, file.Sync())
		must(t, file.Close())
		got, err := os.ReadFile(filepath.Join(dir, "file"))
		if err != nil || !bytes.Equal(got, want) {
			r.Fatalf("the file is another: %v", err)
		}
		must(t, root.Remove("file"))
	})
}

// A disk that is slow past the cache is not written to so for long.
func TestSlowDisksAreWrittenToThroughTheCache(t *testing.T) {
	for _, c := range []struct {
		pace int64
		off  bool
	}{{directPace / 2, true}, {directPace * 2, false}} {
		d := new(direct)
		for range directTrial / directLeast {
			if d.off {
				t.Fatal("it was judged too soon")
			}
			d.note(directLeast, time.Duration(float64(directLeast)/float64(c.pace)*float64(time.Second)))
		}
		if d.off != c.off {
			t.Errorf("at %d bytes a second it is off: %v", c.pace, d.off)
		}
	}
}
