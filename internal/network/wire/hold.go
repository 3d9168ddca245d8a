package wire

import (
	"encoding/binary"
	"fmt"

	"shoal"
	"shoal/internal/content"
)

// Ask asks a node what it holds of a file, and to pledge that it will go on to.
type Ask struct {
	File   shoal.FileID
	Chunks int // how many the file has, as the asker knows it

	// Upto is how far the one asked must have what the asker said in its
	// journal; if it has not, it answers that it has nothing. So whoever counts
	// copies counts those whose holders know of the name, too.
	Upto uint64

	// Waited says that somebody waits for the file's copies: nodes that answer are
	// to take the place of holders that do not.
	Waited bool
}

// waited is the flag of an Ask's that has it set.
const waited = 1

// Append appends the frame to b.
func (m Ask) Append(b []byte) []byte {
	return appendFrame(b, TypeAsk, func(b []byte) []byte {
		b = binary.BigEndian.AppendUint32(append(b, m.File[:]...), uint32(m.Chunks))
		b = binary.BigEndian.AppendUint64(b, m.Upto)
		if m.Waited {
			return append(b, waited)
		}
		return append(b, 0)
	})
}

// ParseAsk reads an Ask's body.
func ParseAsk(body []byte) (Ask, error) {
	if len(body) != shoal.FileIDSize+13 {
		return Ask{}, fmt.Errorf("%w: ask of %d bytes", ErrMalformed, len(body))
	}
	rest := body[shoal.FileIDSize:]
	m := Ask{File: shoal.FileID(body[:shoal.FileIDSize]), Chunks: int(binary.BigEndian.Uint32(rest)), Upto: binary.BigEndian.Uint64(rest[4:])}
	if m.Chunks < 1 || m.Chunks > content.MaxChunks {
		return Ask{}, fmt.Errorf("%w: ask about %d chunks", ErrMalformed, m.Chunks)
	}
	if rest[12] > waited {
		return Ask{}, fmt.Errorf("%w: ask with flags %#x", ErrMalformed, rest[12])
	}
	m.Waited = rest[12] == waited
	return m, nil
}

// Hold answers an Ask: which chunks lie durably in the node's own store, and
// which of them it pledges to keep.
type Hold struct {
	Has    content.Bitmap
	Pledge content.Bitmap
}

// Append appends the frame to b. Both bitmaps are of as many chunks.
func (m Hold) Append(b []byte) []byte {
	return appendFrame(b, TypeHold, func(b []byte) []byte { return append(append(b, m.Has.Bytes()...), m.Pledge.Bytes()...) })
}

// ParseHold reads a Hold's body, for a file of so many chunks.
func ParseHold(body []byte, chunks int) (Hold, error) {
	half := content.BitmapBytes(chunks)
	if len(body) != 2*half {
		return Hold{}, fmt.Errorf("%w: hold of %d bytes", ErrMalformed, len(body))
	}
	has, err := content.ParseBitmap(body[:half], chunks)
	if err != nil {
		return Hold{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	pledge, err := content.ParseBitmap(body[half:], chunks)
	if err != nil {
		return Hold{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return Hold{Has: has, Pledge: pledge}, nil
}
