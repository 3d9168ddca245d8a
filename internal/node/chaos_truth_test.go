package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/safety"
)

// victim is a file that somebody adds, or is about to. What is below the bytes is
// guarded by chaos.mu.
type victim struct {
	content.File
	index int
	path  string
	bytes []byte

	name    string       // the one it was last given
	copies  int          // that are wanted
	acked   bool         // somebody was told that it is safe, and nobody has removed it since
	removed time.Time    // when somebody removed a name of it, or was about to, the last time
	kept    bool         // it was acknowledged when it was removed
	must    bool         // nothing stands in the way of an add
	harmed  map[int]bool // chunks of which a copy was destroyed, and not all is well again
}

func (f *victim) String() string { return fmt.Sprintf("f%d", f.index) }

// sizes are from an empty file to one of many chunks; up to 16 KiB lie in a
// database.
func sizes() []int { return []int{0, 7, 900, 16 << 10, 16<<10 + 1, 50_000, 300_000, 700_000, 1 << 20} }

// write makes up a file of some size. The caller holds mu.
func (c *chaos) write(dice uint64) *victim {
	r := rand.New(rand.NewPCG(c.seed, dice))
	f := &victim{index: len(c.files), copies: 2, harmed: make(map[int]bool)}
	f.name = fmt.Sprintf("f%d", f.index)
	if r.IntN(5) == 0 {
		f.copies = 3
	}
	f.bytes = make([]byte, sizes()[r.IntN(len(sizes()))])
	_, err := rand.NewChaCha8([32]byte{byte(c.seed), byte(f.index), byte(dice)}).Read(f.bytes)
	f.path = filepath.Join(c.dir, f.name)
	err = errors.Join(err, os.WriteFile(f.path, f.bytes, 0o600))
	if err == nil {
		f.File, err = content.HashReaderAt(c.Context(), bytes.NewReader(f.bytes), int64(len(f.bytes)), chaosChunk, nil)
	}
	if err != nil {
		c.breach("%v cannot be written: %v", f, err)
	}
	c.files = append(c.files, f)
	return f
}

// chaosChunk is the chunk size of all files.
const chaosChunk = 64 << 10

// file is the one with an id; nil if nobody has written it. The caller holds mu.
func (c *chaos) file(id shoal.FileID) *victim {
	for _, f := range c.files {
		if f.ID == id && f.Size > 0 {
			return f
		}
	}
	for _, f := range c.files {
		if f.ID == id {
			return f
		}
	}
	return nil
}

// stored is on how many machines a chunk counts, on or off, and on how many of those
// its bytes are right. The caller holds mu.
func (c *chaos) stored(f *victim, chunk int, but *machine) (stored, right int) {
	for _, m := range c.machines {
		if m == but || !c.own(m, f).Has(chunk) {
			continue
		}
		stored++
		if !f.harmed[chunk] || c.right(m, f, chunk) {
			right++
		}
	}
	return stored, right
}

// lately is how long a copy that was destroyed may still be counted on by somebody.
const lately = time.Minute

// harm notes that a copy of a chunk is destroyed, or all on a machine. The caller
// holds mu.
func (c *chaos) harm(f *victim, chunk int) {
	f.harmed[chunk] = true
	c.harmed = time.Now()
}

// kept checks what must hold of every file that somebody was told is safe: of each
// chunk there are two copies, and if one was destroyed, one until that is made
// again. What is surplus goes only when two others have it. The caller holds mu.
func (c *chaos) kept() {
	for _, f := range c.files {
		for chunk := range f.Chunks() {
			stored, right := c.stored(f, chunk, nil)
			switch {
			case f.harmed[chunk] && right >= min(f.copies, c.keepers()) && stored == right && time.Since(c.harmed) > lately:
				delete(f.harmed, chunk)
				c.counts[heals]++
			case !f.acked:
			case right == 0:
				c.breach("chunk %d of %v, which was acknowledged, is lost%s", chunk, f, c.whereabouts(f, chunk))
			case !f.harmed[chunk] && stored < 2:
				c.breach("chunk %d of %v, which was acknowledged, is left in %d copies%s", chunk, f, stored, c.whereabouts(f, chunk))
			}
		}
	}
}

