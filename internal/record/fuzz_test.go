package record_test

import (
	"bytes"
	"testing"

	"shoal/internal/record"
)

// What can be read can be signed again, and is then the same.
func FuzzParse(f *testing.F) {
	data, err := record.Sign(nodeOf(2), keyOf(1), record.Batch{Author: nodeOf(1), Seq: 1, Records: []record.Record{{Stamp: 5, Kind: 1, Body: []byte("a")}, {Stamp: 6}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)-1])
	f.Fuzz(func(t *testing.T, data []byte) {
		batch, err := record.Parse(data)
		if err != nil || batch.Author != nodeOf(1) {
			return
		}
		again, err := record.Sign(nodeOf(2), keyOf(1), batch)
		if err != nil {
			t.Fatal(err)
		}
		if signature := 64; !bytes.Equal(again[:len(again)-signature], data[:len(data)-signature]) {
			t.Fatalf("read %x, wrote %x", data, again)
		}
	})
}

func FuzzParseVector(f *testing.F) {
	data, err := record.Vector{nodeOf(1): 1, nodeOf(2): 2}.Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		vector, err := record.ParseVector(data)
		if err != nil {
			return
		}
		if again, err := vector.Append(nil); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("read %x, wrote %x, %v", data, again, err)
		}
	})
}
