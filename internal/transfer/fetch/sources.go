package fetch

import (
	"context"
	"errors"
	"fmt"
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

	link    *link
	window  *picker.Window
	early   bool // chunk 0 was asked for with the hello
	forList bool // was asked for the hash list

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
	all    map[shoal.NodeID]*source
	order  []*source // as they came
	handle picker.Peer
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

// sourceFound says that a peer may have the file.
type sourceFound struct{ peer shoal.NodeID }

func (m sourceFound) apply(l *loop) {
	l.found(m.peer)
	l.dial()
}

// searchOver says that no more sources are being looked for.
type searchOver struct{}

func (searchOver) apply(l *loop) { l.task.Searching = false }

// found remembers a peer, or gives one that was given up another chance if it
// had only lacked the file.
func (l *loop) found(peer shoal.NodeID) {
	if peer == l.engine.cfg.Self || l.engine.cfg.Bans.Has(l.task.File, peer, l.now) {
		return
	}
	if src := l.sources.all[peer]; src != nil {
		if src.stage == stageGivenUp && src.absent && src.tries < MaxTries {
			src.stage, src.absent = stageKnown, false
		}
		return
	}
	if len(l.sources.order) >= MaxCandidates {
		return
	}
	l.sources.handle++
	src := &source{peer: peer, handle: l.sources.handle}
	l.sources.all[peer] = src
	l.sources.order = append(l.sources.order, src)
}

// dial opens streams to known sources, as many as may be asked at once. Until
// the hash list is here only a few are, for each would send it; and none while
// the target is being opened, for it may lack nothing.
func (l *loop) dial() {
	if l.opening {
		return
	}
	busy := l.sources.count(stageDialling) + l.sources.live()
	limit := MaxSources
	if l.file.ChunkSize == 0 {
		limit = MaxListAsked
	}
	for _, src := range l.sources.order {
		if busy >= limit || l.over {
			return
		}
		if src.stage == stageKnown {
			busy++
			l.connect(src)
		}
	}
}

// earlySize is the largest file whose first chunk is asked for with the hello.
const earlySize = 64 << 10

// connect has a source dialled and greeted, in a goroutine of its own that
// then reads it.
func (l *loop) connect(src *source) {
	src.stage, src.tries, src.attempt = stageDialling, src.tries+1, src.attempt+1
	src.forList = l.file.ChunkSize == 0
	src.early = src.forList && l.task.SizeHint > 0 && l.task.SizeHint <= earlySize && l.sources.count(stageDialling) == 1
	known := l.file // a copy: zero while the list is still to be asked for
	known.ID = l.task.File
	hello := wire.Hello{Version: wire.Version, WantList: src.forList, File: known.ID}
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
			k.ask(wire.Span{}, nil)
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
	if l.file.ChunkSize == 0 {
		l.file = m.file
		l.openTarget()
	}
	src.stage, src.link = stageLive, m.link
	if m.file.ChunkSize != l.file.ChunkSize {
		l.lose(src, fmt.Errorf("it has the file in chunks of %d bytes, not %d", m.file.ChunkSize, l.file.ChunkSize), stageGivenUp)
		return
	}
	// The hash list does not prove the size, only the number of chunks: of two
	// that say different ones, at most one is right.
	if m.file.Size != l.file.Size {
		l.lose(src, fmt.Errorf("it says that the file has %d bytes, not %d", m.file.Size, l.file.Size), stageGivenUp)
		return
	}
	src.window = l.newWindow()
	src.snubbed, src.absent = time.Time{}, false
	if !src.reported {
		src.reported = true
		l.report(shoal.Event{Type: shoal.EventSourceJoined, Source: src.summary(l.now)})
	}
	m.link.have = m.have
	if l.picker != nil {
		l.join(src)
	}
	l.dial()
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
	l.refill(src)
}

// peersTold says that a source knows others.
type peersTold struct{ peers []wire.PeerAddr }

func (m peersTold) apply(l *loop) {
	for _, peer := range m.peers {
		if peer.Node != "" && peer.Node != l.engine.cfg.Self {
			l.engine.cfg.Learn(peer.Node, peer.Addrs)
			l.found(peer.Node)
		}
	}
	l.dial()
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
	src.joined, src.early = false, false
	src.link, src.reason = nil, why.Error()
	if src.tries >= MaxTries {
		next = stageGivenUp
	}
	src.stage = next
	src.retryAt = l.now.Add(min(FirstRetry<<max(src.tries-1, 0), LastRetry))
	l.engine.cfg.Log.Debug("source lost", "file", l.task.File, "peer", src.peer, "err", why)
	if src.reported {
		src.reported = false
		l.report(shoal.Event{Type: shoal.EventSourceLeft, Source: src.summary(l.now)})
	}
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
	reason := wire.ReasonLeaving
	if l.err == nil && !l.task.Demand {
		reason = wire.ReasonDone
	}
	for _, src := range l.sources.order {
		if src.stage == stageLive {
			src.link.part(reason)
		}
	}
}

// retry makes lost sources known again when their time has come.
func (l *loop) retry() {
	for _, src := range l.sources.order {
		if src.stage == stageLost && !l.now.Before(src.retryAt) {
			src.stage = stageKnown
		}
	}
}
