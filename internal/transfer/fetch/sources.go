package fetch

import (
	"context"
	"errors"
	"slices"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/transfer"
	"shoal/internal/transfer/picker"
)

// source is a peer that may have chunks of the file, in one of the stages of a
// life: known, dialling, greeted (live), lost, given up.
type source struct {
	peer   shoal.NodeID
	handle picker.Peer
	stage  stage
	origin origin
	met    bool // it was reached, and has the file
	named  int  // peers that it has named

	link   *link
	window *picker.Window
	early  bool   // chunk 0 was asked for with the hello
	claim  *claim // of the file's shape, while no source's is proven

	joined  bool      // the picker knows it
	snubbed time.Time // since when it is silent; zero if it is not
	pauseTo time.Time // it said it was busy

	bytes    int64 // verified and used
	attempt  int   // tells apart the links to it, one after another
	tries    int   // attempts since it last gave something
	retryAt  time.Time
	reason   string // why it was lost
	absent   bool   // it said it does not have the file
	refused  bool   // it said that we may not have it
	heard    bool   // it was heard of since the fetch began: it may be getting the file too
	reported bool   // as joined, to the watcher
	banned   bool
}

// stage is how far a source has come.
type stage uint8

const (
	stageKnown stage = iota
	stageDialling
	stageLive
	stageLost // will be tried again
	stageGivenUp
)

// sources are the peers of one fetch.
type sources struct {
	all   map[shoal.NodeID]*source
	order []*source // as they came; the handle of each is its place, from 1
}

func newSources() sources { return sources{all: make(map[shoal.NodeID]*source)} }

func (s *sources) count(at stage) int {
	n := 0
	for _, src := range s.order {
		if src.stage == at {
			n++
		}
	}
	return n
}

func (s *sources) live() int { return s.count(stageLive) }

// allAbsent reports whether every source said it does not have the file.
func (s *sources) allAbsent() bool {
	for _, src := range s.order {
		if !src.absent {
			return false
		}
	}
	return len(s.order) > 0
}

// anyRefused reports whether a source said that we may not have the file.
func (s *sources) anyRefused() bool {
	return slices.ContainsFunc(s.order, func(src *source) bool { return src.refused })
}

// allGivenUp reports whether no source is left to hope for.
func (s *sources) allGivenUp() bool {
	return len(s.order) > 0 && s.count(stageGivenUp) == len(s.order)
}

// owe reports whether a source may be about to give us something.
func (s *sources) owe() bool {
	for _, src := range s.order {
		if src.stage == stageDialling || src.stage == stageLive && src.snubbed.IsZero() && src.link.owes() {
			return true
		}
	}
	return false
}

func (s *sources) lastError() string {
	for _, src := range slices.Backward(s.order) {
		if src.reason != "" {
			return src.reason
		}
	}
	return "none has answered"
}

// dial opens streams to known sources, as many as may be asked at once. Until
// the hash list is here only a few are, for each would send it; and none while
// the target is being opened, for it may lack nothing, nor when it lacks nothing.
func (l *loop) dial() {
	if l.opening || l.picker != nil && l.picker.Remaining() == 0 && !l.task.Demand {
		return
	}
	busy, limit := l.busy()
	l.dialThose(byUs, limit-busy)
	busy, limit = l.busy()
	l.dialThose(byHearsay, min(limit-busy, MaxHearsay-l.sources.hearsay()))
}

// dialThose opens streams to at most so many known sources of an origin.
func (l *loop) dialThose(by origin, most int) {
	for _, src := range l.sources.order {
		if most <= 0 || l.over {
			return
		}
		if src.stage == stageKnown && src.origin == by {
			most--
			l.connect(src)
		}
	}
}

// busy is how many sources are being asked, and how many may be. One that
// claims something of the file and does not prove it keeps no other from being
// asked.
func (l *loop) busy() (busy, limit int) {
	dialling := l.sources.count(stageDialling)
	if l.file.ChunkSize != 0 {
		return dialling + l.sources.live(), MaxSources
	}
	for _, src := range l.sources.order {
		if src.stage == stageLive && src.claiming(l.now) {
			busy++
		}
	}
	limit = MaxListAsked
	if l.task.Sure && l.small() && l.now.Sub(l.start) < beat {
		limit = 1
	}
	return dialling + busy, limit
}

// small reports whether the file is said to be one whose first chunk is asked for
// with the hello.
func (l *loop) small() bool { return l.task.SizeHint > 0 && l.task.SizeHint <= earlySize }

// earlySize is the largest file whose first chunk is asked for with the hello.
const earlySize = 64 << 10

// connect has a source dialled and greeted, in a goroutine of its own that
// then reads it.
func (l *loop) connect(src *source) {
	src.stage, src.tries, src.attempt = stageDialling, src.tries+1, src.attempt+1
	forList := l.file.ChunkSize == 0
	src.early = forList && l.small() && l.sources.count(stageDialling) == 1
	known := l.file // a copy: zero while the list is still to be asked for
	known.ID = l.task.File
	hello := wire.Hello{Version: wire.Version, WantList: forList, Background: l.task.Background, File: known.ID}
	peer, early, attempt, ctx, dialCtx := src.peer, src.early, src.attempt, l.ctx, l.dialCtx
	l.workers.Go(func() {
		stream, err := l.dialPeer(dialCtx, peer)
		if err != nil {
			l.fetch.tell(linkEnded{peer: peer, attempt: attempt, err: err})
			return
		}
		k := newLink(l, peer, attempt, stream)
		k.push(hello.Append)
		if early {
			k.ask(time.Now(), wire.Span{}, nil)
		}
		halves, err := k.run(ctx, known)
		l.fetch.tell(linkEnded{peer: peer, attempt: attempt, err: err, halves: halves})
	})
}

