package sim

import (
	"bytes"
	"errors"

	"shoal/internal/record"
	"shoal/internal/testnet/sim/disk"
	"shoal/internal/testnet/sim/flaw"
	"shoal/internal/testnet/sim/host"
)

// Reads checks what somebody is given of a file: the bytes that were written to it,
// and no others (I2).
func (w *world) Reads(p *host.Process, f *host.File, chunk int, data []byte) {
	w.checked.Reads++
	if !bytes.Equal(data, f.Chunk(chunk)) {
		w.Breach("I2: %s reads chunk %d of %s, and gets other bytes than were written", p.Machine().Name(), chunk, f)
	}
}

// within checks that a machine stores no more than it may (I8).
func (w *world) within(m *host.Machine) {
	if m.Disk.Limit > 0 && m.Disk.Stored() > m.Disk.Limit {
		w.Breach("I8: %s stores %d bytes, and may store %d", m.Name(), m.Disk.Stored(), m.Disk.Limit)
	}
}

// Genuine reports whether a batch is disk.Batch by its author. The same bytes are
// looked at once for all, for that takes long.
func (w *world) Genuine(b disk.Batch) bool {
	if w.Flaw == flaw.Trusting {
		return true
	}
	right, known := w.proven[string(b.Data)]
	if !known {
		_, err := record.Verify(w.Nodes[0].ID, b.Data)
		if right = err == nil; err != nil && !errors.Is(err, record.ErrForged) {
			w.Breach("a batch of %s is malformed: %v", b.Author.Short(), err)
		}
		w.proven[string(b.Data)] = right
	}
	return right
}

// Signed notes that a machine has signed a batch, and means it.
func (w *world) Signed(b disk.Batch) { w.said[string(b.Data)] = true }
