package wire

import (
	"encoding/binary"
	"fmt"

	"shoal/internal/content"
)

// Span is a range of bytes of one chunk. A Length of zero means to the
// chunk's end.
type Span struct {
	Chunk  int
	Offset int
	Length int
}

func (s Span) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(s.Chunk))
	b = binary.BigEndian.AppendUint32(b, uint32(s.Offset))
	return binary.BigEndian.AppendUint32(b, uint32(s.Length))
}

func (c *cursor) span() Span {
	s := Span{Chunk: int(c.uint32()), Offset: int(c.uint32()), Length: int(c.uint32())}
	if s.Chunk >= content.MaxChunks || s.Offset >= int(content.MaxChunkSize) || s.Length > int(content.MaxChunkSize) {
		c.bad = true
	}
	return s
}

// Request asks for a span. Each is answered, in the order they came, by the
// Data of exactly that span or by one Reject.
type Request struct{ Span }

// Append appends the frame to b.
func (m Request) Append(b []byte) []byte { return appendFrame(b, TypeRequest, m.append) }

// ParseRequest reads a Request's body.
func ParseRequest(body []byte) (Request, error) {
	c := cursor{rest: body}
	m := Request{c.span()}
	return m, c.done("request")
}

// Cancel takes back a Request: if it is not yet being answered it is answered
// by a Reject with ReasonCancelled.
type Cancel struct{ Span }

// Append appends the frame to b.
func (m Cancel) Append(b []byte) []byte { return appendFrame(b, TypeCancel, m.append) }

// ParseCancel reads a Cancel's body.
func ParseCancel(body []byte) (Cancel, error) {
	c := cursor{rest: body}
	m := Cancel{c.span()}
	return m, c.done("cancel")
}

// Data brings bytes of a chunk. A span is sent as several Data frames of at
// most MaxPayload bytes, in order, with no other span's between them.
type Data struct {
	Chunk  int
	Offset int
	Length int // bytes of payload
}

// DataHeaderSize is how many bytes of a Data frame's body come before its
// payload.
const DataHeaderSize = 8

// AppendHeader appends to b the frame but for its payload of m.Length bytes,
// which the sender writes behind it straight from where it lies.
func (m Data) AppendHeader(b []byte) []byte {
	b = append(b, byte(TypeData), 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(DataHeaderSize+m.Length))
	b = binary.BigEndian.AppendUint32(b, uint32(m.Chunk))
	return binary.BigEndian.AppendUint32(b, uint32(m.Offset))
}

// ParseDataHeader reads the first DataHeaderSize bytes of the body of a frame
// of bodyLength bytes; the payload is still to be read from the stream.
func ParseDataHeader(head []byte, bodyLength int) (Data, error) {
	c := cursor{rest: head}
	m := Data{Chunk: int(c.uint32()), Offset: int(c.uint32()), Length: bodyLength - DataHeaderSize}
	switch {
	case m.Length <= 0, m.Length > MaxPayload, m.Chunk >= content.MaxChunks, m.Offset >= int(content.MaxChunkSize):
		return Data{}, fmt.Errorf("%w: data", ErrMalformed)
	}
	return m, c.done("data")
}

// Reason says why a request is not answered with data, or a session ends.
type Reason uint8

// The reasons.
const (
	ReasonDone         Reason = iota // goodbye: the asker has the whole file now
	ReasonAbsent                     // no such chunk or file here, or no longer
	ReasonCancelled                  // you took it back
	ReasonBusy                       // too many requests or sessions: ask less, or later
	ReasonBad                        // you broke the protocol
	ReasonUnauthorised               // you may not have it
	ReasonFault                      // something is wrong on this side
	ReasonLeaving                    // no longer interested, or shutting down
)

func (r Reason) String() string {
	switch r {
	case ReasonDone:
		return "done"
	case ReasonAbsent:
		return "not here"
	case ReasonCancelled:
		return "cancelled"
	case ReasonBusy:
		return "busy"
	case ReasonBad:
		return "protocol broken"
	case ReasonUnauthorised:
		return "not authorised"
	case ReasonFault:
		return "fault"
	case ReasonLeaving:
		return "leaving"
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Reject says that a Request will not be answered with data, or no further.
type Reject struct {
	Span
	Reason Reason
}

// Append appends the frame to b.
func (m Reject) Append(b []byte) []byte {
	return appendFrame(b, TypeReject, func(b []byte) []byte { return append(m.append(b), byte(m.Reason)) })
}

// ParseReject reads a Reject's body.
func ParseReject(body []byte) (Reject, error) {
	c := cursor{rest: body}
	m := Reject{Span: c.span(), Reason: Reason(c.uint8())}
	return m, c.done("reject")
}

// Goodbye is the last frame of the side that sends it. Text is for a person,
// and foreign: it is shown quoted or not at all.
type Goodbye struct {
	Reason Reason
	Text   string
}

// Append appends the frame to b.
func (m Goodbye) Append(b []byte) []byte {
	return appendFrame(b, TypeGoodbye, func(b []byte) []byte {
		return appendText(append(b, byte(m.Reason)), m.Text, MaxText)
	})
}

// ParseGoodbye reads a Goodbye's body.
func ParseGoodbye(body []byte) (Goodbye, error) {
	c := cursor{rest: body}
	m := Goodbye{Reason: Reason(c.uint8()), Text: c.text(MaxText)}
	return m, c.done("goodbye")
}
