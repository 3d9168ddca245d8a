package liveness

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// version is the first byte of every message.
const version = 1

// The bits of a statement's flags.
const (
	flagLeft = 1 << iota
	flagFull
	allStatementFlags = flagLeft | flagFull
)

// ErrMalformed is why Parse refuses bytes.
var ErrMalformed = errors.New("malformed message")

// Append appends the message as docs/spec/members.md has it.
func (m *Message) Append(b []byte) []byte {
	b = append(b, version, byte(m.Flags))
	b = binary.AppendUvarint(b, m.Incarnation)
	b = binary.AppendUvarint(b, m.Seq)
	b = binary.BigEndian.AppendUint64(b, m.Nonce)
	b = binary.BigEndian.AppendUint64(b, m.Clock)
	b = binary.BigEndian.AppendUint32(b, m.Summary)
	b = append(b, byte(len(m.Buckets)), byte(len(m.Statements)), byte(len(m.Claims)))
	for _, bucket := range m.Buckets {
		b = binary.BigEndian.AppendUint32(b, bucket)
	}
	for _, s := range m.Statements {
		b = s.append(b)
	}
	for i := range m.Claims {
		b = m.Claims[i].append(b)
	}
	return b
}

func (s *Statement) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(s.Node))
	return append(s.appendFields(b), s.Sig[:]...)
}

// appendFields appends what is signed of the statement but for the node.
func (s *Statement) appendFields(b []byte) []byte {
	b = binary.AppendUvarint(b, s.Incarnation)
	b = binary.AppendUvarint(b, s.Seq)
	b = binary.BigEndian.AppendUint64(b, s.Nonce)
	b = append(b, s.flags())
	b = binary.AppendUvarint(b, s.Own.Free)
	b = append(b, byte(len(s.Own.Digest)))
	return append(b, s.Own.Digest...)
}

func (s *Statement) flags() (bits byte) {
	if s.Left {
		bits |= flagLeft
	}
	if s.Own.Full {
		bits |= flagFull
	}
	return bits
}

func (c *Claim) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(c.Node))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Reporter))
	b = binary.AppendUvarint(b, c.Incarnation)
	return append(append(b, byte(c.Level)), c.Sig[:]...)
}

// Size is how many bytes Append appends.
func (m *Message) Size() int {
	n := 2 + uvarintSize(m.Incarnation) + uvarintSize(m.Seq) + 8 + 8 + 4 + 3 + 4*len(m.Buckets)
	for _, s := range m.Statements {
		n += s.size()
	}
	for i := range m.Claims {
		n += m.Claims[i].size()
	}
	return n
}

func (s *Statement) size() int {
	return 8 + uvarintSize(s.Incarnation) + uvarintSize(s.Seq) + 8 + 1 + uvarintSize(s.Own.Free) + 1 + len(s.Own.Digest) + SigSize
}

func (c *Claim) size() int { return 8 + 8 + uvarintSize(c.Incarnation) + 1 + SigSize }

func uvarintSize(x uint64) int {
	n := 1
	for ; x >= 0x80; x >>= 7 {
		n++
	}
	return n
}

// Parse reads what Append wrote, and refuses everything else: what is too
// long, out of range, or could have been written shorter. The message shares
// no memory with b.
func Parse(b []byte) (*Message, error) {
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes, and %d are the most", ErrMalformed, len(b), MaxMessage)
	}
	c := cursor{rest: b}
	if c.uint8() != version {
		return nil, fmt.Errorf("%w: not version %d", ErrMalformed, version)
	}
	m := &Message{Flags: Flags(c.uint8()), Incarnation: c.incarnation(), Seq: c.uvarint(), Nonce: c.uint64(), Clock: c.uint64(), Summary: c.uint32()}
	c.refuse(m.Flags&^allFlags != 0)
	buckets, statements, claims := c.count(MaxBuckets), c.count(MaxStatements), c.count(MaxClaims)
	for range buckets {
		m.Buckets = append(m.Buckets, c.uint32())
	}
	for range statements {
		m.Statements = append(m.Statements, c.statement())
	}
	for range claims {
		m.Claims = append(m.Claims, c.claim())
	}
	if c.bad || len(c.rest) > 0 {
		return nil, ErrMalformed
	}
	return m, nil
}

func (c *cursor) statement() *Statement {
	s := &Statement{Node: Handle(c.uint64()), Incarnation: c.incarnation(), Seq: c.uvarint(), Nonce: c.uint64()}
	bits := c.uint8()
	c.refuse(bits&^allStatementFlags != 0 || s.Incarnation == 0)
	s.Left, s.Own.Full = bits&flagLeft != 0, bits&flagFull != 0
	s.Own.Free = c.uvarint()
	s.Own.Digest = append([]byte(nil), c.bytes(c.count(MaxDigest))...)
	copy(s.Sig[:], c.bytes(SigSize))
	return s
}

func (c *cursor) claim() Claim {
	claim := Claim{Node: Handle(c.uint64()), Reporter: Handle(c.uint64()), Incarnation: c.incarnation(), Level: Level(c.uint8())}
	c.refuse(claim.Level < Doubted || claim.Level > Gone)
	copy(claim.Sig[:], c.bytes(SigSize))
	return claim
}

// cursor reads from the front. Once something was wrong it gives zeros.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) refuse(wrong bool) {
	if wrong {
		c.bad, c.rest = true, nil
	}
}

func (c *cursor) bytes(n int) []byte {
	c.refuse(n > len(c.rest))
	if c.bad {
		return make([]byte, n)
	}
	taken := c.rest[:n]
	c.rest = c.rest[n:]
	return taken
}

func (c *cursor) uint8() byte    { return c.bytes(1)[0] }
func (c *cursor) uint32() uint32 { return binary.BigEndian.Uint32(c.bytes(4)) }
func (c *cursor) uint64() uint64 { return binary.BigEndian.Uint64(c.bytes(8)) }

func (c *cursor) uvarint() uint64 {
	x, n := binary.Uvarint(c.rest)
	c.refuse(n != uvarintSize(x)) // where there is no number, n is at most 0
	if c.bad {
		return 0
	}
	c.rest = c.rest[n:]
	return x
}

func (c *cursor) incarnation() uint64 {
	x := c.uvarint()
	c.refuse(x > MaxIncarnation)
	return x
}

// count reads a number of things of which there are at most limit; after
// something was wrong there are none.
func (c *cursor) count(limit int) int {
	n := int(c.uint8())
	c.refuse(n > limit)
	if c.bad {
		return 0
	}
	return n
}
