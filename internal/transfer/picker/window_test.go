package picker_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shoal/internal/transfer/picker"
)

const unit = 256 << 10

// warmUp is within how long a window must fill a link: a round trip for each
// doubling from two units to what the link holds, and five more.
func warmUp(l *link) time.Duration {
	perTrip := 2 * float64(l.unit)
	trip := l.latency + seconds(perTrip/l.rate)
	doublings := math.Ceil(max(0, math.Log2(l.rate*trip.Seconds()/perTrip)))
	return time.Duration(doublings+5) * trip
}

func drawLink(t *rapid.T) *link {
	// Both are drawn by their logarithm, so that each magnitude has its share.
	rate := math.Exp(rapid.Float64Range(math.Log(1e6), math.Log(2e9)).Draw(t, "log rate"))
	latency := math.Exp(rapid.Float64Range(math.Log(1e-4), math.Log(0.3)).Draw(t, "log latency"))
	size := unit << rapid.IntRange(0, 4).Draw(t, "log unit")
	return newLink(rate, seconds(latency), size)
}

func TestWindowFillsLink(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLink(t)
		l.run(warmUp(l))
		measured := max(4*l.latency, seconds(50*float64(l.unit)/l.rate))
		if got := l.utilisation(measured); got < 0.95 {
			t.Fatalf("%.0f B/s, %v: %.1f%% of the link after %v, limit %d", l.rate, l.latency, 100*got, warmUp(l), l.window.Limit())
		}
	})
}

func TestWindowStartsAsTold(t *testing.T) {
	for _, tc := range []struct{ start, most, want int }{
		{0, 0, 2 * unit},
		{unit, 0, 2 * unit},
		{16 * unit, 0, 16 * unit},
		{16 * unit, 4 * unit, 4 * unit},
		{16 * unit, unit, 2 * unit},
	} {
		w := picker.NewWindow(picker.WindowConfig{Unit: unit, Max: tc.most, Start: tc.start})
		if got := w.Limit(); got != tc.want {
			t.Errorf("start %d of at most %d: limit %d, want %d", tc.start, tc.most, got, tc.want)
		}
	}
}

// A start with eight times as much in flight saves three doublings.
func TestWindowStartSavesRoundTrips(t *testing.T) {
	const latency = 60 * time.Millisecond
	cold, warm := newLink(2e9, latency, unit), newLink(2e9, latency, unit)
	warm.window = picker.NewWindow(picker.WindowConfig{Unit: unit, Max: 4 << 30, Start: 16 * unit})
	if slow, fast := cold.run(4*latency), warm.run(4*latency); fast < 7*slow {
		t.Errorf("%d bytes in four round trips, %d from two units", fast, slow)
	}
}

func TestWindowFillsCorners(t *testing.T) {
	for _, rate := range []float64{1e6, 2e9} {
		for _, latency := range []time.Duration{100 * time.Microsecond, 300 * time.Millisecond} {
			checkFilled(t, newLink(rate, latency, unit))
		}
	}
	// A unit takes as long to come in as a request to be answered.
	checkFilled(t, newLink(7e6, time.Second, 16*unit))
}

func checkFilled(t *testing.T, l *link) {
	l.run(warmUp(l) + time.Second)
	if got := l.utilisation(10 * time.Second); got < 0.95 {
		t.Errorf("%.0f B/s, %v: %.1f%% of the link, limit %d", l.rate, l.latency, 100*got, l.window.Limit())
	}
}

// What is asked for in advance stays in proportion: what the link holds, the
// service margin, and a unit.
func TestWindowIsNotTooLarge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLink(t)
		l.run(warmUp(l) + 5*time.Second)
		trip := l.latency.Seconds() + float64(l.unit)/l.rate
		want := 1.1*l.rate*(trip+picker.ServiceMargin.Seconds()) + 2*float64(l.unit)
		if got := float64(l.window.Limit()); got > want {
			t.Fatalf("%.0f B/s, %v: limit %.0f, want at most %.0f", l.rate, l.latency, got, want)
		}
		if rate := l.window.Rate(l.now); math.Abs(rate/l.rate-1) > 0.1 {
			t.Fatalf("rate %.0f, want %.0f", rate, l.rate)
		}
	})
}

func TestWindowShrinksWithRate(t *testing.T) {
	l := newLink(1e8, 20*time.Millisecond, unit)
	l.run(3 * time.Second)
	before := l.window.Limit()
	l.rate = 1e7
	l.run(20 * time.Second)
	if after := l.window.Limit(); after > before/5 {
		t.Errorf("a tenth of the rate: limit %d, was %d", after, before)
	}
	l.rate = 1e8
	l.run(10 * time.Second)
	if got := l.utilisation(time.Second); got < 0.95 {
		t.Errorf("the rate came back: %.1f%% of the link", 100*got)
	}
}

