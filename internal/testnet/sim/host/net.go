// Package host models the machines of a simulated shoal: their disks, clocks and power, the
// network between them, and on each the process of a node. The process joins the machines
// that decide, which are the ones that ship; what they talk to is modelled.
package host

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/testnet/sim/disk"
	"shoal/internal/testnet/sim/flaw"
	"shoal/internal/testnet/vtime"
)

// Net is all machines of a simulated shoal, and the network between them. It is for one
// goroutine.
type Net struct {
	vtime.Clock
	Flaw    flaw.Kind  // what is wrong on purpose
	Random  *rand.Rand // decides whatever happens by chance
	Witness Witness
	Nodes   []*Machine
	Files   []*File // all that were ever added, by index

	Loss, Twice float64       // shares of messages that are lost, and that come twice
	Delay       time.Duration // the most that a message takes; the least is a tenth
	Blocked     map[[2]int]bool

	Moved  int      // chunks that were fetched
	Tail   []string // the last lines of the trace
	Digest uint64   // of all of it
	Broken error    // the first invariant that did not hold
}

// Witness hears of what machines do at the instant at which they do it, and checks it
// against what is true.
type Witness interface {
	BatchWitness
	ChunkWitness
	// Looks hears every second that a process looks at what there is to do.
	Looks(p *Process)
}

// BatchWitness hears of batches.
type BatchWitness interface {
	// disk.Batch hears that a machine signs a batch, and means it.
	Signed(b disk.Batch)
	// Genuine reports whether a batch is disk.Batch by its author.
	Genuine(b disk.Batch) bool
	// Obeys hears that a process takes in a batch.
	Obeys(p *Process, b disk.Batch)
}

// ChunkWitness hears of chunks.
type ChunkWitness interface {
	// Repairs hears that a process begins to fetch a chunk.
	Repairs(p *Process, f *File, chunk int)
	// Reads hears that a process takes the bytes of a chunk for right.
	Reads(p *Process, f *File, chunk int, data []byte)
	// Rots hears that a process finds a chunk rotten, and drops it.
	Rots(p *Process, f *File, chunk int)
	// Deletes hears that a surplus chunk goes, of which the process wanted so many copies.
	Deletes(p *Process, f *File, chunk, wanted int)
	// Dismisses hears that a process is about to delete a file for having no name.
	Dismisses(p *Process, f *File)
}

// ChunkSize is the chunk size of all files here.
const ChunkSize = 1 << 10

// File is the bytes of a file that somebody added.
type File struct {
	content.File
	Index int
	Bytes []byte
}

func (f *File) String() string { return fmt.Sprintf("f%d", f.Index) }

// Chunk returns the bytes of a chunk as they were added.
func (f *File) Chunk(i int) []byte {
	at := f.ChunkOffset(i)
	return f.Bytes[at : at+int64(f.ChunkLen(i))]
}

// tailLines is how much of the trace is kept for a person who reads of a failure.
const tailLines = 80

// Latency returns how long one message takes.
func (w *Net) Latency() time.Duration {
	return w.Delay/10 + time.Duration(w.Random.Int64N(int64(w.Delay)))
}

// Chance reports whether something happens that does so in a share of cases.
func (w *Net) Chance(share float64) bool { return w.Random.Float64() < share }

// Severed reports whether two machines cannot speak with each other both ways.
func (w *Net) Severed(a, b *Machine) bool {
	return w.Blocked[[2]int{a.Index, b.Index}] || w.Blocked[[2]int{b.Index, a.Index}]
}

// Send has a process of a machine do something, as a message from another would.
// It may get lost, come late, or twice; it comes to nothing if the process that
// it is for is not the one that runs then, or they are not connected.
func (w *Net) Send(from, to *Machine, do func(*Process)) {
	times := 1
	if w.Chance(w.Twice) {
		times = 2
	}
	for range times {
		if w.Chance(w.Loss) {
			continue
		}
		p := to.Process
		w.After(w.Latency(), func() {
			if p != nil && to.Process == p && from.conns[to.Index] && !w.Blocked[[2]int{from.Index, to.Index}] && p.Allows(from.ID) {
				p.Hand(func() { do(p) })
			}
		})
	}
}

// Note writes a line of the trace.
func (w *Net) Note(format string, args ...any) {
	line := fmt.Sprintf("%8.3fs  ", w.Now().Seconds()) + fmt.Sprintf(format, args...)
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%x %s", w.Digest, line) // a hash takes everything
	w.Digest = h.Sum64()
	if len(w.Tail) == tailLines {
		w.Tail = w.Tail[1:]
	}
	w.Tail = append(w.Tail, line)
}

// Breach notes that an invariant does not hold.
func (w *Net) Breach(format string, args ...any) {
	if w.Broken == nil {
		w.Note("BREACH "+format, args...)
		w.Broken = fmt.Errorf("after %v: "+format, append([]any{w.Now()}, args...)...)
	}
}

// Node returns the machine of an id, nil if there is none.
func (w *Net) Node(id shoal.NodeID) *Machine {
	for _, m := range w.Nodes {
		if m.ID == id {
			return m
		}
	}
	return nil
}

// File returns the file of an id, nil if there is none.
func (w *Net) File(id shoal.FileID) *File {
	for _, f := range w.Files {
		if f.ID == id {
			return f
		}
	}
	return nil
}

// number returns the number of a file.
func (w *Net) number(id shoal.FileID) (number int, known bool) {
	if f := w.File(id); f != nil {
		return f.Index, true
	}
	return 0, false
}
