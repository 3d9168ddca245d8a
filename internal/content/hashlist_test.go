package content_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"lukechampine.com/blake3"
	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/content"
)

// TestHashListBytes goes there and back.
func TestHashListBytes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		list := make(content.HashList, rapid.IntRange(0, 100).Draw(rt, "chunks"))
		for i := range list {
			list[i] = blake3.Sum256([]byte{byte(i)})
		}
		data := list.Bytes()
		got, err := content.ParseHashList(data, len(list))
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(list, got); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// TestParsedListIsItsOwn does not keep the bytes it was read from.
func TestParsedListIsItsOwn(t *testing.T) {
	data := make([]byte, 64)
	list, err := content.ParseHashList(data, 2)
	if err != nil {
		t.Fatal(err)
	}
	data[0] = 1
	if list[0][0] != 0 {
		t.Error("the list changed with the bytes it was read from")
	}
}

func TestParseHashListRefuses(t *testing.T) {
	for _, c := range []struct {
		length, chunks int
		want           shoal.Code
	}{
		{0, -1, shoal.Usage},
		{0, content.MaxChunks + 1, shoal.Usage},
		{0, 1, shoal.Integrity},
		{31, 1, shoal.Integrity},
		{33, 1, shoal.Integrity},
		{32, 0, shoal.Integrity},
		{64, 1, shoal.Integrity},
	} {
		if _, err := content.ParseHashList(make([]byte, c.length), c.chunks); !errors.Is(err, c.want) {
			t.Errorf("%d bytes for %d chunks: %v, want %v", c.length, c.chunks, err, c.want)
		}
	}
}

// TestRootOfMostChunks merges as many values as there can be: the tree is as
// deep as it gets. Every value is that of the first leaf, so each level has
// one value, and the tree can be folded up by hand.
func TestRootOfMostChunks(t *testing.T) {
	list := make(content.HashList, content.MaxChunks)
	value := content.CV{1, 2, 3}
	for i := range list {
		list[i] = value
	}
	for n := content.MaxChunks; n > 2; n /= 2 {
		value = referenceCompress(initial(), append(value[:], value[:]...), 0, parent)
	}
	want := shoal.FileID(referenceCompress(initial(), append(value[:], value[:]...), 0, parent|root))
	if got := list.Root(content.MaxSize, content.MaxChunkSize); got != want {
		t.Errorf("root %s, want %s", got, want)
	}
}
