package fetch

import (
	"shoal"
	"shoal/internal/network/wire"
	"shoal/internal/transfer/picker"
)

// origin is by whom a peer was found.
type origin uint8

const (
	byUs      origin = iota
	byHearsay        // a source has named it, and may have invented it
)

// sourceFound says that a peer may have the file.
type sourceFound struct{ peer shoal.NodeID }

func (m sourceFound) apply(l *loop) {
	l.heardOf(m.peer, byUs)
	l.dial()
}

// searchOver says that no more sources are being looked for.
type searchOver struct{}

func (searchOver) apply(l *loop) { l.task.Searching = false }

// peersTold says that a source knows others.
type peersTold struct {
	link  *link
	peers []wire.PeerAddr
}

func (m peersTold) apply(l *loop) {
	teller := l.sources.all[m.link.peer]
	for _, peer := range m.peers {
		if peer.Node == "" || peer.Node == l.engine.cfg.Self || teller.named >= MaxTold {
			continue
		}
		teller.named++
		l.engine.cfg.Learn(teller.peer, peer.Node, peer.Addrs)
		l.heardOf(peer.Node, byHearsay)
	}
	l.dial()
}

// heardOf remembers a peer that came up while the fetch runs.
func (l *loop) heardOf(peer shoal.NodeID, by origin) {
	if l.task.Only {
		return
	}
	l.found(peer, by)
	if src := l.sources.all[peer]; src != nil {
		src.heard = true
		l.reconsider(src)
	}
}

// found remembers a peer. When there is no room, one that is known by hearsay
// alone makes room for one that is not.
func (l *loop) found(peer shoal.NodeID, by origin) {
	if peer == l.engine.cfg.Self || l.engine.cfg.Bans.Has(l.task.File, peer, l.now) {
		return
	}
	if src := l.sources.all[peer]; src != nil {
		src.origin = min(src.origin, by)
		return
	}
	if len(l.sources.order) < MaxCandidates {
		l.sources.add(&source{peer: peer, origin: by})
	} else if by == byUs {
		l.sources.supplant(&source{peer: peer, origin: by})
	}
}

// reconsider gives a peer another chance, after a while, that had only lacked
// the file: it may be getting it as we are, and have had no place for it yet.
func (l *loop) reconsider(src *source) {
	if src.stage == stageGivenUp && src.absent && src.heard && !l.now.Before(src.retryAt) {
		src.stage, src.absent = stageKnown, false
	}
}

// add adds a source, and gives it its handle.
func (s *sources) add(src *source) {
	s.order = append(s.order, src)
	src.handle = picker.Peer(len(s.order))
	s.all[src.peer] = src
}

// supplant puts a source, and its handle, in the place of one of which there is
// nothing but hearsay; if there is none the source is forgotten.
func (s *sources) supplant(src *source) {
	for i, old := range s.order {
		if old.origin == byHearsay && !old.met && old.stage != stageDialling {
			delete(s.all, old.peer)
			src.handle = old.handle
			s.order[i], s.all[src.peer] = src, src
			return
		}
	}
}

// hearsay is how many sources are being dialled that may be invented.
func (s *sources) hearsay() int {
	n := 0
	for _, src := range s.order {
		if src.stage == stageDialling && src.origin == byHearsay && !src.met {
			n++
		}
	}
	return n
}