func (l *loop) dialPeer(ctx context.Context, peer shoal.NodeID) (transfer.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	return l.engine.cfg.Dial(ctx, peer)
}

// greeted says that a source has told the file's shape and what it has of it.
type greeted struct {
	link *link
	file content.File
	have content.Bitmap
}

func (m greeted) apply(l *loop) {
	src := l.sources.all[m.link.peer]
	if src.attempt != m.link.attempt || src.stage != stageDialling {
		return
	}
	src.stage, src.link, src.claim, src.met = stageLive, m.link, nil, true
	src.window = l.newWindow(m.file)
	src.snubbed, src.absent = time.Time{}, false
	m.link.have = m.have
	switch {
	case l.file.ChunkSize == 0:
		l.claimed(src, m.file)
	case !sameShape(m.file, l.file):
		l.lose(src, otherShape(m.file, l.file), stageGivenUp)
	default:
		l.admit(src)
	}
	l.dial()
}

// admit has a live source take part, unless what it claimed was false.
func (l *loop) admit(src *source) {
	if c := src.claim; c != nil && !sameShape(c.file, l.file) {
		l.lose(src, otherShape(c.file, l.file), stageGivenUp)
		return
	}
	src.claim = nil
	if !src.reported {
		src.reported = true
		l.report(shoal.Event{Type: shoal.EventSourceJoined, Source: src.summary(l.now)})
	}
	if l.picker != nil {
		l.join(src)
	}
}

// join makes a live source's chunks known to the picker, and asks for the first.
func (l *loop) join(src *source) {
	src.joined = true
	l.picker.Join(src.handle, src.link.have)
	src.link.have = content.Bitmap{}
	l.refill(src)
}

// haveMore says that a source has more chunks now.
type haveMore struct {
	link   *link
	chunks []int
}

func (m haveMore) apply(l *loop) {
	src := l.sources.all[m.link.peer]
	if src.link != m.link {
		return
	}
	for _, chunk := range m.chunks {
		if l.picker == nil {
			m.link.have.Set(chunk)
		} else {
			l.picker.Have(src.handle, chunk)
		}
	}
	if c := src.claim; c != nil && c.unable && c.asked.IsZero() {
		c.unable = !m.link.have.Has(c.file.Chunks() - 1)
		l.askProof()
	}
	l.refill(src)
}

// linkEnded says that a source could not be dialled, or that its stream ended.
type linkEnded struct {
	peer    shoal.NodeID
	attempt int
	err     error
	halves  []*assembly
}

func (m linkEnded) apply(l *loop) {
	src := l.sources.all[m.peer]
	l.adopt(m.halves)
	if src.attempt != m.attempt || src.stage != stageLive && src.stage != stageDialling {
		return // we have parted with it ourselves
	}
	next := stageLost
	if fault, ok := errors.AsType[*peerFault](m.err); ok {
		switch {
		case fault.lie:
			l.ban(src, fault.err)
			return
		case fault.reason == wire.ReasonAbsent:
			src.absent = true
			next = stageGivenUp
		case fault.reason == wire.ReasonUnauthorised:
			src.refused = true
			next = stageGivenUp
		case fault.reason != wire.ReasonLeaving && fault.reason != wire.ReasonBusy:
			next = stageGivenUp
		}
	}
	l.lose(src, m.err, next)
}

// lose parts with a source, which is tried again if next is stageLost.
func (l *loop) lose(src *source, why error, next stage) {
	if src.stage == stageLive {
		src.link.part(wire.ReasonLeaving)
	}
	if src.joined {
		l.picker.Leave(src.handle)
	}
	src.joined, src.early, src.claim = false, false, nil
	src.link, src.reason = nil, why.Error()
	if src.tries >= MaxTries {
		next = stageGivenUp
	}
	src.stage = next
	src.retryAt = l.now.Add(min(FirstRetry<<min(max(src.tries-1, 0), MaxTries), LastRetry))
	l.engine.cfg.Log.Debug("source lost", "file", l.task.File, "peer", src.peer, "err", why)
	if src.reported {
		src.reported = false
		l.report(shoal.Event{Type: shoal.EventSourceLeft, Source: src.summary(l.now)})
	}
	l.askProof()
	l.dial()
	l.refillAll()
}

// ban parts with a source that lied, for good.
func (l *loop) ban(src *source, why error) {
	l.engine.cfg.Bans.Add(l.task.File, src.peer, l.now)
	l.engine.cfg.Log.Warn("source banned", "file", l.task.File, "peer", src.peer, "err", why)
	src.reported, src.banned = false, true
	l.lose(src, why, stageGivenUp)
	l.report(shoal.Event{Type: shoal.EventSourceBanned, Source: src.summary(l.now)})
}

// partAll says goodbye to every source.
func (l *loop) partAll() {
	for _, src := range l.sources.order {
		if src.stage == stageLive {
			src.link.part(l.farewell())
		}
	}
}

// farewell is what a source is told when the fetch is over.
func (l *loop) farewell() wire.Reason {
	if l.err == nil && !l.task.Demand {
		return wire.ReasonDone
	}
	return wire.ReasonLeaving
}

// retry makes lost sources known again when their time has come and, while there
// is anybody to fetch from, those that lacked the file.
func (l *loop) retry() {
	live := l.sources.live()
	for _, src := range l.sources.order {
		if live > 0 {
			l.reconsider(src)
		}
		if src.stage == stageLost && !l.now.Before(src.retryAt) {
			src.stage = stageKnown
		}
	}
}
