package fetch_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/transfer/fetch"
)

// A peer says that the file is one byte longer than it is, with the true hash
// list, and is never found out, for it gives nothing.
func TestFalseSizeHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, data := randomFile(t, 40, 300_000, 64<<10)
		honest := []shoal.NodeID{"good1", "good2"}
		for _, id := range honest {
			s.node(id).shelf.fill(f, data)
		}
		get := s.node("get")
		bans := get.meets(scripts{"liar": claims(f, f.Size+1)})
		run := get.fetch(f, fetch.Task{Patience: 5 * time.Second, Open: get.strictly(t)}, "liar")
		time.AfterFunc(time.Second, func() { run.AddSource("good1"); run.AddSource("good2") })
		if _, err := run.Wait(); err != nil {
			t.Errorf("two honest sources have the file: %v", err)
		}
		get.checkWhole(f, data)
		for _, id := range honest {
			if bans.Has(f.ID, id, time.Now()) {
				t.Errorf("%s told the truth and is banned", id)
			}
		}
	})
}

// More peers claim false sizes, each another one, than are listened to.
func TestManyFalseSizesHideNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, data := randomFile(t, 44, 300_000, 64<<10)
		s.node("good").shelf.fill(f, data)
		get := s.node("get")
		liars := scripts{}
		var from []shoal.NodeID
		for i := range 2 * fetch.MaxClaims {
			id := shoal.NodeID(fmt.Sprint("liar", i))
			liars[id] = claims(f, f.Size+int64(i)+1)
			from = append(from, id)
		}
		get.meets(liars)
		run := get.fetch(f, fetch.Task{Patience: time.Minute, Open: get.strictly(t)}, append(from, "good")...)
		if _, err := run.Wait(); err != nil {
			t.Fatal(err)
		}
		get.checkWhole(f, data)
	})
}

// dawdler writes nothing for a while, and then as it should.
type dawdler struct {
	net.Conn
	once func()
}

func (c dawdler) Write(p []byte) (int, error) {
	c.once()
	return c.Conn.Write(p)
}

// late has whoever dials the node be answered only after a while.
func (n *node) late(by time.Duration) {
	n.tamper = func(c net.Conn) net.Conn {
		timer := time.NewTimer(by)
		return dawdler{c, func() {
			if timer != nil {
				<-timer.C
				timer = nil
			}
		}}
	}
}

// The target, which takes chunks of the right length only, is opened with the
// right size although the first to greet said another.
func TestTargetIsOpenedWithTheProvenSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, data := randomFile(t, 42, 300_000, 64<<10)
		good := s.node("good")
		good.shelf.fill(f, data)
		good.late(50 * time.Millisecond)
		get := s.node("get")
		get.meets(scripts{"liar": claims(f, f.Size+1)})
		var opened []int64
		strictly := get.strictly(t)
		task := fetch.Task{Patience: 5 * time.Second, Open: func(ctx context.Context, f content.File) (fetch.Target, error) {
			opened = append(opened, f.Size)
			return strictly(ctx, f)
		}}
		if _, err := get.fetch(f, task, "liar", "good").Wait(); err != nil {
			t.Errorf("an honest source has the whole file: %v", err)
		}
		if !slices.Equal(opened, []int64{f.Size}) {
			t.Errorf("opened with sizes %d, want %d once", opened, f.Size)
		}
		get.checkWhole(f, data)
	})
}

// Who says another size than the caller knows of is not even asked for a chunk.
func TestKnownSizeIsHeldAgainstSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, data := randomFile(t, 45, 300_000, 64<<10)
		s.node("good").shelf.fill(f, data)
		get := s.node("get")
		bans := get.meets(scripts{"liar": func(s *script) {
			s.greets(f, f.Size+1, content.FullBitmap(f.Chunks()))
			if span, ok := s.asked(); ok {
				t.Errorf("the liar was asked for %+v", span)
			}
		}})
		if _, err := get.fetch(f, fetch.Task{Size: f.Size}, "liar", "good").Wait(); err != nil {
			t.Error(err)
		}
		get.checkWhole(f, data)
		if bans.Has(f.ID, "liar", time.Now()) {
			t.Error("banned for a size it may have been told itself")
		}
	})
}

// A peer gives half of the last chunk under one size, and the other half under
// another, with an honest source of neither: the two are never one chunk.
func TestHalvesOfTwoSizesAreNotJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		const last = 4
		f, data := randomFile(t, 41, last*64<<10+1000, 64<<10)
		partial := s.node("partial") // honest, and lacks the last chunk
		partial.shelf.fill(f, data)
		b := partial.shelf.files[f.ID]
		b.have.Clear(last)
		b.synced.Clear(last)
		s.node("good").shelf.fill(f, data)
		only := content.NewBitmap(f.Chunks())
		only.Set(last)
		get := s.node("get")
		done := make(chan struct{})
		get.meets(scripts{"evil": func(s *script) {
			size := []int64{(last + 1) * 64 << 10, f.Size}[min(s.visit, 2)-1]
			s.greets(f, size, only)
			if _, ok := s.asked(); !ok {
				return
			}
			s.gives(last, 0, make([]byte, 500))
			if s.visit == 2 {
				close(done)
			}
		}})
		run := get.fetch(f, fetch.Task{Patience: 10 * time.Second, Open: get.strictly(t)}, "partial", "evil")
		<-done
		synctest.Wait()
		run.AddSource("good")
		if _, err := run.Wait(); err != nil {
			t.Error(err)
		}
		get.checkWhole(f, data)
	})
}

// A source that was asked for the list as well, and greets with another size
// when the size is proven, is parted with, and the fetch goes on.
func TestSecondSizeComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwarm(t)
		f, data := randomFile(t, 48, 300_000, 64<<10)
		s.slowNode("good", 100_000).shelf.fill(f, data)
		get := s.node("get")
		bans := get.meets(scripts{"late": func(s *script) {
			<-time.After(time.Second)
			s.greets(f, f.Size+1, content.FullBitmap(f.Chunks()))
			if span, ok := s.asked(); ok {
				t.Errorf("asked for %+v", span)
			}
		}})
		if _, err := get.fetch(f, fetch.Task{Open: get.strictly(t)}, "good", "late").Wait(); err != nil {
			t.Fatal(err)
		}
		get.checkWhole(f, data)
		if bans.Has(f.ID, "late", time.Now()) {
			t.Error("banned for what it may have been told itself")
		}
	})
}
