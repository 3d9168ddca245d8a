package cli

import (
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"shoal"
)

// rateWindow is how far back the rate looks: long enough to be calm, short
// enough to be true.
const rateWindow = 5 * time.Second

// sampleEvery bounds how many samples a window has.
const sampleEvery = 100 * time.Millisecond

// tally adds up the events of several transfers into what a person wants to
// know. It is pure: the time is that of the events.
type tally struct {
	items int // how many files there will be; 0 if that is not known

	ended   int
	base    int64 // bytes of files that have ended
	parts   map[part]extent
	sources map[shoal.NodeID]bool
	moved   int64 // bytes that came since the start; what was here before is not
	samples []sample
}

// part is one transfer of one request.
type part struct {
	item     int
	transfer uint64
}

type extent struct{ done, total int64 }

type sample struct {
	at    time.Time
	moved int64
}

func newTally(items int) *tally {
	return &tally{items: items, parts: make(map[part]extent), sources: make(map[shoal.NodeID]bool)}
}

// see takes in an event.
func (t *tally) see(e shoal.Event) {
	key := part{e.Item, e.Transfer}
	switch e.Type {
	case shoal.EventStarted, shoal.EventProgress:
		before, known := t.parts[key]
		t.parts[key] = extent{e.Done, e.Total}
		if known {
			t.move(e.Time, e.Done-before.done)
		} else {
			t.move(e.Time, 0)
		}
	case shoal.EventDone:
		t.move(e.Time, e.Total-t.parts[key].done)
		t.finish(key, e.Total)
	case shoal.EventFailed:
		t.finish(key, t.parts[key].total) // there is no more to wait for
	case shoal.EventSourceJoined:
		if e.Source != nil {
			t.sources[e.Source.Node] = true
		}
	case shoal.EventSourceLeft, shoal.EventSourceBanned:
		if e.Source != nil {
			delete(t.sources, e.Source.Node)
		}
	case shoal.EventNotice: // is printed as it comes
	}
}

// finish notes that a transfer has ended, one way or the other.
func (t *tally) finish(key part, total int64) {
	t.base += total
	t.ended++
	delete(t.parts, key)
}

// move notes that n more bytes are there.
func (t *tally) move(at time.Time, n int64) {
	t.moved += max(n, 0)
	last := len(t.samples) - 1
	if last < 0 || at.Sub(t.samples[last].at) >= sampleEvery {
		t.samples = append(t.samples, sample{at, t.moved})
	} else if last > 0 {
		t.samples[last].moved = t.moved
	}
	for len(t.samples) > 2 && at.Sub(t.samples[0].at) > rateWindow {
		t.samples = t.samples[1:]
	}
}

// bytes is how many are there, of how many.
func (t *tally) bytes() (done, total int64) {
	done, total = t.base, t.base
	for _, e := range t.parts {
		done += e.done
		total += e.total
	}
	return done, total
}

// rate is bytes per second, lately; 0 while it is not known.
func (t *tally) rate() float64 {
	if len(t.samples) < 2 {
		return 0
	}
	first, last := t.samples[0], t.samples[len(t.samples)-1]
	elapsed := last.at.Sub(first.at)
	if elapsed <= 0 {
		return 0
	}
	return float64(last.moved-first.moved) / elapsed.Seconds()
}

// complete reports whether every file has begun, so that the bytes that there
// are to come are known.
func (t *tally) complete() bool {
	return t.items > 0 && t.ended+len(t.parts) >= t.items
}

// unknown is the share where nobody knows how much is to come.
const unknown = -1

// share is how much is there, from 0 to 1: of the bytes where their number is
// known, else of the files where theirs is.
func (t *tally) share() float64 {
	if t.items == 0 {
		return unknown
	}
	if done, total := t.bytes(); t.complete() && total > 0 {
		return float64(done) / float64(total)
	}
	files := float64(t.ended)
	for _, e := range t.parts {
		if e.total > 0 {
			files += float64(e.done) / float64(e.total)
		}
	}
	return min(files/float64(t.items), 1)
}

// String is the state in words: 12 of 40 files, 2.9 GB of 4.2 GB, 212 MB/s,
// 6 s left, 3 sources.
func (t *tally) String() string {
	var words []string
	switch {
	case t.items > 1:
		words = append(words, humanize.Comma(int64(t.ended))+" of "+count(t.items, "file"))
	case t.items == 0:
		words = append(words, count(t.ended, "file"))
	}
	done, total := t.bytes()
	words = append(words, size(done)+unless(!t.complete(), " of "+size(total)))
	if r := t.rate(); r > 0 {
		words = append(words, rate(r))
		if t.complete() && done < total {
			words = append(words, left(time.Duration(float64(total-done)/r*float64(time.Second))))
		}
	}
	if len(t.sources) > 0 {
		words = append(words, count(len(t.sources), "source"))
	}
	return strings.Join(words, ", ")
}
