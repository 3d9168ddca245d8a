package tables

import (
	"bytes"
	"testing"
)

// FuzzBits reads the bitmaps of the databases.
func FuzzBits(f *testing.F) {
	f.Add([]byte{}, 0, 8)
	f.Add([]byte{0x0f, 0x01}, 5, 9)
	f.Fuzz(func(t *testing.T, data []byte, present, chunks int) {
		if chunks < 0 || chunks > 1<<16 {
			return // bounded by Row.Check
		}
		b, err := UnpackBits(data, present, chunks)
		if err != nil {
			return
		}
		if b.Len() != chunks || b.Count() != present {
			t.Errorf("%d of %d bits, want %d of %d", b.Count(), b.Len(), present, chunks)
		}
		again, err := UnpackBits(PackBits(b), present, chunks)
		if err != nil || !bytes.Equal(again.Bytes(), b.Bytes()) {
			t.Errorf("it is not read as it was written: %v", err)
		}
	})
}
