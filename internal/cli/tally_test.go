package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/api/apitest"
)

// second is an event of a transfer, that many seconds after all began.
func second(n float64, kind shoal.EventType, item int, done, total int64) shoal.Event {
	at := apitest.Born().Add(time.Duration(n * float64(time.Second)))
	return shoal.Event{Type: kind, Time: at, Item: item, Transfer: uint64(item + 1), Done: done, Total: total}
}

func joined(n shoal.NodeID) shoal.Event {
	return shoal.Event{Type: shoal.EventSourceJoined, Time: apitest.Born(), Source: &shoal.Source{Node: n}}
}

func TestTally(t *testing.T) {
	tally := newTally(1)
	for _, step := range []struct {
		event shoal.Event
		want  string
	}{
		{second(0, shoal.EventStarted, 0, 40e6, 100e6), "40 MB of 100 MB"}, // 40 MB were here: not speed
		{joined("a"), "40 MB of 100 MB, 1 source"},
		{second(1, shoal.EventProgress, 0, 50e6, 100e6), "50 MB of 100 MB, 10 MB/s, 5 s left, 1 source"},
		{joined("b"), "50 MB of 100 MB, 10 MB/s, 5 s left, 2 sources"},
		{second(2, shoal.EventProgress, 0, 80e6, 100e6), "80 MB of 100 MB, 20 MB/s, 1 s left, 2 sources"},
		{second(3, shoal.EventDone, 0, 100e6, 100e6), "100 MB of 100 MB, 20 MB/s, 2 sources"},
	} {
		tally.see(step.event)
		if got := tally.String(); got != step.want {
			t.Errorf("after %s: %q, want %q", step.event.Type, got, step.want)
		}
	}
}

func TestTallyOfSeveral(t *testing.T) {
	tally := newTally(3)
	tally.see(second(0, shoal.EventStarted, 0, 0, 10e6))
	tally.see(second(0, shoal.EventStarted, 1, 0, 30e6))
	tally.see(second(1, shoal.EventDone, 0, 10e6, 10e6))
	tally.see(second(1, shoal.EventFailed, 1, 0, 0))
	if got, want := tally.String(), "2 of 3 files, 40 MB, 10 MB/s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	tally.see(second(2, shoal.EventStarted, 2, 0, 10e6))
	if got, want := tally.String(), "2 of 3 files, 40 MB of 50 MB, 5.0 MB/s, 2 s left"; got != want || tally.share() != 0.8 {
		t.Errorf("got %q and share %v, want %q and 0.8", got, tally.share(), want)
	}
}

// Of a folder, nobody knows how much is to come.
func TestTallyOfFolder(t *testing.T) {
	tally := newTally(0)
	tally.see(second(0, shoal.EventStarted, 0, 0, 10e6))
	tally.see(second(1, shoal.EventDone, 0, 10e6, 10e6))
	tally.see(second(1, shoal.EventStarted, 0, 0, 30e6))
	if got, want := tally.String(), "1 file, 10 MB, 10 MB/s"; got != want || tally.share() != unknown {
		t.Errorf("got %q and share %v, want %q and none", got, tally.share(), want)
	}
	if got := percent(tally.share()); got != "" {
		t.Errorf("as a percentage: %q", got)
	}
}

// The rate is that of the last seconds, not of all time.
func TestRateForgets(t *testing.T) {
	tally := newTally(1)
	tally.see(second(0, shoal.EventStarted, 0, 0, 1e9))
	var done int64
	for i := range 100 {
		done += map[bool]int64{true: 1e6, false: 10e6}[i < 90]
		tally.see(second(float64(i+1), shoal.EventProgress, 0, done, 1e9))
	}
	if got := tally.rate(); got != 10e6 {
		t.Errorf("rate %v, want 10e6", got)
	}
	if len(tally.samples) > int(rateWindow/sampleEvery)+2 {
		t.Errorf("%d samples are kept", len(tally.samples))
	}
}

// In whatever order transfers report, no more is done than there is, and the
// share does not leave its bounds.
func TestTallyIsSane(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tally := newTally(4)
		at := 0.0
		done := make([]int64, 4)
		for range rapid.IntRange(0, 60).Draw(t, "events") {
			at += rapid.Float64Range(0, 2).Draw(t, "pause")
			item := rapid.IntRange(0, 3).Draw(t, "item")
			kind := rapid.SampledFrom([]shoal.EventType{shoal.EventStarted, shoal.EventProgress, shoal.EventDone, shoal.EventFailed}).Draw(t, "kind")
			done[item] = rapid.Int64Range(done[item], 1e9).Draw(t, "done")
			tally.see(second(at, kind, item, done[item], 1e9))
			if has, all := tally.bytes(); has > all {
				t.Fatalf("%d of %d", has, all)
			}
			if share := tally.share(); share < 0 || share > 1 {
				t.Fatalf("share %v", share)
			}
			if tally.rate() < 0 {
				t.Fatalf("rate %v", tally.rate())
			}
		}
	})
}

// Where there is no terminal, progress is a line every five seconds.
func TestPlainProgress(t *testing.T) {
	var stderr bytes.Buffer
	s := newShell(t)
	p := newScreen(s.env(nil, &stderr)).progress("getting", 1)
	p.see(second(0, shoal.EventStarted, 0, 0, 100e6))
	for i := range 100 {
		p.see(second(float64(i)/10, shoal.EventProgress, 0, int64(i)*1e6, 100e6))
	}
	p.see(shoal.Event{Type: shoal.EventSourceBanned, Source: &shoal.Source{Node: "12D3KooWabcdefgh", Reason: "it sent wrong bytes"}})
	p.end()
	want := "getting: 50%, 50 MB of 100 MB, 10 MB/s, 5 s left\nabcdefgh is not asked for this file any more: it sent wrong bytes\n"
	if stderr.String() != want {
		t.Errorf("got\n%swant\n%s", &stderr, want)
	}
}

// The bar shows the same words, and goes away without a trace.
func TestBar(t *testing.T) {
	var stderr bytes.Buffer
	s := newShell(t)
	screen := newScreen(s.env(nil, &stderr))
	screen.errTerminal = true
	p := screen.progress("getting", 1)
	p.see(second(0, shoal.EventStarted, 0, 50e6, 100e6))
	if got := stderr.String(); !strings.Contains(got, "50%") || !strings.Contains(got, "━╸─") || !strings.Contains(got, "getting 50 MB of 100 MB") {
		t.Errorf("the bar is %q", got)
	}
	screen.notice("by the way")
	if got := stderr.String(); !strings.HasSuffix(got, "\r\x1b[Kby the way\n") {
		t.Errorf("a notice in the bar's place: %q", got)
	}
	before := stderr.Len()
	p.end()
	if stderr.Len() != before {
		t.Errorf("the bar is taken away twice: %q", stderr.String()[before:])
	}
}
