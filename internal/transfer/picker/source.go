package picker

import "shoal/internal/content"

// source is what the picker knows of a peer.
type source struct {
	peer     Peer
	have     bitset // nil: every chunk
	count    int    // of the chunks it has
	rate     float64
	head     int32 // its queue: the assignment asked first, or none
	tail     int32
	assigned int
	turn     uint32
	next     int32  // where its run goes on: the chunk after its last pick
	dry      uint64 // the value of Picker.freed when nothing free was left for it
}

func newSource(peer Peer, size int, have content.Bitmap) *source {
	q := &source{peer: peer, count: size, head: none, tail: none}
	if have.Full() && have.Len() == size {
		return q
	}
	q.have = newBitset(size)
	q.count = 0
	for c := range have.All {
		if c < size {
			q.have.set(int32(c))
			q.count++
		}
	}
	return q
}

func (q *source) has(c int32) bool { return q.have == nil || q.have.has(c) }

// queue is how long the peer takes for all it has assigned, as wait.
func (q *source) queue() float64 { return q.wait(q.assigned) }

// wait is how long the peer takes for count chunks, in chunks for each byte a
// second: only its ratio to another wait means anything. It is zero while the
// rate is not known.
func (q *source) wait(count int) float64 {
	if q.rate <= 0 {
		return 0
	}
	return float64(count) / q.rate
}
