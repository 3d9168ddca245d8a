package fetch

import (
	"context"
	"sync"

	"lukechampine.com/blake3"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/transfer"
)

// assembly is a chunk on its way in: bytes from the front, hashed as they come
// while they are still in the cache. Most come from one source; when a source
// is lost half-way the next goes on where it stopped.
type assembly struct {
	file   content.File // that it is a chunk of, as its first source has it
	index  int
	buf    *transfer.Buffer
	got    int
	hasher *content.ChunkHasher
	parts  []part
	pool   *sync.Pool // of hashers, which are large
}

// newAssembly returns an empty chunk i of f, once there is memory for it.
func newAssembly(ctx context.Context, e *Engine, f content.File, i int) (*assembly, error) {
	buf, err := e.buffers.Acquire(ctx, f.ChunkLen(i))
	if err != nil {
		return nil, err
	}
	hasher, ok := e.hashers.Get().(*content.ChunkHasher)
	if !ok {
		hasher = new(content.ChunkHasher)
	}
	hasher.Reset(f, i)
	return &assembly{file: f, index: i, buf: buf, hasher: hasher, pool: &e.hashers}, nil
}

// release gives the memory back.
func (a *assembly) release() {
	a.buf.Release()
	a.pool.Put(a.hasher)
	a.buf, a.hasher = nil, nil
}

// part is what one source gave to an assembly: the bytes up to the next part.
type part struct {
	peer shoal.NodeID
	from int
}

// begin notes that what follows comes from peer.
func (a *assembly) begin(peer shoal.NodeID) {
	if n := len(a.parts); n > 0 && a.parts[n-1].from == a.got {
		a.parts = a.parts[:n-1] // it gave nothing
	}
	a.parts = append(a.parts, part{peer: peer, from: a.got})
}

// rest is where the next n bytes go.
func (a *assembly) rest(n int) []byte { return a.buf.Bytes[a.got : a.got+n] }

// took counts n bytes more, which lie where rest said.
func (a *assembly) took(n int) {
	a.hasher.Write(a.buf.Bytes[a.got : a.got+n])
	a.got += n
}

func (a *assembly) full() bool { return a.got == len(a.buf.Bytes) }

// suspicion is what a source gave to a chunk that came out wrong and had more
// than one author. When the chunk has come in right, the hash tells who lied
// (libtorrent's smart ban).
type suspicion struct {
	peer     shoal.NodeID
	from, to int
	hash     [32]byte
}

// suspicions of a chunk that came out wrong.
func (a *assembly) suspicions() []suspicion {
	all := make([]suspicion, len(a.parts))
	for i, p := range a.parts {
		to := len(a.buf.Bytes)
		if i+1 < len(a.parts) {
			to = a.parts[i+1].from
		}
		all[i] = suspicion{peer: p.peer, from: p.from, to: to, hash: blake3.Sum256(a.buf.Bytes[p.from:to])}
	}
	return all
}

// confirmed reports whether the right bytes of the chunk show the suspect to
// have lied.
func (s suspicion) confirmed(right []byte) bool {
	return blake3.Sum256(right[s.from:s.to]) != s.hash
}