// A path that becomes longer must not look like a peer that became slower.
func TestWindowSurvivesLongerPath(t *testing.T) {
	l := newLink(1e8, 2*time.Millisecond, unit)
	l.run(3 * time.Second)
	l.latency = 600 * time.Millisecond
	l.run(20 * time.Second)
	if got := l.utilisation(5 * time.Second); got < 0.95 {
		t.Errorf("after the path became longer: %.1f%% of the link, limit %d", 100*got, l.window.Limit())
	}
}

func TestWindowKeepsItsSizeWhileIdle(t *testing.T) {
	l := newLink(1e8, 50*time.Millisecond, unit)
	l.run(3 * time.Second)
	before, rate := l.window.Limit(), l.window.Rate(l.now)
	l.idle = true
	l.run(time.Hour)
	if l.window.Snubbed(l.now) {
		t.Error("a peer that owes nothing is snubbed")
	}
	if got := l.window.Limit(); got != before {
		t.Errorf("limit after an idle hour %d, was %d", got, before)
	}
	if got := l.window.Rate(l.now); got != rate {
		t.Errorf("rate after an idle hour %.0f, was %.0f", got, rate)
	}
	l.idle = false
	l.run(2 * l.latency)
	if got := l.utilisation(time.Second); got < 0.95 {
		t.Errorf("after an idle hour: %.1f%% of the link", 100*got)
	}
}

// A peer that is seldom asked for much is not slow for that.
func TestWindowKnowsItsOwnFault(t *testing.T) {
	l := newLink(1e8, 50*time.Millisecond, unit)
	l.run(3 * time.Second)
	before := l.window.Limit()
	l.idle = true
	for range 100 {
		l.run(time.Second)
		l.window.Sent(l.now, 1000)
		l.run(l.latency)
		l.window.Received(l.now, 1000)
	}
	if got := l.window.Limit(); got != before {
		t.Errorf("limit %d, was %d", got, before)
	}
}

// A peer that is asked for one unit at a time has a rate too.
func TestRateOfSingleRequests(t *testing.T) {
	w, now := picker.NewWindow(picker.WindowConfig{Unit: unit}), time.Unix(0, 0)
	for range 3 {
		w.Sent(now, unit)
		now = now.Add(100 * time.Millisecond)
		w.Received(now, unit)
	}
	if got := w.Rate(now); got != unit*10 {
		t.Errorf("rate %.0f, want %d", got, unit*10)
	}
}

// A round ends when the window has been received and 10 ms have passed, or after two
// seconds whatever came; then there is a rate.
func TestRounds(t *testing.T) {
	for _, round := range []struct {
		lasts time.Duration
		bytes int
		over  bool
	}{
		{10 * time.Millisecond, 2 * unit, true},
		{10*time.Millisecond - 1, 2 * unit, false},
		{time.Second, 2*unit - 1, false},
		{2*time.Second - 1, 1, false},
		{2 * time.Second, 1, true},
	} {
		for _, dropped := range []int{0, unit} { // which begins a round, too
			w, now := picker.NewWindow(picker.WindowConfig{Unit: unit}), time.Unix(0, 0)
			w.Sent(now, 2*unit+1+dropped)
			w.Dropped(now, dropped)
			now = now.Add(round.lasts)
			w.Received(now, round.bytes)
			if over := w.Rate(now) > 0; over != round.over {
				t.Errorf("%d bytes dropped, after %v and %d bytes: over is %t", dropped, round.lasts, round.bytes, over)
			}
		}
	}
}

// Nothing is no request and no answer.
func TestNoBytes(t *testing.T) {
	w, now := picker.NewWindow(picker.WindowConfig{Unit: unit}), time.Unix(0, 0)
	w.Sent(now, 0)
	now = now.Add(10 * time.Second)
	w.Sent(now, unit)
	now = now.Add(10 * time.Millisecond)
	w.Received(now, unit) // the latency is this, and not ten seconds
	w.Sent(now, unit)
	now = now.Add(10 * time.Second)
	w.Received(now, 0)
	if got := w.Rate(now); got != unit/10. {
		t.Errorf("rate %.0f, want a unit in 10 s of silence", got)
	}
	if now = now.Add(picker.SnubAfter - 10*time.Second); !w.Snubbed(now) {
		t.Error("not snubbed after an answer of nothing")
	}
}

// The least latency counts: a silence of two seconds is long for a peer that
// once answered in ten milliseconds, though it took five seconds at first.
func TestLatencyIsTheLeast(t *testing.T) {
	w, now := picker.NewWindow(picker.WindowConfig{Unit: unit}), time.Unix(0, 0)
	for _, latency := range []time.Duration{5 * time.Second, 10 * time.Millisecond} {
		w.Sent(now, unit)
		now = now.Add(latency)
		w.Received(now, unit)
	}
	w.Sent(now, unit)
	if got := w.Rate(now.Add(2 * time.Second)); got != unit/2 {
		t.Errorf("rate %.0f, want a unit in two seconds", got)
	}
}

