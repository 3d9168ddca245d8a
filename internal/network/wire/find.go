package wire

import (
	"encoding/binary"
	"fmt"
	"time"

	"shoal"
	"shoal/internal/content"
)

// Find asks a peer what it has under a reference: a file id, a prefix of one,
// a name, or a name that ends in a slash for all that is below it. It is the
// only frame its side of a find stream sends.
type Find struct {
	Ref   string
	After string // a name: only entries behind it
	Limit int    // at most MaxFound; 0 means MaxFound
}

// Append appends the frame to b.
func (m Find) Append(b []byte) []byte {
	return appendFrame(b, TypeFind, func(b []byte) []byte {
		b = appendText(b, m.Ref, shoal.MaxNameLength)
		b = appendText(b, m.After, shoal.MaxNameLength)
		return binary.BigEndian.AppendUint16(b, uint16(m.Limit))
	})
}

// ParseFind reads a Find's body. The strings are foreign: any bytes.
func ParseFind(body []byte) (Find, error) {
	c := cursor{rest: body}
	m := Find{Ref: c.text(shoal.MaxNameLength), After: c.text(shoal.MaxNameLength), Limit: c.count(MaxFound)}
	if m.Limit == 0 {
		m.Limit = MaxFound
	}
	return m, c.done("find")
}

// Hit is one entry that answers a Find, and how much of its file the answering
// node has.
type Hit struct {
	Entry   shoal.Entry
	Present int // chunks
}

// Found is the answer to a Find. More says that the limit cut it.
type Found struct {
	More bool
	Name string // what the answering node calls itself
	Hits []Hit
}

// foundRoom is kept free of hits in a Found body, for the fields before them.
const foundRoom = MaxText + 8

// Append appends the frame to b. It holds as many of the hits as the
// bounds allow, and says so in More.
func (m Found) Append(b []byte) []byte {
	return appendFrame(b, TypeFound, func(b []byte) []byte {
		var hits []byte
		n := 0
		for _, hit := range m.Hits {
			next := appendHit(hits, hit)
			if n == MaxFound || len(next) > MaxBody-foundRoom {
				m.More = true
				break
			}
			hits, n = next, n+1
		}
		b = append(b, boolByte(m.More))
		b = appendText(b, m.Name, MaxText)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
		return append(b, hits...)
	})
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func appendHit(b []byte, hit Hit) []byte {
	entry := hit.Entry
	b = append(b, entry.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(entry.Size))
	b = append(b, byte(content.ChunkSize(entry.ChunkSize).Log2()))
	b = binary.BigEndian.AppendUint64(b, uint64(entry.Added.UnixMilli()))
	b = binary.BigEndian.AppendUint32(b, uint32(hit.Present))
	return appendText(b, entry.Name, shoal.MaxNameLength)
}

// ParseFound reads a Found's body, and checks that each entry could exist.
func ParseFound(body []byte) (Found, error) {
	c := cursor{rest: body}
	m := Found{More: c.uint8() != 0, Name: c.text(MaxText)}
	for range c.count(MaxFound) {
		hit, err := c.hit()
		if err != nil {
			return Found{}, err
		}
		m.Hits = append(m.Hits, hit)
	}
	return m, c.done("found")
}

func (c *cursor) hit() (Hit, error) {
	var hit Hit
	copy(hit.Entry.ID[:], c.bytes(shoal.FileIDSize))
	size, chunkSize, err := shape(c.uint64(), c.uint8())
	if c.bad {
		return Hit{}, c.done("found")
	}
	if err != nil {
		return Hit{}, fmt.Errorf("found: %w", err)
	}
	hit.Entry.Size, hit.Entry.ChunkSize = size, int(chunkSize)
	hit.Entry.Added = time.UnixMilli(int64(c.uint64())).UTC()
	hit.Present = int(c.uint32())
	hit.Entry.Name = c.text(shoal.MaxNameLength)
	if c.bad {
		return Hit{}, c.done("found")
	}
	if err := shoal.CheckName(hit.Entry.Name); err != nil {
		return Hit{}, fmt.Errorf("%w: found: %w", ErrMalformed, err)
	}
	return hit, nil
}
