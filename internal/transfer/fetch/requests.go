package fetch

import (
	"errors"
	"time"

	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/transfer/picker"
)

// MaxAsked is how many chunks are asked of a source at once. It answers no more
// than 1,024 (docs/spec/wire.md), and those that were taken back count until it
// has said so.
const MaxAsked = 768

// busyPause is how long a source that said it was busy is left alone.
const busyPause = time.Second

// What a source is asked for at first: enough for a start on a long link, where
// each doubling takes a round trip, but so small a part of the file that much is
// left for sources that come later or turn out to be faster.
const (
	firstBytes = 4 << 20
	firstShare = 64
)

// newWindow is the request window of a source: how many bytes may be on their
// way from it.
func (l *loop) newWindow(file content.File) *picker.Window {
	return picker.NewWindow(picker.WindowConfig{
		Unit:  int(file.ChunkSize),
		Max:   BufferBytes,
		Start: int(min(firstBytes, file.Size/firstShare)),
	})
}

// refillAll offers every source work.
func (l *loop) refillAll() {
	for _, src := range l.sources.order {
		l.refill(src)
	}
}

// refill asks a source for chunks until its window is full or it has none of
// use.
func (l *loop) refill(src *source) {
	if l.picker == nil || src.stage != stageLive || l.over || l.now.Before(src.pauseTo) {
		return
	}
	asked, limit := MaxAsked, src.window.Limit()
	if l.task.Background && l.engine.waited.Load() > 0 {
		asked, limit = 1, 1
	}
	for src.window.Outstanding() < limit && l.picker.Assigned(src.handle) < asked {
		pick, ok := l.picker.Pick(src.handle)
		if !ok {
			return
		}
		if !l.request(src, pick) {
			return
		}
	}
}

// request asks a source for what was picked. It reports false if the source
// should be offered nothing more for now.
func (l *loop) request(src *source, pick picker.Pick) bool {
	if pick.Kind == picker.Steal {
		l.cancel(l.byHandle(pick.From), pick.Chunk)
	}
	bytes := l.file.ChunkLen(pick.Chunk)
	if src.early && pick.Chunk == 0 {
		src.early = false // asked for with the hello
		src.window.Sent(l.now, bytes)
		return true
	}
	span := wire.Span{Chunk: pick.Chunk, Length: bytes}
	half := l.orphans[pick.Chunk]
	if half != nil {
		span.Offset, span.Length = half.got, bytes-half.got
	}
	if !src.link.ask(l.now, span, half) {
		l.picker.Release(src.handle, pick.Chunk)
		return false
	}
	delete(l.orphans, pick.Chunk)
	src.window.Sent(l.now, span.Length)
	return true
}

func (l *loop) byHandle(handle picker.Peer) *source {
	return l.sources.order[handle-1]
}

// cancel takes a chunk back from a source that no longer need send it.
func (l *loop) cancel(src *source, chunk int) {
	if src.stage == stageLive {
		src.link.cancel(chunk)
	}
}

// rejected says that a source will not send a chunk, or not the rest of it.
type rejected struct {
	link      *link
	chunk     int
	missing   int       // bytes of the request that did not come
	half      *assembly // what did come, or nil
	reason    wire.Reason
	cancelled bool // we had taken it back
}

func (m rejected) apply(l *loop) {
	m.link.told()
	src := l.sources.all[m.link.peer]
	if m.half != nil {
		l.adopt([]*assembly{m.half})
	}
	if src.early && m.chunk == 0 {
		src.early = false // it was never on the books
		return
	}
	if src.link != m.link {
		return
	}
	src.window.Dropped(l.now, m.missing)
	if src.claim != nil {
		l.unproved(src)
	}
	if l.picker == nil {
		return
	}
	if !m.cancelled {
		l.refused(src, m)
	}
	l.refillAll()
}

// refused deals with a refusal that we did not ask for.
func (l *loop) refused(src *source, m rejected) {
	switch m.reason {
	case wire.ReasonAbsent:
		l.picker.Lost(src.handle, m.chunk)
	case wire.ReasonBusy:
		src.pauseTo = l.now.Add(busyPause)
	default:
		l.lose(src, errors.New("it refuses: "+m.reason.String()), stageLost)
		return
	}
	l.picker.Release(src.handle, m.chunk)
}

// silentFor is how long a snubbed source is kept.
const silentFor = 30 * time.Second

// judge looks for sources that have slowed down or gone silent. While our own
// disk is behind, silence is our doing, and nobody is judged; nor is one that
// waits for memory.
func (l *loop) judge() {
	for _, src := range l.sources.order {
		if src.stage != stageLive {
			continue
		}
		waiting := src.link.count.waiting.Load()
		if waiting {
			src.window.Excuse(l.now)
		}
		if src.joined {
			l.picker.SetRate(src.handle, src.window.Rate(l.now))
		}
		if !waiting {
			l.snub(src)
		}
	}
}

// snub takes its chunks from a source that has gone silent, or as good as that.
// It may still show that it lives with a chunk that it owes; if it does not, it
// is parted with.
func (l *loop) snub(src *source) {
	switch {
	case !src.snubbed.IsZero() && l.now.Sub(src.snubbed) >= silentFor:
		l.lose(src, errSilent, stageLost)
	case src.snubbed.IsZero() && (src.window.Snubbed(l.now) || src.link.crawls(l.now)):
		src.snubbed = l.now
		for _, chunk := range src.link.spans() {
			src.link.cancel(chunk)
			if src.joined {
				l.picker.Release(src.handle, chunk)
			}
		}
	}
}

var errSilent = errors.New("it has gone silent")
