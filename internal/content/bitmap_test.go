package content_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/content"
)

// bitmapMachine does the same to a bitmap and to a set of numbers.
type bitmapMachine struct {
	bits content.Bitmap
	size int
	set  map[int]bool
}

func newBitmapMachine(t *rapid.T) *bitmapMachine {
	size := rapid.IntRange(1, 200).Draw(t, "size")
	return &bitmapMachine{bits: content.NewBitmap(size), size: size, set: map[int]bool{}}
}

func (m *bitmapMachine) drawBit(t *rapid.T) int { return rapid.IntRange(0, m.size-1).Draw(t, "bit") }

func (m *bitmapMachine) Set(t *rapid.T) {
	i := m.drawBit(t)
	if got, want := m.bits.Set(i), !m.set[i]; got != want {
		t.Fatalf("Set(%d) = %v, want %v", i, got, want)
	}
	m.set[i] = true
}

func (m *bitmapMachine) Clear(t *rapid.T) {
	i := m.drawBit(t)
	if got, want := m.bits.Clear(i), m.set[i]; got != want {
		t.Fatalf("Clear(%d) = %v, want %v", i, got, want)
	}
	delete(m.set, i)
}

func (m *bitmapMachine) Union(t *rapid.T) {
	other := content.NewBitmap(m.size)
	for _, i := range rapid.SliceOf(rapid.IntRange(0, m.size-1)).Draw(t, "other") {
		other.Set(i)
		m.set[i] = true
	}
	m.bits.Union(other)
}

func (m *bitmapMachine) Clone(*rapid.T) {
	old := m.bits
	m.bits = old.Clone()
	for i := range m.size {
		old.Clear(i)
	}
}

func (m *bitmapMachine) Parse(t *rapid.T) {
	parsed, err := content.ParseBitmap(m.bits.Bytes(), m.size)
	if err != nil {
		t.Fatal(err)
	}
	m.bits = parsed
}

func (m *bitmapMachine) Check(t *rapid.T) {
	want := make([]int, 0, len(m.set))
	for i := range m.size {
		if m.bits.Has(i) != m.set[i] {
			t.Fatalf("Has(%d) = %v", i, m.bits.Has(i))
		}
		if m.set[i] {
			want = append(want, i)
		}
	}
	if diff := cmp.Diff(want, slices.AppendSeq([]int{}, m.bits.All)); diff != "" {
		t.Fatal(diff)
	}
	if m.bits.Len() != m.size || m.bits.Count() != len(m.set) || m.bits.Full() != (len(m.set) == m.size) {
		t.Fatalf("Len %d, Count %d, Full %v of %d in %d", m.bits.Len(), m.bits.Count(), m.bits.Full(), len(m.set), m.size)
	}
}

func TestBitmapIsASet(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rt.Repeat(rapid.StateMachineActions(newBitmapMachine(rt)))
	})
}

func TestFullBitmap(t *testing.T) {
	for size := range 200 {
		full := content.FullBitmap(size)
		set := content.NewBitmap(size)
		for i := range size {
			set.Set(i)
		}
		if !full.Full() || !cmp.Equal(full.Bytes(), set.Bytes()) {
			t.Errorf("full bitmap of %d bits is %x, want %x", size, full.Bytes(), set.Bytes())
		}
	}
}

func TestBitmapAllStops(t *testing.T) {
	for i := range content.FullBitmap(100).All {
		if i == 70 {
			return
		}
	}
	t.Error("bit 70 was never seen")
}

func TestBitmapOutside(t *testing.T) {
	b := content.FullBitmap(10)
	for _, i := range []int{-1, 10, 63, 64, 1000} {
		if b.Has(i) || b.Clear(i) {
			t.Errorf("bit %d is in a bitmap of 10", i)
		}
		mustPanic(t, func() { b.Set(i) })
	}
	mustPanic(t, func() { b.Union(content.NewBitmap(11)) })
}

func mustPanic(t *testing.T, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	f()
}

func TestParseBitmapRefuses(t *testing.T) {
	for _, bad := range []struct {
		data []byte
		size int
	}{
		{[]byte{}, 1},
		{[]byte{0}, 0},
		{[]byte{0, 0}, 8},
		{[]byte{0b10}, 1},
		{[]byte{0, 0, 0, 0, 0, 0, 0, 0, 0x80}, 71},
	} {
		if _, err := content.ParseBitmap(bad.data, bad.size); err == nil {
			t.Errorf("%x is accepted as a bitmap of %d bits", bad.data, bad.size)
		}
	}
	for _, size := range []int{-1, -5, content.MaxChunks + 1} {
		if _, err := content.ParseBitmap(nil, size); !errors.Is(err, shoal.Usage) {
			t.Errorf("bitmap of %d bits: %v", size, err)
		}
	}
}
