package fetch

import (
	"fmt"
	"time"

	"shoal"
)

// report tells the watcher what happened.
func (l *loop) report(e shoal.Event) {
	e.Time = l.now
	e.File = l.task.File
	e.Done, e.Total = l.written, l.file.Size
	l.herald.tell(e)
}

// progress tells the watcher how far we are.
func (l *loop) progress() {
	l.reported = l.now
	stats := l.stats
	stats.Elapsed = l.now.Sub(l.start)
	stats.Sources = l.summaries()
	l.report(shoal.Event{Type: shoal.EventProgress, Stats: &stats})
}

// summary is what the watcher is told of a source.
func (s *source) summary(now time.Time) *shoal.Source {
	sum := &shoal.Source{Node: s.peer, Bytes: s.bytes, Reason: s.reason, Banned: s.banned}
	if s.stage == stageLive && s.window != nil {
		sum.Rate = s.window.Rate(now)
		sum.Reason = ""
	}
	return sum
}

func (l *loop) summaries() []shoal.Source {
	var all []shoal.Source
	for _, src := range l.sources.order {
		if src.bytes > 0 || src.stage == stageLive || src.banned {
			all = append(all, *src.summary(l.now))
		}
	}
	return all
}

// sumUp fills in the stats of a fetch that is over.
func (l *loop) sumUp() {
	l.stats.Elapsed = time.Since(l.start)
	l.stats.Sources = l.summaries()
	if l.err == nil && !l.task.Demand && l.left > 0 {
		l.err = fmt.Errorf("file %s: %d chunks were not written: %w", l.task.File.Short(), l.left, shoal.Partial)
	}
	if l.sink != nil {
		l.now = time.Now()
		l.progress()
	}
}
