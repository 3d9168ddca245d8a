package liveness

import (
	"encoding/binary"

	"shoal"
)

// The bounds of a message and its parts.
const (
	MaxMessage     = 1400 // bytes: with all that is around it, one packet
	MaxDigest      = 64
	MaxStatements  = 16
	MaxClaims      = 16
	MaxBuckets     = 128
	MaxIncarnation = 1 << 53
	SigSize        = 64
)

// Message is what nodes send each other: a beat, which is to say I am here, and
// what there is to tell with it.
type Message struct {
	Flags       Flags
	Incarnation uint64
	Seq         uint64 // of the sender's newest Statement
	Nonce       uint64 // of the sender's process
	Clock       uint64 // the sender's hybrid clock; the Detector ignores it
	Summary     uint32 // of the sender's table: equal summaries, equal tables
	Buckets     []uint32
	Statements  []*Statement
	Claims      []Claim
}

// Flags are the yes-or-no parts of a Message.
type Flags uint8

// The flags.
const (
	Answer   Flags = 1 << iota // please send me a message
	Want                       // please send me your statement
	Compared                   // answers a message with buckets; not to be spread
	allFlags = Answer | Want | Compared
)

// Statement is what a node says of itself, signed by it, so that anyone can
// pass it on. Statements are never changed once made.
type Statement struct {
	Node        Handle
	Incarnation uint64 // raised by the node alone, to refute what is claimed of it
	Seq         uint64 // of statements in one incarnation
	Nonce       uint64
	Left        bool // good-bye: the node is down until its next incarnation
	Own         Own
	Sig         [SigSize]byte
}

// newer reports whether s replaces old, which may be nil.
func (s *Statement) newer(old *Statement) bool {
	return old == nil || s.Incarnation > old.Incarnation || s.Incarnation == old.Incarnation && s.Seq > old.Seq
}

// Claim is what a node says of another, signed by it. It counts while the
// other is in that incarnation, or in none if that is 0.
type Claim struct {
	Node        Handle
	Reporter    Handle
	Incarnation uint64
	Level       Level
	Sig         [SigSize]byte
}

// Level is how sure a reporter is.
type Level uint8

// The levels.
const (
	Doubted Level = iota + 1 // silent for Config.Suspect: speak up
	Silent                   // silent for Config.Down
	Gone                     // the connection was lost and the next one refused
)

// final reports whether the level is enough to call a node down.
func (l Level) final() bool { return l >= Silent }

// The first bytes of what is signed keep signatures of one kind from being
// shown as another's.
const (
	statementContext = "shoal members statement 1\x00"
	claimContext     = "shoal members claim 1\x00"
)

// text is what the node signs: all of the statement, and its full id.
func (s *Statement) text(node shoal.NodeID) []byte {
	b := append([]byte(statementContext), node...)
	return s.appendFields(append(b, 0))
}

// text is what the reporter signs, with the full ids of both.
func (c *Claim) text(node, reporter shoal.NodeID) []byte {
	b := append([]byte(claimContext), node...)
	b = append(append(b, 0), reporter...)
	b = binary.AppendUvarint(append(b, 0), c.Incarnation)
	return append(b, byte(c.Level))
}
