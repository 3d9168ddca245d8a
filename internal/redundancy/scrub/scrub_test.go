package scrub_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"shoal/internal/redundancy/scrub"
)

func start() time.Time { return time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC) }

// Whoever reads each part when it is due, and takes no longer than its slot, has
// read all parts within every period, whatever the period; and if the node is off
// for a while, within that longer, and a slot for the one that is due as it stops.
func TestEverythingIsReadInThePeriod(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		period := time.Duration(rapid.Int64Range(int64(time.Second), int64(90*24*time.Hour)).Draw(t, "period"))
		now := start()
		l := scrub.NewLog(now, period)
		var read [scrub.Parts]time.Time
		off := rapid.IntRange(1, 3*scrub.Parts).Draw(t, "off")
		for i := range 3 * scrub.Parts {
			part, due := l.Next(now, period)
			if due.After(now) {
				now = due
			}
			if i == off {
				now = now.Add(period / 4)
			}
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(scrub.Slot(period))).Draw(t, "takes")))
			if last := read[part]; !last.IsZero() && now.Sub(last) > period+period/4+scrub.Slot(period)+scrub.Parts {
				t.Fatalf("part %v was not read for %v, with a period of %v", part, now.Sub(last), period)
			}
			read[part] = now
			l.Done(part, now)
		}
	})
}

func TestSpreadEvenly(t *testing.T) {
	const period = scrub.DefaultPeriod
	now := start()
	l := scrub.NewLog(now, period)
	if share, oldest := l.Coverage(now, period); share != 1 || now.Sub(oldest) > period {
		t.Errorf("of a new log %v is covered, the oldest is of %v", share, oldest)
	}
	for i := range 2 * scrub.Parts {
		part, due := l.Next(now, period)
		if wait := due.Sub(now); wait > scrub.Slot(period)+time.Second || i%scrub.Parts > 0 && wait < scrub.Slot(period)-time.Second {
			t.Fatalf("part %d (%v) is due in %v, want a slot of %v", i, part, wait, scrub.Slot(period))
		}
		now = due
		l.Done(part, now)
	}
}

func TestCoverage(t *testing.T) {
	now := start()
	l := scrub.NewLog(now, time.Hour)
	if share, oldest := l.Coverage(now.Add(2*time.Hour), time.Hour); share != 0 || !oldest.Before(now) {
		t.Errorf("after two periods %v is covered, the oldest is of %v", share, oldest)
	}
	l.Done(7, now.Add(2*time.Hour))
	if share, _ := l.Coverage(now.Add(2*time.Hour), time.Hour); share != 1./scrub.Parts {
		t.Errorf("with one part read %v is covered", share)
	}
	// A clock that was put back makes nothing be read later than a period from now.
	if _, due := l.Next(now.Add(-24*time.Hour), time.Hour); due.After(now.Add(-23 * time.Hour)) {
		t.Errorf("with a clock that was put back the next is due at %v", due)
	}
	if _, oldest := l.Coverage(now.Add(-24*time.Hour), time.Hour); oldest.After(now.Add(-24 * time.Hour)) {
		t.Errorf("something was read in the future, at %v", oldest)
	}
}

func TestRate(t *testing.T) {
	const period = 256 * 100 * time.Second // slots of 100 s
	for _, c := range []struct {
		bytes  int64
		behind time.Duration
		want   int
	}{
		{0, 0, scrub.LeastRate},
		{500 << 20, 0, 10 << 20},
		{1 << 50, 0, scrub.MostRate},
		{0, period / 9, scrub.MostRate},
	} {
		if got := scrub.Rate(c.bytes, period, c.behind); got != c.want {
			t.Errorf("%d bytes, behind by %v: %d a second, want %d", c.bytes, c.behind, got, c.want)
		}
	}
	if scrub.Rate(1<<20, 1, 0) > scrub.MostRate {
		t.Error("a period of nothing has no bound")
	}
}

func TestCheck(t *testing.T) {
	if err := scrub.NewLog(start(), time.Hour).Check(); err != nil {
		t.Error(err)
	}
	if new(scrub.Log).Check() == nil {
		t.Error("an empty log is none")
	}
}
