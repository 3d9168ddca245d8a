// Package wire is the language nodes speak on their streams: the frames of the
// chunk protocol and of the find protocol, to bytes and back. docs/spec/wire.md
// is its specification.
//
// It is pure: it opens no stream, keeps no state, and bounds everything it
// reads before it allocates for it. What a frame means for a transfer is the
// business of packages fetch and serve.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The protocols, as they are negotiated when a stream is opened. The number at
// the end is the major version: nodes that share none do not talk.
const (
	ChunkProtocol = "/shoal/chunk/1"
	FindProtocol  = "/shoal/find/1"
	LogProtocol   = "/shoal/log/1"
	BeatProtocol  = "/shoal/beat/1"
	JoinProtocol  = "/shoal/join/1"
	HoldProtocol  = "/shoal/hold/1"
)

// Version is the minor version this package speaks. Each side tells its own in
// Hello and Welcome, and both keep to the lower; frames of a type from
// FirstOptional up may be added without raising it, for a node ignores the
// ones it does not know.
const Version = 1

// Bounds. A frame that breaks one is malformed.
const (
	HeaderSize   = 8
	MaxBody      = 1 << 20   // of any frame, in bytes
	MaxPayload   = 256 << 10 // bytes of a file in one Data frame
	MaxListCVs   = 4096      // chaining values in one List frame
	MaxHave      = 4096      // chunks in one HaveMore frame
	MaxPeers     = 32        // peers in one Peers frame
	MaxPeerAddrs = 8         // addresses of one peer
	MaxAddr      = 256       // bytes of one address
	MaxNodeID    = 128       // bytes of a node id's text form
	MaxText      = 256       // bytes of a human sentence
	MaxFound     = 1024      // entries in one Found frame
	MaxBatches   = 4096      // batches in one Batches frame
)

// ErrMalformed is what every decoder answers foreign bytes with that do not
// follow the specification.
var ErrMalformed = errors.New("malformed frame")

// Type tells the frames apart.
type Type uint8

// The frames. Those from FirstOptional up are skipped by a node that does not
// know them; an unknown one below is an error.
const (
	TypeHello Type = iota + 1
	TypeWelcome
	TypeList
	TypeHaveAll
	TypeHaveBits
	TypeHaveMore
	TypeRequest
	TypeData
	TypeReject
	TypeCancel
	TypeGoodbye
	TypePeers
	TypeFind
	TypeFound
	TypeDigest
	TypeHave
	TypeWant
	TypeBatches
	TypeBeat
	TypeKnock
	TypeChallenge
	TypeProof
	TypeAdmitted
	TypeAsk
	TypeHold

	FirstOptional Type = 0x80
)

// Header stands before every frame: type (1 byte), zero (3), length of the
// body (4). All numbers on the wire are big-endian.
type Header struct {
	Type   Type
	Length int
}

// ReadHeader reads the next header into buf, whose bytes it may scribble on,
// and checks the length against MaxBody. It passes io.EOF on when the stream
// ends between frames.
func ReadHeader(r io.Reader, buf *[HeaderSize]byte) (Header, error) {
	if _, err := io.ReadFull(r, buf[:]); err != nil {
		return Header{}, err
	}
	length := binary.BigEndian.Uint32(buf[4:])
	switch {
	case length > MaxBody:
		return Header{}, fmt.Errorf("%w: body of %d bytes, at most %d are allowed", ErrMalformed, length, MaxBody)
	case buf[0] == 0 || buf[1]|buf[2]|buf[3] != 0:
		return Header{}, fmt.Errorf("%w: bad header", ErrMalformed)
	}
	return Header{Type: Type(buf[0]), Length: int(length)}, nil
}

// ReadBody reads a body of h.Length bytes, into scratch if it has room.
func ReadBody(r io.Reader, h Header, scratch []byte) ([]byte, error) {
	if cap(scratch) < h.Length {
		scratch = make([]byte, h.Length)
	}
	body := scratch[:h.Length]
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("read frame body: %w", noEOF(err))
	}
	return body, nil
}

// noEOF makes an end in the middle of a frame what it is.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// appendFrame appends a frame whose body is written by body.
func appendFrame(b []byte, t Type, body func([]byte) []byte) []byte {
	start := len(b)
	b = append(b, byte(t), 0, 0, 0, 0, 0, 0, 0)
	b = body(b)
	binary.BigEndian.PutUint32(b[start+4:], uint32(len(b)-start-HeaderSize))
	return b
}

// appendText appends a string with its length before it, cut to limit bytes.
func appendText(b []byte, text string, limit int) []byte {
	text = text[:min(len(text), limit)]
	b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
	return append(b, text...)
}

// cursor reads a body from front to back. After the first read past the end,
// every read gives zero and done gives the error.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) bytes(n int) []byte {
	if c.bad || n > len(c.rest) {
		c.bad = true
		return nil
	}
	head := c.rest[:n]
	c.rest = c.rest[n:]
	return head
}

func (c *cursor) uint8() uint8 {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if b := c.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if b := c.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// text reads what appendText wrote; more than limit bytes is malformed.
func (c *cursor) text(limit int) string {
	n := int(c.uint16())
	if n > limit {
		c.bad = true
	}
	return string(c.bytes(n))
}

// count reads a 16-bit count of things; more than limit is malformed.
func (c *cursor) count(limit int) int {
	n := int(c.uint16())
	if n > limit {
		c.bad = true
	}
	if c.bad {
		return 0
	}
	return n
}

// done reports whether the body was read exactly to its end.
func (c *cursor) done(what string) error {
	if c.bad || len(c.rest) > 0 {
		return fmt.Errorf("%w: %s", ErrMalformed, what)
	}
	return nil
}
