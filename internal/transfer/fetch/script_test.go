package fetch_test

import (
	"context"
	"io"
	"net"
	"testing"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/transfer"
	"shoal/internal/transfer/fetch"
)

// scripts are peers that do something else than serve.
type scripts map[shoal.NodeID]func(*script)

// script is one session with a peer that follows a script.
type script struct {
	net.Conn
	visit int // which session with the peer this is, from 1
}

// meets has the node fetch from peers that follow scripts, and from those of
// the swarm. It returns the bans it hands out.
func (n *node) meets(peers scripts) *transfer.Bans {
	bans := new(transfer.Bans)
	visits := make(map[shoal.NodeID]int) // guarded by swarm.mu
	n.engine = fetch.New(fetch.Config{
		Self: n.id, Board: &n.board, Bans: bans,
		Dial: func(ctx context.Context, id shoal.NodeID) (transfer.Stream, error) {
			play := peers[id]
			if play == nil {
				return n.dial(ctx, id)
			}
			ours, theirs := net.Pipe()
			n.swarm.mu.Lock()
			visits[id]++
			s := &script{theirs, visits[id]}
			n.swarm.mu.Unlock()
			n.swarm.wg.Go(func() { play(s); theirs.Close() })
			return pipeStream{ours, id}, nil
		},
	})
	return bans
}

// hears reads a frame; one of type zero when the fetch has hung up.
func (s *script) hears() (wire.Type, []byte) {
	var head [wire.HeaderSize]byte
	h, err := wire.ReadHeader(s, &head)
	if err != nil {
		return 0, nil
	}
	body, err := wire.ReadBody(s, h, nil)
	if err != nil {
		return 0, nil
	}
	return h.Type, body
}

// greets answers a hello: the file has that size, and the peer those chunks.
func (s *script) greets(f content.File, size int64, have content.Bitmap) {
	_, body := s.hears()
	hello, err := wire.ParseHello(body)
	if err != nil {
		return
	}
	frames := wire.Welcome{Version: wire.Version, Size: size, ChunkSize: f.ChunkSize}.Append(nil)
	if hello.WantList {
		for first := 0; first < len(f.List); first += wire.MaxListCVs {
			frames = wire.AppendListPart(frames, f.List, first)
		}
	}
	s.says(wire.AppendHave(frames, have))
}

// says writes frames.
func (s *script) says(frames []byte) bool {
	_, err := s.Write(frames)
	return err == nil
}

// asked waits for a request; it is false when the fetch has hung up.
func (s *script) asked() (wire.Span, bool) {
	for {
		typ, body := s.hears()
		if typ == 0 {
			return wire.Span{}, false
		}
		if typ == wire.TypeRequest {
			m, err := wire.ParseRequest(body)
			return m.Span, err == nil
		}
	}
}

// gives sends one frame of data.
func (s *script) gives(chunk, offset int, data []byte) bool {
	head := wire.Data{Chunk: chunk, Offset: offset, Length: len(data)}.AppendHeader(nil)
	return s.says(append(head, data...))
}

// listens reads whatever comes, until the fetch hangs up.
func (s *script) listens() { _, _ = io.Copy(io.Discard, s) }

// claims is a peer that says the file has a size, and has all of it, and gives
// nothing.
func claims(f content.File, size int64) func(*script) {
	return func(s *script) {
		s.greets(f, size, content.FullBitmap(f.Chunks()))
		s.listens()
	}
}

// strict is a target that takes only chunks as long as they should be, as the
// stores do.
type strict struct {
	fetch.Target
	t    *testing.T
	file content.File
}

func (n *node) strictly(t *testing.T) func(context.Context, content.File) (fetch.Target, error) {
	return func(ctx context.Context, f content.File) (fetch.Target, error) {
		target, err := n.shelf.open(ctx, f)
		return strict{target, t, f}, err
	}
}

func (s strict) Put(ctx context.Context, index int, data []byte) error {
	if len(data) != s.file.ChunkLen(index) {
		s.t.Errorf("chunk %d of %d bytes was put, not of %d", index, len(data), s.file.ChunkLen(index))
		return shoal.Usage
	}
	return s.Target.Put(ctx, index, data)
}
