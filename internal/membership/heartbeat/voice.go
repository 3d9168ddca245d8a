package heartbeat

import (
	"time"

	"shoal/internal/membership/liveness"
	"shoal/internal/network"
	"shoal/internal/network/wire"
)

// voice is one process that speaks for a node, on one stream. Two at a time under
// one identity are a node and its copy: each is then told what the other says,
// and the detector there does the rest. Only a node that is connected with both
// can bring that about, for they do not speak with each other.
type voice struct {
	stream network.Stream
	nonce  uint64 // 0 until it has spoken
	heard  time.Time
	said   *liveness.Statement            // of the node itself, the latest here
	passed map[uint64]*liveness.Statement // what of each other voice was passed on to it
}

// stillSpeaks is how lately a voice must have been heard to be taken for a living
// process, in beats: a restart leaves a stream behind that is silent.
const stillSpeaks = 3

// enter notes a stream on which a peer may speak.
func (r *Runner) enter(stream network.Stream) *voice {
	v := &voice{stream: stream, passed: make(map[uint64]*liveness.Statement)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.voices[stream.Peer()] == nil {
		r.voices[stream.Peer()] = make(map[*voice]bool)
	}
	r.voices[stream.Peer()][v] = true
	return v
}

// exit forgets it.
func (r *Runner) exit(v *voice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	peer := v.stream.Peer()
	delete(r.voices[peer], v)
	if len(r.voices[peer]) == 0 {
		delete(r.voices, peer)
	}
}

// note takes in what a voice says, and gives what it should be told: nil if it is
// the only one of its node.
func (r *Runner) note(v *voice, m *liveness.Message) *liveness.Message {
	peer := v.stream.Peer()
	handle, now := liveness.HandleOf(peer), time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	v.nonce, v.heard = m.Nonce, now
	for _, s := range m.Statements {
		if s.Node == handle && s.Nonce == m.Nonce {
			v.said = s
		}
	}
	var tell *liveness.Message
	for other := range r.voices[peer] {
		if other.nonce == 0 || other.nonce == v.nonce || now.Sub(other.heard) > stillSpeaks*r.interval() {
			continue
		}
		if tell == nil {
			tell = &liveness.Message{Incarnation: r.cfg.Detector.Incarnation, Nonce: r.cfg.Detector.Nonce, Clock: uint64(r.cfg.Clock())}
		}
		if v.said == nil {
			tell.Flags |= liveness.Want
		}
		if s := other.said; s != nil && v.passed[other.nonce] != s && len(tell.Statements) < liveness.MaxStatements {
			v.passed[other.nonce] = s
			tell.Statements = append(tell.Statements, s)
		}
	}
	if tell != nil && tell.Flags == 0 && len(tell.Statements) == 0 {
		return nil
	}
	return tell
}

// reply tells a voice something on its own stream.
func (v *voice) reply(m *liveness.Message) error {
	if err := v.stream.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := v.stream.Write(wire.AppendBeat(nil, m.Append(nil)))
	return err
}

// listen hears what a peer answers on a stream that is for speaking to it.
func (r *Runner) listen(stream network.Stream) {
	err := r.hear(stream, func(*liveness.Message) error { return nil })
	r.cfg.Log.Debug("answers to beats ended", "peer", stream.Peer(), "err", err)
}
