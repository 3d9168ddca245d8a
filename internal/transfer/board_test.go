package transfer_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/transfer"
)

func TestBoardPassesOnWhatIsPosted(t *testing.T) {
	var board transfer.Board
	id := shoal.FileID{1}
	board.Begin(id, 10)
	board.Post(shoal.Chunk{File: id, Index: 3})
	watch := board.Watch(id)
	board.Post(shoal.Chunk{File: id, Index: 4})
	board.Post(shoal.Chunk{File: id, Index: 4})
	board.Post(shoal.Chunk{File: shoal.FileID{2}, Index: 5})
	if got := watch.Take(); !slices.Equal(got, []int{4}) {
		t.Errorf("watched %v, want 4 once", got)
	}
	have := content.NewBitmap(10)
	board.AddPosted(id, &have)
	if got := slices.Collect(have.All); !slices.Equal(got, []int{3, 4}) {
		t.Errorf("posted %v, want 3 and 4", got)
	}
	board.End(id)
	have = content.NewBitmap(10)
	board.AddPosted(id, &have)
	if have.Count() != 0 {
		t.Error("what was posted outlived the fetch that posted it")
	}
	watch.Close()
}

func TestTrackerTellsOthers(t *testing.T) {
	var tracker transfer.Tracker
	id, now := shoal.FileID{1}, time.Unix(0, 0)
	tracker.Note(id, "a", now)
	follow := tracker.Follow(id)
	defer follow.Close()
	tracker.Note(id, "b", now.Add(time.Minute))
	if got := tracker.Others(id, "a", 10, now); !slices.Equal(got, []shoal.NodeID{"b"}) {
		t.Errorf("others %v, want b", got)
	}
	if got := []shoal.NodeID{<-follow.C, <-follow.C}; !slices.Equal(got, []shoal.NodeID{"a", "b"}) {
		t.Errorf("followed %v", got)
	}
	if got := tracker.Others(id, "x", 10, now.Add(transfer.TrackedFor)); !slices.Equal(got, []shoal.NodeID{"b"}) {
		t.Errorf("after a's time was up, others are %v", got)
	}
	tracker.Forget("b")
	if got := tracker.Others(id, "a", 10, now); len(got) != 0 {
		t.Errorf("others %v after b has gone", got)
	}
}

func TestTrackerIsBounded(t *testing.T) {
	var tracker transfer.Tracker
	now := time.Unix(0, 0)
	for i := range 2 * transfer.TrackedPeers {
		tracker.Note(shoal.FileID{1}, shoal.NodeID(fmt.Sprint(i)), now.Add(time.Duration(i)))
	}
	if got := len(tracker.Others(shoal.FileID{1}, "", 1000, now)); got != transfer.TrackedPeers {
		t.Errorf("%d peers are remembered, want %d", got, transfer.TrackedPeers)
	}
	for i := range transfer.TrackedFiles + 10 {
		tracker.Note(shoal.FileID{2, byte(i), byte(i >> 8)}, "a", now)
	}
	left := 0
	for i := range transfer.TrackedFiles + 10 {
		left += len(tracker.Others(shoal.FileID{2, byte(i), byte(i >> 8)}, "", 1, now))
	}
	if left > transfer.TrackedFiles {
		t.Errorf("%d files are remembered, want at most %d", left, transfer.TrackedFiles)
	}
}

func TestBansRunOut(t *testing.T) {
	var bans transfer.Bans
	now := time.Unix(0, 0)
	bans.Add(shoal.FileID{1}, "liar", now)
	if !bans.Has(shoal.FileID{1}, "liar", now) || bans.Has(shoal.FileID{2}, "liar", now) || bans.Has(shoal.FileID{1}, "other", now) {
		t.Error("a ban is for one peer and one file")
	}
	if bans.Has(shoal.FileID{1}, "liar", now.Add(transfer.BanFor)) {
		t.Error("a ban does not run out")
	}
	for i := range transfer.MaxBans + 10 {
		bans.Add(shoal.FileID{byte(i), byte(i >> 8)}, "many", now)
	}
	kept := 0
	for i := range transfer.MaxBans + 10 {
		if bans.Has(shoal.FileID{byte(i), byte(i >> 8)}, "many", now) {
			kept++
		}
	}
	if kept > transfer.MaxBans {
		t.Errorf("%d bans are remembered", kept)
	}
}

func TestBuffersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		buffers := transfer.NewBuffers(4096)
		first, err := buffers.Acquire(t.Context(), 3000)
		if err != nil || len(first.Bytes) != 3000 {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := buffers.Acquire(ctx, 1); err == nil {
			t.Error("the budget was overspent")
		}
		copy(first.Bytes, "0123456789")
		for _, from := range []int{5, 0, 2} {
			want := "head" + "0123456789"[from:8]
			if got := string(first.Framed([]byte("head"), from, 8)); got != want {
				t.Errorf("framed %q, want %q", got, want)
			}
			first.Unframe()
		}
		if got := string(first.Bytes[:10]); got != "0123456789" {
			t.Errorf("unframed %q", got)
		}
		first.Release()
		large, err := buffers.Acquire(t.Context(), 100_000)
		if err != nil {
			t.Fatalf("a buffer larger than the budget: %v", err)
		}
		large.Release()
	})
}

func TestBuffersAreUsedAgain(t *testing.T) {
	buffers := transfer.NewBuffers(64 << 20)
	for _, size := range []int{1 << 20, 4 << 20, 100} {
		first, err := buffers.Acquire(t.Context(), size)
		if err != nil {
			t.Fatal(err)
		}
		where := &first.Bytes[0]
		first.Release()
		again, err := buffers.Acquire(t.Context(), size)
		if err != nil {
			t.Fatal(err)
		}
		if &again.Bytes[0] != where {
			t.Errorf("a buffer of %d bytes was not used again", size)
		}
		again.Release()
	}
}

// Large buffers begin a page, as a disk wants them that is written to past the page
// cache, and the head of a frame before them is right all the same.
func TestLargeBuffersBeginAPage(t *testing.T) {
	buffers := transfer.NewBuffers(64 << 20)
	for _, n := range []int{1, 64 << 10, 256 << 10, 256<<10 - 1, 1<<20 + 1, 4 << 20} {
		buf, err := buffers.Acquire(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		if at := uintptr(unsafe.Pointer(&buf.Bytes[0])); n > 128<<10 && at%4096 != 0 {
			t.Errorf("a buffer of %d bytes begins at %#x", n, at)
		}
		buf.Bytes[0], buf.Bytes[n-1] = 'a', 'z'
		framed := buf.Framed([]byte("head"), 0, n)
		if len(framed) != n+4 || string(framed[:4]) != "head" || framed[n+3] != 'z' {
			t.Errorf("a frame of %d bytes is %d long", n, len(framed))
		}
		buf.Unframe()
		buf.Release()
	}
}
