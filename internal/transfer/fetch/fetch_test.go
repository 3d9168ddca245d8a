package fetch_test

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/transfer/fetch"
)

func TestOneSourceEverySize(t *testing.T) {
	for _, size := range []int64{0, 1, 1023, 1024, 1025, 64 << 10, 300_000, 1 << 20, 1<<20 + 1} {
		for _, cs := range []content.ChunkSize{1 << 10, 16 << 10, 512 << 10} {
			for _, hint := range []int64{-1, size} {
				synctest.Test(t, func(t *testing.T) {
					s := newSwarm(t)
					f, data := randomFile(t, uint64(size), size, cs)
					seed, get := s.node("seed"), s.node("get")
					seed.shelf.fill(f, data)
					stats, err := get.fetch(f, fetch.Task{SizeHint: hint}, "seed").Wait()
					if err != nil {
						t.Fatalf("size %d, chunks of %d: %v", size, cs, err)
					}
					get.checkWhole(f, data)
					want := shoal.Stats{Bytes: size}
					if stats.Bytes != want.Bytes || stats.Duplicates != 0 || stats.Wasted != 0 || stats.Reused != 0 {
						t.Errorf("size %d, chunks of %d, hint %d: stats %+v", size, cs, hint, stats)
					}
				})
			}
		}
	}
}

func TestManySourcesShareTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, data := randomFile(t, 1, 4<<20, 16<<10)
		for _, id := range []shoal.NodeID{"a", "b", "c"} {
			s.slowNode(id, 1<<20).shelf.fill(f, data)
		}
		get := s.node("get")
		stats, err := get.fetch(f, fetch.Task{}, "a", "b", "c").Wait()
		if err != nil {
			t.Fatal(err)
		}
		get.checkWhole(f, data)
		if len(stats.Sources) != 3 {
			t.Fatalf("sources %+v, want 3", stats.Sources)
		}
		sum := int64(0)
		for _, src := range stats.Sources {
			if sum += src.Bytes; src.Bytes == 0 {
				t.Errorf("source %s gave nothing", src.Node)
			}
		}
		if sum != f.Size || stats.Duplicates > f.Size/100 {
			t.Errorf("sources gave %d of %d bytes, %d twice", sum, f.Size, stats.Duplicates)
		}
	})
}

func TestKilledSourceCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, data := randomFile(t, 2, 4<<20, 64<<10)
		a, b := s.slowNode("a", 1<<20), s.slowNode("b", 1<<20)
		a.shelf.fill(f, data)
		b.shelf.fill(f, data)
		get := s.node("get")
		var kill sync.Once
		open := get.shelf.open
		task := fetch.Task{Watch: func(e shoal.Event) {}}
		target, _ := open(t.Context(), f)
		target.(*book).onPut = func(int) error {
			if target.(*book).puts == 20 {
				kill.Do(func() { go a.kill() })
			}
			return nil
		}
		stats, err := get.fetch(f, task, "a", "b").Wait()
		if err != nil {
			t.Fatal(err)
		}
		get.checkWhole(f, data)
		if lost := stats.Wasted + stats.Duplicates; lost > f.Size/100 {
			t.Errorf("%d bytes were lost with the source", lost)
		}
	})
}

// flipper flips a bit in one byte of every payload-sized write.
type flipper struct {
	net.Conn
	count int
	every int
}

func (c *flipper) Write(p []byte) (int, error) {
	if c.count++; len(p) > 4096 && c.count%c.every == 0 {
		wrong := append([]byte(nil), p...)
		wrong[len(wrong)/2] ^= 1
		return c.Conn.Write(wrong)
	}
	return c.Conn.Write(p)
}

func TestLiarIsBannedAndTheFileIsRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, data := randomFile(t, 3, 2<<20, 16<<10)
		liar, honest := s.slowNode("liar", 1<<20), s.slowNode("honest", 1<<20)
		liar.shelf.fill(f, data)
		honest.shelf.fill(f, data)
		liar.tamper = func(c net.Conn) net.Conn { return &flipper{Conn: c, every: 3} }
		get := s.node("get")
		var banned []shoal.NodeID
		stats, err := get.fetch(f, fetch.Task{Watch: func(e shoal.Event) {
			if e.Type == shoal.EventSourceBanned {
				banned = append(banned, e.Source.Node)
			}
		}}, "liar", "honest").Wait()
		if err != nil {
			t.Fatal(err)
		}
		get.checkWhole(f, data)
		if len(banned) != 1 || banned[0] != "liar" {
			t.Errorf("banned %v, want the liar", banned)
		}
		if stats.Wasted == 0 {
			t.Error("nothing was wasted: the liar did not lie")
		}
		// A banned peer is not asked again.
		get.shelf.files = map[shoal.FileID]*book{}
		if _, err := get.fetch(f, fetch.Task{Patience: time.Second}, "liar").Wait(); err == nil {
			t.Error("the banned peer was asked again")
		}
	})
}

func TestTwoDownloadersHelpEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, data := randomFile(t, 4, 4<<20, 16<<10)
		s.slowNode("seed", 1<<20).shelf.fill(f, data)
		a, b := s.node("a"), s.node("b")
		fa := a.fetch(f, fetch.Task{}, "seed")
		fb := b.fetch(f, fetch.Task{}, "seed")
		follow := func(n *node, running *fetch.Fetch) {
			notes := n.tracker.Follow(f.ID)
			defer notes.Close()
			for {
				select {
				case peer := <-notes.C:
					running.AddSource(peer)
				case <-running.Done():
					return
				}
			}
		}
		go follow(a, fa)
		go follow(b, fb)
		for n, running := range map[*node]*fetch.Fetch{a: fa, b: fb} {
			stats, err := running.Wait()
			if err != nil {
				t.Fatal(err)
			}
			n.checkWhole(f, data)
			fromOther := int64(0)
			for _, src := range stats.Sources {
				if src.Node != "seed" {
					fromOther += src.Bytes
				}
			}
			if fromOther == 0 {
				t.Errorf("%s took nothing from the other downloader: %+v", n.id, stats.Sources)
			}
		}
	})
}

func TestNobodyHasIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, _ := randomFile(t, 5, 1000, 1<<10)
		s.node("a")
		get := s.node("get")
		start := time.Now()
		if _, err := get.fetch(f, fetch.Task{}, "a").Wait(); !errors.Is(err, shoal.NotFound) {
			t.Errorf("err %v, want not found", err)
		}
		if waited := time.Since(start); waited > time.Second {
			t.Errorf("gave up after %v, and knew at once", waited)
		}
		if _, err := get.fetch(f, fetch.Task{}, "gone").Wait(); !errors.Is(err, shoal.Network) {
			t.Errorf("err %v, want network", err)
		}
	})
}

func TestResumeFetchesOnlyTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, data := randomFile(t, 6, 1<<20, 16<<10)
		s.node("seed").shelf.fill(f, data)
		get := s.node("get")
		target, _ := get.shelf.open(t.Context(), f)
		for i := range f.Chunks() / 2 {
			if err := target.Put(t.Context(), i, data[f.ChunkOffset(i):][:f.ChunkLen(i)]); err != nil {
				t.Fatal(err)
			}
		}
		stats, err := get.fetch(f, fetch.Task{Known: &f}, "seed").Wait()
		if err != nil {
			t.Fatal(err)
		}
		get.checkWhole(f, data)
		if stats.Bytes != f.Size/2 || stats.Reused != f.Size/2 {
			t.Errorf("fetched %d and reused %d of %d", stats.Bytes, stats.Reused, f.Size)
		}
	})
}

func TestFullDiskEndsTheFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, data := randomFile(t, 7, 1<<20, 16<<10)
		s.node("seed").shelf.fill(f, data)
		get := s.node("get")
		target, _ := get.shelf.open(t.Context(), f)
		target.(*book).onPut = func(index int) error {
			if target.(*book).puts >= 5 {
				return shoal.NoSpace
			}
			return nil
		}
		if _, err := get.fetch(f, fetch.Task{}, "seed").Wait(); !errors.Is(err, shoal.NoSpace) {
			t.Errorf("err %v, want no space", err)
		}
		if got := target.(*book).synced.Count(); got != 5 {
			t.Errorf("%d chunks are durable, want the 5 that were written", got)
		}
	})
}

