package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"shoal"
	"shoal/internal/storage/quota"
)

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestGetByEveryReference(t *testing.T) {
	virtually(t, func(t *testing.T) {
		a := alone(t, nil)
		b := reader(t, a, "b")
		path, data := write(t, 2, 100_000)
		entry := a.add(t, path, "docs/report.pdf")
		dir := t.TempDir()
		for i, ref := range []string{"docs/report.pdf", entry.ID.String(), entry.ID.String()[:8], a.link(t, "docs/report.pdf")} {
			output := filepath.Join(dir, fmt.Sprint(i))
			if err := get(t.Context(), b, ref, output); err != nil {
				t.Fatalf("get %s: %v", ref, err)
			}
			if !bytes.Equal(mustRead(t, output), data) {
				t.Errorf("get %s: other bytes", ref)
			}
			if err := b.store.Delete(t.Context(), entry.ID); err != nil { // else nothing is fetched
				t.Fatal(err)
			}
		}
		for _, ref := range []string{"docs/other.pdf", "00000000", shoal.FileID{1}.String()} {
			if err := get(t.Context(), b, ref, filepath.Join(dir, "x")); !errors.Is(err, shoal.NotFound) {
				t.Errorf("get %s: %v, want not found", ref, err)
			}
		}
		if err := get(t.Context(), b, entry.ID.String(), filepath.Join(dir, "0")); !errors.Is(err, shoal.Exists) {
			t.Errorf("get over a file: %v, want exists", err)
		}
	})
}

// An empty file has no chunks that a node could hold: it can be read and got where
// its name is known, also when the only node that was given it is gone.
func TestAnEmptyFileNeedsNobody(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 3, nil)
		path, _ := write(t, 1, 0)
		e := nodes[0].add(t, path, "empty")
		known := func() bool { _, err := nodes[1].catalog.Resolve(t.Context(), "empty"); return err == nil }
		await(t, "another knows its name", known)
		shut(t, nodes[0])
		if got, err := read(t.Context(), nodes[1], "empty"); err != nil || len(got) != 0 {
			t.Errorf("read by its name: %d bytes, %v", len(got), err)
		}
		output := filepath.Join(t.TempDir(), "out")
		if err := get(t.Context(), nodes[2], e.ID.String(), output); err != nil || len(mustRead(t, output)) != 0 {
			t.Errorf("got by its id: %v", err)
		}
	})
}

func TestGetFolder(t *testing.T) {
	virtually(t, func(t *testing.T) {
		a := alone(t, nil)
		b := reader(t, a, "b")
		want := map[string][]byte{}
		for i := range byte(20) {
			path, data := write(t, i, 1000*int(i))
			name := fmt.Sprintf("trip/day%d/photo%d.jpg", i%3, i)
			a.add(t, path, name)
			want[name] = data
		}
		path, _ := write(t, 99, 10)
		a.add(t, path, "tripwire.txt")
		out := t.TempDir()
		if err := get(t.Context(), b, "trip/", out); err != nil {
			t.Fatal(err)
		}
		found := 0
		err := filepath.WalkDir(out, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			found++
			rel, _ := filepath.Rel(out, path)
			if !bytes.Equal(mustRead(t, path), want[filepath.ToSlash(rel)]) {
				t.Errorf("%s has other bytes", rel)
			}
			return nil
		})
		if err != nil || found != len(want) {
			t.Errorf("%d files came, want %d (%v)", found, len(want), err)
		}
	})
}