// whereabouts is which machines have a chunk. The caller holds mu.
func (c *chaos) whereabouts(f *victim, chunk int) (text string) {
	for _, m := range c.machines {
		if c.own(m, f).Has(chunk) {
			text += fmt.Sprintf("; %v has it, on %v, right %v", m, m.node != nil, c.right(m, f, chunk))
		}
	}
	return text
}

// acknowledged checks what somebody is being told: that a file is on two disks, and
// that not only its adder knows its name. The caller holds mu.
func (c *chaos) acknowledged(f *victim, name string, since time.Time) {
	for chunk := range f.Chunks() {
		stored, _ := c.stored(f, chunk, nil)
		if stored < 2 && !f.harmed[chunk] {
			c.breach("%v is acknowledged, and chunk %d has %d copies%s", f, chunk, stored, c.whereabouts(f, chunk))
		}
	}
	if f.name == name { // nobody has given it another meanwhile
		c.heard(f, since)
	}
	f.acked = f.Size > 0 // an empty file is acknowledged before another node knows its name (docs/proof.md)
	c.counts[acks]++
}

// heard checks that two nodes know the name of a file that was added since. One that
// went off meanwhile may have heard of it. The caller holds mu.
func (c *chaos) heard(f *victim, since time.Time) {
	know := 0
	for _, m := range c.machines {
		if m.offAt.After(since) || m.changing || m.node != nil && c.known(m)[f.name] == f.ID {
			know++
		}
	}
	if know < 2 && f.Size > 0 {
		c.breach("%v is acknowledged, and %d nodes know its name", f, know)
	}
}

// known is all names that a node knows. The caller holds mu.
func (c *chaos) known(m *machine) map[string]shoal.FileID {
	entries, err := m.node.List(c.Context(), shoal.ListRequest{})
	if err != nil {
		c.breach("%v cannot list the names: %v", m, err)
	}
	names := make(map[string]shoal.FileID)
	for _, e := range entries {
		names[e.Name] = e.ID
	}
	return names
}

// returned checks that what counted before a machine went off counts now that it
// is on, and that the bytes are there. The caller holds mu.
func (c *chaos) returned(m *machine) {
	for _, f := range c.files {
		was, known := m.counted[f.ID]
		if !known || !f.acked {
			continue
		}
		own := c.own(m, f)
		for chunk := range was.All {
			if !f.harmed[chunk] && (!own.Has(chunk) || !c.right(m, f, chunk)) {
				c.breach("chunk %d of %v counted at %v before it went off: it counts now %v, with the right bytes %v", chunk, f, m, own.Has(chunk), c.right(m, f, chunk))
			}
		}
	}
}

// honest checks that a node says safe only when every chunk of every file it knows has
// its copies. Of one that was destroyed not all may have heard. The caller holds mu.
func (c *chaos) honest() {
	for _, m := range c.machines {
		if m.node == nil || m.out {
			continue
		}
		status, err := m.node.Status(c.Context())
		if err != nil {
			c.breach("%v has no status: %v", m, err)
			continue
		}
		if status.Safety.State != string(safety.Safe) {
			continue
		}
		c.counts[safes]++
		for _, id := range c.known(m) {
			f := c.file(id)
			if f == nil {
				continue
			}
			for chunk := range f.Chunks() {
				if stored, _ := c.stored(f, chunk, nil); stored < f.copies && !f.harmed[chunk] {
					c.breach("%v says that all is safe, and chunk %d of %v has %d of %d copies%s", m, chunk, f, stored, f.copies, c.whereabouts(f, chunk))
				}
			}
		}
	}
}

// compare checks what somebody has read under a name at a machine: it must be what
// was once given that name. The caller holds mu.
func (c *chaos) compare(m *machine, name string, id shoal.FileID, data []byte) {
	c.counts[reads]++
	f := c.file(id)
	switch {
	case f == nil:
		c.breach("%s at %v is a file that nobody has added", name, m)
	case !bytes.Equal(f.bytes, data):
		c.breach("%s, %v, has other bytes at %v: %d of %d", name, f, m, len(data), f.Size)
	}
}

// look reads a file at a node, by its name.
func look(ctx context.Context, n *Node, name string) (id shoal.FileID, data []byte, err error) {
	opened, err := n.Open(ctx, name)
	if err != nil {
		return id, nil, err
	}
	var buf bytes.Buffer
	_, err = buf.ReadFrom(opened)
	return opened.Entry().ID, buf.Bytes(), closing(opened, err)
}
