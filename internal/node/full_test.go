package node

import (
	"bytes"
	"errors"
	"testing"

	"shoal"
	"shoal/internal/storage/quota"
)

// What a node has no room for is taken by the next in order, and only then do
// all say that the file is safe.
func TestAFullNodeIsPassedOver(t *testing.T) {
	capacity, err := quota.ParseCapacity("8MiB")
	if err != nil {
		t.Fatal(err)
	}
	nodes := together(t, 3, func(c *Config) { c.Capacity = capacity })
	full := nodes[1]
	path, _ := write(t, 1, 7<<20+1<<19)
	err = full.Add(t.Context(), shoal.AddRequest{Items: []shoal.AddItem{{Path: path, Name: "filler"}}, Copies: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	await(t, "all is safe", safe(t, nodes...))
	path, data := write(t, 2, 4<<20)
	e := nodes[0].add(t, path, "file.bin")
	await(t, "the full node says so", func() bool {
		full.steward.mu.Lock()
		defer full.steward.mu.Unlock()
		return full.steward.own.Refused > 0
	})
	await(t, "all is safe again", safe(t, nodes...))
	for chunk, count := range copiesOf(t, e, nodes...) {
		if count < 2 {
			t.Errorf("chunk %d has %d copies", chunk, count)
		}
	}
	if got, err := read(t.Context(), full, "file.bin"); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read at the full node: %d bytes, %v", len(got), err)
	}
	if usage, err := full.quota.Usage(t.Context()); err != nil || usage.Stored > 8<<20 {
		t.Errorf("the full node has %d bytes, %v", usage.Stored, err)
	}
}

// Where nobody has room, nobody says that all is safe.
func TestNoRoomAnywhere(t *testing.T) {
	small, err := quota.ParseCapacity("2MiB")
	if err != nil {
		t.Fatal(err)
	}
	nodes := together(t, 2, func(c *Config) {
		if c.Join != "" {
			c.Capacity = small
		}
	})
	path, _ := write(t, 3, 4<<20)
	req := shoal.AddRequest{Items: []shoal.AddItem{{Path: path, Name: "file.bin"}}}
	if err := nodes[0].Add(t.Context(), req, nil); !errors.Is(err, shoal.BelowCopies) {
		t.Errorf("add where there is no room for two copies: %v", err)
	}
	await(t, "status tells who is full", func() bool {
		v, err := nodes[0].safety(t.Context())
		return err == nil && v.Text == "1 file lacks copies (2.1 MB): there is no room for them on node1. Add a node, or make room."
	})
}

// A node that keeps nothing can be read at, and keeps nothing.
func TestReadWhereNothingIsKept(t *testing.T) {
	none, err := quota.ParseCapacity("0")
	if err != nil {
		t.Fatal(err)
	}
	nodes := together(t, 2, func(c *Config) {
		if c.Join != "" {
			c.Capacity = none
		}
	})
	path, data := write(t, 4, 3<<20)
	nodes[0].add(t, path, "file.bin")
	for range 2 {
		await(t, "the name is known", func() bool { _, err := nodes[1].catalog.Resolve(t.Context(), "file.bin"); return err == nil })
		if got, err := read(t.Context(), nodes[1], "file.bin"); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("read: %d bytes, %v", len(got), err)
		}
		if usage, err := nodes[1].quota.Usage(t.Context()); err != nil || usage.Stored != 0 {
			t.Errorf("%d bytes are kept, %v", usage.Stored, err)
		}
	}
}
