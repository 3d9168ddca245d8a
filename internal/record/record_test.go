package record_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/record"
)

// keyOf is the key of the n-th node.
func keyOf(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func nodeOf(n byte) shoal.NodeID {
	return record.NodeOf(keyOf(n).Public().(ed25519.PublicKey))
}

func batches() *rapid.Generator[record.Batch] {
	return rapid.Custom(func(t *rapid.T) record.Batch {
		return record.Batch{
			Author: nodeOf(1),
			Seq:    rapid.Uint64Min(1).Draw(t, "seq"),
			Records: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) record.Record {
				return record.Record{
					Stamp: record.Stamp(rapid.Uint64().Draw(t, "stamp")),
					Kind:  record.Kind(rapid.Byte().Draw(t, "kind")),
					Body:  rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "body"),
				}
			}), 1, 20).Draw(t, "records"),
		}
	})
}

func TestSignedBatchComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := batches().Draw(t, "batch")
		data, err := record.Sign(nodeOf(9), keyOf(1), want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := record.Verify(nodeOf(9), data)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("%v\n%s", err, diff)
		}
	})
}

func TestChangedBatchIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data, err := record.Sign(nodeOf(9), keyOf(1), batches().Draw(t, "batch"))
		if err != nil {
			t.Fatal(err)
		}
		bit := rapid.IntRange(0, len(data)*8-1).Draw(t, "bit")
		data[bit/8] ^= 1 << (bit % 8)
		if _, err := record.Verify(nodeOf(9), data); !errors.Is(err, record.ErrForged) && !errors.Is(err, record.ErrMalformed) {
			t.Fatalf("with bit %d changed: %v", bit, err)
		}
	})
}

func TestBatchIsForOneShoal(t *testing.T) {
	batch := record.Batch{Author: nodeOf(1), Seq: 1, Records: []record.Record{{Stamp: 1, Kind: 1}}}
	data, err := record.Sign(nodeOf(9), keyOf(1), batch)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := record.Verify(nodeOf(8), data); !errors.Is(err, record.ErrForged) {
		t.Errorf("in another shoal: %v, want ErrForged", err)
	}
}

func TestBounds(t *testing.T) {
	one := []record.Record{{Stamp: 1}}
	for what, batch := range map[string]record.Batch{
		"number zero":      {Author: nodeOf(1), Records: one},
		"no records":       {Author: nodeOf(1), Seq: 1},
		"too many records": {Author: nodeOf(1), Seq: 1, Records: make([]record.Record, record.MaxRecords+1)},
		"a large record":   {Author: nodeOf(1), Seq: 1, Records: []record.Record{{Body: make([]byte, record.MaxBody+1)}}},
		"a large batch":    {Author: nodeOf(1), Seq: 1, Records: slicesOf(200, record.Record{Body: make([]byte, record.MaxBody)})},
		"another's":        {Author: nodeOf(2), Seq: 1, Records: one},
	} {
		if _, err := record.Sign(nodeOf(9), keyOf(1), batch); !errors.Is(err, record.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", what, err)
		}
	}
}

func slicesOf(n int, r record.Record) []record.Record {
	all := make([]record.Record, n)
	for i := range all {
		all[i] = r
	}
	return all
}

func TestKeyOf(t *testing.T) {
	if key, err := record.KeyOf(nodeOf(1)); err != nil || !key.Equal(keyOf(1).Public()) {
		t.Errorf("got %x, %v", key, err)
	}
	for _, id := range []shoal.NodeID{"", "node", "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N", nodeOf(1) + "1", shoal.NodeID(strings.Repeat("1", 1000))} {
		if _, err := record.KeyOf(id); !errors.Is(err, record.ErrMalformed) {
			t.Errorf("%q: %v, want ErrMalformed", id, err)
		}
	}
}

func TestClockNeverGoesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var clock record.Clock
		wall := time.UnixMilli(1_700_000_000_000)
		last := record.Stamp(0)
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			wall = wall.Add(time.Duration(rapid.Int64Range(-1e16, 1e16).Draw(t, "jump")))
			if rapid.Bool().Draw(t, "hear") {
				heard := record.StampAt(wall.Add(time.Duration(rapid.Int64Range(-1e16, int64(2*record.MaxAhead)).Draw(t, "ahead"))))
				err := clock.Hear(heard, wall)
				if ahead := heard > record.StampAt(wall.Add(record.MaxAhead)); ahead != errors.Is(err, record.ErrAhead) {
					t.Fatalf("hearing %v at %v: %v", heard.Time(), wall, err)
				}
				if err == nil {
					last = max(last, heard)
				}
				continue
			}
			next := clock.Next(wall)
			if next <= last || next < record.StampAt(wall) {
				t.Fatalf("stamp %d after %d at %v", next, last, wall)
			}
			last = next
		}
	})
}

func TestStampTime(t *testing.T) {
	at := time.Date(2026, 11, 21, 1, 2, 3, 4e6, time.UTC)
	if got := record.StampAt(at).Time(); !got.Equal(at) {
		t.Errorf("got %v, want %v", got, at)
	}
	if record.StampAt(time.Unix(-5, 0)) != 0 || record.StampAt(time.UnixMilli(1<<60)) < record.StampAt(at) {
		t.Error("times that do not fit are not bounded")
	}
}

func TestVectorComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := record.Vector{}
		for _, n := range rapid.SliceOfNDistinct(rapid.Byte(), 0, 8, rapid.ID).Draw(t, "nodes") {
			want[nodeOf(n)] = rapid.Uint64Min(1).Draw(t, "seq")
		}
		data, err := want.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := record.ParseVector(data)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("%v\n%s", err, diff)
		}
	})
}

// The vectors of docs/spec/record.md.
func TestVectorsOfTheSpecification(t *testing.T) {
	page, err := os.ReadFile("../../docs/spec/record.md")
	if err != nil {
		t.Fatal(err)
	}
	batch, err := record.Sign(nodeOf(2), keyOf(1), record.Batch{
		Author: nodeOf(1), Seq: 7, Records: []record.Record{{Stamp: record.StampAt(time.UnixMilli(1_700_000_000_000)) + 3, Kind: record.KindPut, Body: []byte("abc")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	vector, err := record.Vector{nodeOf(1): 7}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"node id": string(nodeOf(1)), "batch": hex.EncodeToString(batch), "vector": hex.EncodeToString(vector),
	} {
		if !bytes.Contains(page, []byte("`"+text+"`")) {
			t.Errorf("the page does not have the %s %s", what, text)
		}
	}
}