// The time until a request was cancelled says nothing of the latency.
func TestLatencyIsNotOfTheDropped(t *testing.T) {
	w, now := picker.NewWindow(picker.WindowConfig{Unit: unit}), time.Unix(0, 0)
	w.Sent(now, unit)
	now = now.Add(10 * time.Second)
	w.Dropped(now, unit)
	w.Sent(now, unit)
	now = now.Add(10 * time.Millisecond)
	w.Received(now, unit)
	w.Sent(now, unit)
	if got := w.Rate(now.Add(2 * time.Second)); got != unit/2 {
		t.Errorf("rate %.0f, want a unit in two seconds", got)
	}
}

func TestWindowSnubs(t *testing.T) {
	w := picker.NewWindow(picker.WindowConfig{Unit: unit})
	now := time.Unix(0, 0)
	w.Sent(now, unit)
	w.Sent(now, unit)
	if w.Snubbed(now.Add(picker.SnubAfter - 1)) {
		t.Error("snubbed too early")
	}
	now = now.Add(picker.SnubAfter)
	if !w.Snubbed(now) || w.Limit() != unit {
		t.Errorf("snubbed %t, limit %d, want one unit", w.Snubbed(now), w.Limit())
	}
	w.Dropped(now, unit)
	if !w.Snubbed(now) {
		t.Error("forgiven for what it did not send")
	}
	for range unit / frame { // what it owes from before does not open its window
		w.Received(now, frame)
		if w.Snubbed(now) || w.Limit() != 2*unit {
			t.Errorf("snubbed %t, limit %d, want two units", w.Snubbed(now), w.Limit())
		}
	}
	w.Sent(now, unit)
	w.Received(now, unit)
	if w.Limit() != 3*unit {
		t.Errorf("limit %d, want three units after a unit that was asked for since", w.Limit())
	}
}

// What a silence proves of the rate is what the picker must know to give a
// silent peer's chunks to others.
func TestRateFallsInSilence(t *testing.T) {
	w := picker.NewWindow(picker.WindowConfig{Unit: unit})
	now := time.Unix(0, 0)
	w.Sent(now, unit)
	if got := w.Rate(now.Add(2 * picker.ServiceMargin)); got != 0 {
		t.Errorf("rate %.0f of a peer that had no time to answer", got)
	}
	if got := w.Rate(now.Add(2*picker.ServiceMargin + 1)); got == 0 {
		t.Error("the rate is not known of a peer that had the time to answer")
	}
	if got := w.Rate(now.Add(10 * time.Second)); got != unit/10. {
		t.Errorf("rate after 10 s of silence %.0f, want a unit in 10 s", got)
	}
}

func TestWindowStaysInBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := picker.WindowConfig{Unit: rapid.IntRange(1, 1<<20).Draw(t, "unit"), Max: rapid.IntRange(0, 1<<24).Draw(t, "max")}
		w, now := picker.NewWindow(cfg), time.Unix(0, 0)
		most := cfg.Max
		if most == 0 {
			most = picker.DefaultMaxWindow
		}
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "pass")))
			bytes := rapid.IntRange(-1, 1<<24).Draw(t, "bytes")
			switch rapid.IntRange(0, 3).Draw(t, "do") {
			case 0:
				w.Sent(now, max(0, bytes))
			case 1:
				w.Received(now, bytes)
			case 2:
				w.Dropped(now, bytes)
			case 3:
				w.Snubbed(now)
			}
			if limit := w.Limit(); limit < cfg.Unit || limit > max(most, 2*cfg.Unit) || w.Outstanding() < 0 {
				t.Fatalf("limit %d, outstanding %d", limit, w.Outstanding())
			}
			if rate := w.Rate(now); rate < 0 || math.IsNaN(rate) || math.IsInf(rate, 0) {
				t.Fatalf("rate %v", rate)
			}
		}
	})
}

// What was our doing is not held against the peer, however long it lasts.
func TestWindowExcusesSilence(t *testing.T) {
	w := picker.NewWindow(picker.WindowConfig{Unit: unit})
	now := time.Unix(0, 0)
	w.Sent(now, 2*unit)
	for range 100 {
		now = now.Add(picker.SnubAfter / 2)
		w.Excuse(now)
		if w.Snubbed(now) {
			t.Fatalf("snubbed after %v", now.Sub(time.Unix(0, 0)))
		}
	}
	if !w.Snubbed(now.Add(picker.SnubAfter)) {
		t.Error("not snubbed when the silence was its own")
	}
}