func TestInterruptedGetGoesOnWhereItStopped(t *testing.T) {
	virtually(t, func(t *testing.T) {
		a := alone(t, func(c *Config) { c.UploadLimit = 1 << 20 })
		b := reader(t, a, "b")
		path, data := write(t, 3, 4<<20)
		entry := a.add(t, path, "big")
		output := filepath.Join(t.TempDir(), "big")
		ctx, cancel := context.WithCancel(t.Context())
		err := b.Get(ctx, shoal.GetRequest{Items: []shoal.GetItem{{Ref: "big", Output: output}}}, func(e shoal.Event) {
			if e.Done > 1<<20 {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted get: %v", err)
		}
		if _, err := os.Stat(output); err == nil {
			t.Fatal("a partial file has the final name")
		}
		var stats shoal.Stats
		err = b.Get(t.Context(), shoal.GetRequest{Items: []shoal.GetItem{{Ref: "big", Output: output}}}, func(e shoal.Event) {
			if e.Type == shoal.EventDone {
				stats = *e.Stats
			}
		})
		if err != nil || !bytes.Equal(mustRead(t, output), data) {
			t.Fatalf("second get: %v", err)
		}
		if stats.Bytes+stats.Reused != entry.Size || stats.Reused < 1<<20 {
			t.Errorf("fetched %d and reused %d of %d", stats.Bytes, stats.Reused, entry.Size)
		}
		leftovers, _ := filepath.Glob(filepath.Join(filepath.Dir(output), ".*"))
		if len(leftovers) != 0 {
			t.Errorf("left behind: %v", leftovers)
		}
	})
}

func TestReadWhileFetching(t *testing.T) {
	virtually(t, func(t *testing.T) {
		a := alone(t, nil)
		b := reader(t, a, "b")
		path, data := write(t, 4, 3<<20)
		a.add(t, path, "movie")
		c, err := b.Open(t.Context(), "movie")
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int64{2 << 20, 100, int64(len(data)) - 10, 0} {
			if _, err := c.Seek(at, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, min(1000, len(data)-int(at)))
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, data[at:][:len(got)]) {
				t.Errorf("read at %d: %v", at, err)
			}
		}
		if _, err := c.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, data) {
			t.Errorf("read all: %d bytes, %v", len(got), err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		info, err := b.Info(t.Context(), "movie")
		if err != nil || info.Present != info.Chunks {
			t.Errorf("after it was read, %d of %d chunks are here (%v)", info.Present, info.Chunks, err)
		}
	})
}

func TestDownloaderBecomesASource(t *testing.T) {
	virtually(t, func(t *testing.T) {
		a := alone(t, nil)
		b, c := reader(t, a, "b"), reader(t, a, "c")
		path, data := write(t, 5, 8<<20)
		a.add(t, path, "file")
		dir := t.TempDir()
		if err := get(t.Context(), b, a.link(t, "file"), filepath.Join(dir, "b")); err != nil {
			t.Fatal(err)
		}
		sources := map[shoal.NodeID]int64{}
		err := c.Get(t.Context(), shoal.GetRequest{Items: []shoal.GetItem{{Ref: a.link(t, "file"), Output: filepath.Join(dir, "c")}}}, func(e shoal.Event) {
			if e.Type == shoal.EventDone {
				for _, s := range e.Stats.Sources {
					sources[s.Node] = s.Bytes
				}
			}
		})
		if err != nil || !bytes.Equal(mustRead(t, filepath.Join(dir, "c")), data) {
			t.Fatal(err)
		}
		if _, told := sources[b.host.ID()]; !told {
			t.Errorf("c has not heard of b: %v", sources)
		}
	})
}

func TestTwoGetsOfOneFileAtOnce(t *testing.T) {
	virtually(t, func(t *testing.T) {
		a := alone(t, nil)
		b := reader(t, a, "b")
		path, data := write(t, 6, 4<<20)
		a.add(t, path, "file")
		dir := t.TempDir()
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				output := filepath.Join(dir, fmt.Sprint(i))
				if err := get(t.Context(), b, "file", output); err != nil {
					t.Errorf("get %d: %v", i, err)
					return
				}
				if got, err := os.ReadFile(output); err != nil || !bytes.Equal(got, data) {
					t.Errorf("get %d: %d bytes, %v", i, len(got), err)
				}
			})
		}
		wg.Wait()
		if in, _ := b.traffic.Of(a.host.ID()); in > int64(len(data))+int64(len(data))/100 {
			t.Errorf("%d bytes came in for a file of %d", in, len(data))
		}
	})
}

func TestRottenChunkIsFoundAndFetchedAgain(t *testing.T) {
	virtually(t, func(t *testing.T) {
		a := alone(t, nil)
		b := reader(t, a, "b")
		path, _ := write(t, 7, 2<<20)
		entry := a.add(t, path, "file")
		a.rot(t, entry.ID, 1<<20)
		report, err := a.Verify(t.Context(), "file", nil)
		if !errors.Is(err, shoal.Integrity) || len(report.Rotten) != 1 || report.Rotten[0].Index != 4 {
			t.Fatalf("verify: %+v, %v", report.Rotten, err)
		}
		if report, err := a.Verify(t.Context(), "", nil); !errors.Is(err, shoal.Partial) || len(report.Rotten) != 0 || len(report.Missing) != 1 {
			t.Errorf("verify again: %+v, %v: the rotten chunk should be missing", report, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := get(ctx, b, "file", filepath.Join(t.TempDir(), "x")); err == nil {
			t.Error("a file was got of which nobody has a chunk")
		}
	})
}

func TestQuotaIsKept(t *testing.T) {
	virtually(t, func(t *testing.T) {
		small, err := quota.ParseCapacity("1MiB")
		if err != nil {
			t.Fatal(err)
		}
		n := alone(t, func(c *Config) { c.Capacity = small })
		path, _ := write(t, 8, 700<<10)
		n.add(t, path, "first")
		path, _ = write(t, 9, 700<<10)
		err = n.Add(t.Context(), shoal.AddRequest{Items: []shoal.AddItem{{Path: path, Name: "second"}}}, nil)
		if !errors.Is(err, shoal.NoSpace) {
			t.Fatalf("add beyond the capacity: %v", err)
		}
		if _, err := n.Remove(t.Context(), shoal.RemoveRequest{Ref: "first", Now: true}); err != nil {
			t.Fatal(err)
		}
		n.add(t, path, "second")
	})
}

func TestCloseEndsWhatRuns(t *testing.T) {
	virtually(t, func(t *testing.T) {
		a := alone(t, func(c *Config) { c.UploadLimit = 1 << 20 })
		b := reader(t, a, "b")
		path, _ := write(t, 10, 4<<20)
		a.add(t, path, "file")
		ended := make(chan error, 1)
		joined := make(chan struct{}, 16)
		go func() {
			ended <- b.Get(t.Context(), shoal.GetRequest{Items: []shoal.GetItem{{Ref: "file", Output: filepath.Join(t.TempDir(), "x")}}}, func(e shoal.Event) {
				if e.Type == shoal.EventSourceJoined {
					joined <- struct{}{}
				}
			})
		}()
		<-joined
		b.stop()
		if err := <-ended; !errors.Is(err, shoal.Interrupted) {
			t.Errorf("a get when the node is closed: %v, want interrupted", err)
		}
	})
}

func TestOneFolderOneNode(t *testing.T) {
	n := alone(t, nil)
	if second, err := Open(t.Context(), n.cfg); err == nil {
		second.Close()
		t.Error("two nodes opened one data folder")
	}
}
