package wire

import (
	"encoding/binary"
	"fmt"

	"shoal"
	"shoal/internal/content"
)

// Hello opens a session: the asker names a file. Nothing else comes before it.
type Hello struct {
	Version    uint16
	WantList   bool // send me the hash list
	Background bool // nobody waits for this: others go first
	File       shoal.FileID
}

// The flags of a Hello.
const (
	helloWantList   = 1
	helloBackground = 2
)

// Append appends the frame to b.
func (m Hello) Append(b []byte) []byte {
	return appendFrame(b, TypeHello, func(b []byte) []byte {
		var flags uint16
		if m.WantList {
			flags |= helloWantList
		}
		if m.Background {
			flags |= helloBackground
		}
		b = binary.BigEndian.AppendUint16(b, m.Version)
		b = binary.BigEndian.AppendUint16(b, flags)
		return append(b, m.File[:]...)
	})
}

// ParseHello reads a Hello's body. Unknown flags are ignored.
func ParseHello(body []byte) (Hello, error) {
	c := cursor{rest: body}
	m := Hello{Version: c.uint16()}
	flags := c.uint16()
	m.WantList, m.Background = flags&helloWantList != 0, flags&helloBackground != 0
	copy(m.File[:], c.bytes(shoal.FileIDSize))
	return m, c.done("hello")
}

// Welcome is the answer to a Hello by a node that knows the file: its shape.
// The List follows if it was wanted, then HaveAll or HaveBits.
type Welcome struct {
	Version   uint16
	Size      int64
	ChunkSize content.ChunkSize
}

// Append appends the frame to b.
func (m Welcome) Append(b []byte) []byte {
	return appendFrame(b, TypeWelcome, func(b []byte) []byte {
		b = binary.BigEndian.AppendUint16(b, m.Version)
		b = binary.BigEndian.AppendUint64(b, uint64(m.Size))
		return append(b, byte(m.ChunkSize.Log2()))
	})
}

// ParseWelcome reads a Welcome's body and checks that such a file can exist.
func ParseWelcome(body []byte) (Welcome, error) {
	c := cursor{rest: body}
	m := Welcome{Version: c.uint16()}
	size, log2 := c.uint64(), c.uint8()
	if err := c.done("welcome"); err != nil {
		return Welcome{}, err
	}
	var err error
	m.Size, m.ChunkSize, err = shape(size, log2)
	if err != nil {
		return Welcome{}, fmt.Errorf("welcome: %w", err)
	}
	return m, nil
}

// shape checks a size and the logarithm of a chunk size that a peer told us.
func shape(size uint64, log2 uint8) (int64, content.ChunkSize, error) {
	if log2 > 62 {
		return 0, 0, fmt.Errorf("%w: chunk size 2^%d", ErrMalformed, log2)
	}
	chunkSize, err := content.ParseChunkSize(int64(1) << log2)
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if size > uint64(content.MaxChunks)*uint64(chunkSize) {
		return 0, 0, fmt.Errorf("%w: file of %d bytes has too many chunks", ErrMalformed, size)
	}
	return int64(size), chunkSize, nil
}

// List is a part of the hash list, from chunk First on. Parts come in order
// and without gaps.
type List struct {
	First int
	CVs   content.HashList
}

// AppendListPart appends to b the frame of that part of a whole hash list which
// begins at first, a multiple of MaxListCVs.
func AppendListPart(b []byte, list content.HashList, first int) []byte {
	return appendFrame(b, TypeList, func(b []byte) []byte {
		b = binary.BigEndian.AppendUint32(b, uint32(first))
		for _, cv := range list[first:min(first+MaxListCVs, len(list))] {
			b = append(b, cv[:]...)
		}
		return b
	})
}

// ParseList reads a List's body.
func ParseList(body []byte) (List, error) {
	c := cursor{rest: body}
	first := int(c.uint32())
	n := len(c.rest) / len(content.CV{})
	if c.bad || n == 0 || n > MaxListCVs || first > content.MaxChunks {
		return List{}, fmt.Errorf("%w: list", ErrMalformed)
	}
	cvs, err := content.ParseHashList(c.rest, n)
	if err != nil {
		return List{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return List{First: first, CVs: cvs}, nil
}

// AppendHave appends to b the frame that says which chunks the sender has now:
// HaveAll or HaveBits.
func AppendHave(b []byte, have content.Bitmap) []byte {
	if have.Full() {
		return appendFrame(b, TypeHaveAll, func(b []byte) []byte { return b })
	}
	return appendFrame(b, TypeHaveBits, func(b []byte) []byte { return append(b, have.Bytes()...) })
}

// ParseHave reads the body of a HaveAll or HaveBits about a file of that many
// chunks.
func ParseHave(t Type, body []byte, chunks int) (content.Bitmap, error) {
	if t == TypeHaveAll {
		if len(body) != 0 {
			return content.Bitmap{}, fmt.Errorf("%w: have all", ErrMalformed)
		}
		return content.FullBitmap(chunks), nil
	}
	have, err := content.ParseBitmap(body, chunks)
	if err != nil {
		return content.Bitmap{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return have, nil
}

// AppendHaveMore appends to b the frames that say the sender now has these
// chunks as well.
func AppendHaveMore(b []byte, chunks []int) []byte {
	for len(chunks) > 0 {
		part := chunks[:min(len(chunks), MaxHave)]
		chunks = chunks[len(part):]
		b = appendFrame(b, TypeHaveMore, func(b []byte) []byte {
			for _, chunk := range part {
				b = binary.BigEndian.AppendUint32(b, uint32(chunk))
			}
			return b
		})
	}
	return b
}

// ParseHaveMore reads a HaveMore's body about a file of that many chunks.
func ParseHaveMore(body []byte, chunks int) ([]int, error) {
	if len(body)%4 != 0 || len(body) > 4*MaxHave {
		return nil, fmt.Errorf("%w: have more", ErrMalformed)
	}
	more := make([]int, 0, len(body)/4)
	for c := (cursor{rest: body}); len(c.rest) > 0; {
		chunk := int(c.uint32())
		if chunk >= chunks {
			return nil, fmt.Errorf("%w: have chunk %d of %d", ErrMalformed, chunk, chunks)
		}
		more = append(more, chunk)
	}
	return more, nil
}
