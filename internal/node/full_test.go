package node

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"shoal"
	"shoal/internal/datadir"
	"shoal/internal/redundancy/trim"
	"shoal/internal/storage/quota"
)

// What a node has no room for is taken by the next in order, and only then do
// all say that the file is safe.
func TestAFullNodeIsPassedOver(t *testing.T) {
	virtually(t, func(t *testing.T) {
		capacity, err := quota.ParseCapacity("8MiB")
		if err != nil {
			t.Fatal(err)
		}
		nodes := together(t, 3, func(c *Config) { c.Capacity = capacity })
		full := nodes[1]
		path, _ := write(t, 1, 7<<20+1<<19)
		err = full.Add(t.Context(), shoal.AddRequest{
			Items:  []shoal.AddItem{{Path: path, Name: "filler"}},
			Copies: 1, ChunkSize: 64 << 10, // so many that each node keeps about a third, whatever their keys
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		await(t, "all is safe", safe(t, nodes...))
		path, data := write(t, 2, 4<<20)
		e := nodes[0].add(t, path, "file.bin")
		await(t, "the full node says so", func() bool {
			return full.reconciler.state.Load().Own.Refused > 0
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
	})
}

// Where nobody has room, nobody says that all is safe.
func TestNoRoomAnywhere(t *testing.T) {
	virtually(t, func(t *testing.T) {
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
			v, err := nodes[0].reconciler.safety(t.Context())
			return err == nil && v.Text == "1 file lacks copies (2.1 MB): there is no room for them on node1. Add a node, or make room."
		})
	})
}

// A node that keeps nothing can be read at, and keeps nothing.
func TestReadWhereNothingIsKept(t *testing.T) {
	virtually(t, func(t *testing.T) {
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
	})
}

// What an add left that was killed before it gave the file a name goes when its
// lease is over. Nothing else does, nor that as long as names may be missing.
func TestOrphansGo(t *testing.T) {
	virtually(t, func(t *testing.T) {
		const trash = 100 * time.Millisecond
		n := alone(t, func(c *Config) { c.Trash = trash })
		path, data := write(t, 5, 700_000)
		kept := n.add(t, path, "kept")
		path, _ = write(t, 6, 700_000)
		orphan, err := n.adder.takeIn(t.Context(), path, 0, false, func(int64, int64) {})
		if err != nil {
			t.Fatal(err)
		}
		pass(trim.Kept) // before, a node deletes nothing
		gone := func() bool {
			if err := n.Repair(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, err := n.store.File(t.Context(), orphan.ID)
			return errors.Is(err, shoal.NotFound)
		}
		damaged := filepath.Join(n.cfg.Data, datadir.Journal+".damaged-1")
		if err := os.WriteFile(damaged, []byte("what could not be read"), 0o600); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		await(t, "its lease is over", func() bool {
			if gone() {
				t.Fatal("it is gone, and its name may have been in the journal that was damaged")
			}
			return time.Since(began) > time.Minute
		})
		if err := os.Remove(damaged); err != nil {
			t.Fatal(err)
		}
		await(t, "the orphan is gone", gone)
		if got, err := read(t.Context(), n, "kept"); err != nil || !bytes.Equal(got, data) {
			t.Errorf("what has a name: %d bytes, %v", len(got), err)
		}
		if n.present(t.Context(), kept.ID) != chunksOf(kept) {
			t.Error("chunks of what has a name are gone")
		}
	})
}