// mute lets the first few writes through and then none.
type mute struct {
	net.Conn
	left int
	done chan struct{}
}

func (c *mute) Write(p []byte) (int, error) {
	if c.left--; c.left < 0 {
		<-c.done
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

func (c *mute) Close() error {
	select {
	case <-c.done:
	default:
		close(c.done)
	}
	return c.Conn.Close()
}

func TestSilentSourceIsSnubbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, data := randomFile(t, 8, 1<<20, 16<<10)
		silent, late := s.node("silent"), s.node("late")
		silent.shelf.fill(f, data)
		late.shelf.fill(f, data)
		silent.tamper = func(c net.Conn) net.Conn { return &mute{Conn: c, left: 5, done: make(chan struct{})} }
		get := s.node("get")
		running := get.fetch(f, fetch.Task{Patience: time.Hour}, "silent")
		time.AfterFunc(25*time.Second, func() { running.AddSource("late") })
		if _, err := running.Wait(); err != nil {
			t.Fatal(err)
		}
		get.checkWhole(f, data)
	})
}

func TestDemandFetchesWhatIsWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, data := randomFile(t, 9, 1<<20, 16<<10)
		s.node("seed").shelf.fill(f, data)
		get := s.node("get")
		watch := get.board.Watch(f.ID)
		defer watch.Close()
		running := get.fetch(f, fetch.Task{Demand: true}, "seed")
		running.Want(40, 2)
		got := map[int]bool{}
		for len(got) < 3 {
			<-watch.C
			for _, chunk := range watch.Take() {
				got[chunk] = true
			}
		}
		if last := f.Chunks() - 1; !got[40] || !got[41] || !got[last] {
			t.Errorf("got chunks %v, want 40 and 41, and %d, which proves the size", got, last)
		}
	})
}

// A source that answers only when all is there is parted with at once: many small
// files would wait for one another's goodbyes.
func TestLateSourceHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, data := randomFile(t, 53, 1000, 1<<10)
		s.node("seed").shelf.fill(f, data)
		get := s.node("get")
		const late = 10 * time.Millisecond
		get.meets(scripts{"late": func(s *script) {
			<-time.After(late)
			s.greets(f, f.Size, content.FullBitmap(f.Chunks()))
			s.listens()
		}})
		start := time.Now()
		if _, err := get.fetch(f, fetch.Task{SizeHint: f.Size}, "seed", "late").Wait(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 2*late {
			t.Errorf("the fetch took %v, and the late source answers after %v", took, late)
		}
		get.checkWhole(f, data)
	})
}

// A file of one chunk is not asked of all who may have it, and of one alone that
// has it.
func TestSmallFileIsAskedOfFew(t *testing.T) {
	for _, test := range []struct {
		name  string
		first shoal.NodeID
		sure  bool
		most  int32 // others that are asked
	}{
		{"one may have it", "seed", false, fetch.MaxListAsked - 1},
		{"one has it", "seed", true, 0},
		{"one had it", "gone", true, 3},
		{"one is silent", "silent", true, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwarm(t)
				f, data := randomFile(t, 59, 1000, 1<<10)
				s.node("seed").shelf.fill(f, data)
				get := s.node("get")
				var asked atomic.Int32
				silent := func(s *script) { asked.Add(1); s.listens() }
				gone := func(s *script) {
					asked.Add(1)
					s.hears()
					s.says(wire.Goodbye{Reason: wire.ReasonAbsent}.Append(nil))
				}
				get.meets(scripts{"gone": gone, "silent": silent, "b": gone, "c": silent, "d": silent, "e": silent})
				task := fetch.Task{SizeHint: f.Size, Sure: test.sure}
				if _, err := get.fetch(f, task, test.first, "c", "b", "seed", "d", "e").Wait(); err != nil {
					t.Fatal(err)
				}
				get.checkWhole(f, data)
				if n := asked.Load(); n > test.most {
					t.Errorf("%d others were asked, %d would do", n, test.most)
				}
			})
		})
	}
}
