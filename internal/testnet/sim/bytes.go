package sim

import (
	"bytes"
	"errors"

	"shoal/internal/record"
)

// reads checks what somebody is given of a file: the bytes that were written to it,
// and no others (I2).
func (w *world) reads(p *process, f *file, chunk int, data []byte) {
	w.checked.Reads++
	if !bytes.Equal(data, f.chunk(chunk)) {
		w.breach("I2: %s reads chunk %d of %s, and gets other bytes than were written", p.m.name(), chunk, f)
	}
}

// someoneReads has a person fetch a file by its name, from the node's own disk or
// from others.
func (w *world) someoneReads(m *machine) {
	if !m.up() || !m.process.roster.Node(m.id).Present() {
		return
	}
	p := m.process
	name := p.pick()
	meaning, ok := p.names[name].Meaning()
	if !ok {
		return
	}
	f := w.file(meaning.Current.File)
	if f == nil || !f.names[name] {
		w.breach("I2: %s reads %s, and gets a file that nobody gave this name", m.name(), name)
		return
	}
	for chunk := range f.chunks {
		if data := p.read(f, chunk); data != nil {
			w.reads(p, f, chunk, data)
			continue
		}
		p.request(f, chunk, func(data []byte) {
			if data != nil {
				w.reads(p, f, chunk, data)
			}
		})
	}
}

// within checks that a machine stores no more than it may (I8).
func (w *world) within(m *machine) {
	if m.disk.limit > 0 && m.disk.stored > m.disk.limit {
		w.breach("I8: %s stores %d bytes, and may store %d", m.name(), m.disk.stored, m.disk.limit)
	}
}

// genuine reports whether a batch is signed by its author. The same bytes are
// looked at once for all, for that takes long.
func (w *world) genuine(b signed) bool {
	if w.cfg.Flaw == Trusting {
		return true
	}
	right, known := w.proven[string(b.data)]
	if !known {
		_, err := record.Verify(w.nodes[0].id, b.data)
		if right = err == nil; err != nil && !errors.Is(err, record.ErrForged) {
			w.breach("a batch of %s is malformed: %v", b.Author.Short(), err)
		}
		w.proven[string(b.data)] = right
	}
	return right
}
