package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"shoal/internal/content"
	"shoal/internal/network/wire"
)

// hashPiece is how many bytes are read and then hashed at a time, small enough
// to be hashed while they are in a core's own cache.
const hashPiece = 128 << 10

// reader takes a source's frames. It runs in the link's goroutine, keeps at
// most one chunk open, and verifies each before it passes it on.
type reader struct {
	link *link
	file content.File
	have bool // the source has said what it has
	told bool // and who else is after the file

	list  content.HashList // as it comes, when it was not known
	until time.Time        // when the greeting must be over
	open  *assembly        // the chunk that is coming in now

	head    [wire.HeaderSize]byte
	scratch []byte
}

// peerFault is an error that is the peer's doing and none of ours.
type peerFault struct {
	err    error
	reason wire.Reason // that it gave, if it said goodbye
	lie    bool        // it sent what does not match its hash
}

func (p *peerFault) Error() string { return p.err.Error() }
func (p *peerFault) Unwrap() error { return p.err }

func malformed(format string, args ...any) error {
	return &peerFault{err: fmt.Errorf("%w: "+format, append([]any{wire.ErrMalformed}, args...)...), reason: wire.ReasonBad}
}

// run reads until the stream fails, the peer says goodbye or breaks the rules.
func (r *reader) run(ctx context.Context) error {
	r.until = time.Now().Add(ListTimeout)
	if err := r.await(); err != nil {
		return err
	}
	for {
		h, err := wire.ReadHeader(r.link.stream, &r.head)
		if err != nil {
			return blame(fmt.Errorf("read from %s: %w", r.link.peer.Short(), err))
		}
		if err := r.frame(ctx, h); err != nil {
			return blame(err)
		}
	}
}

// await gives the source time for the next frame of its greeting.
func (r *reader) await() error {
	deadline := time.Now().Add(WelcomeTimeout)
	if deadline.After(r.until) {
		deadline = r.until
	}
	if err := r.link.stream.SetReadDeadline(deadline); err != nil {
		return fmt.Errorf("wait for welcome: %w", err)
	}
	return nil
}

// blame marks what is the peer's fault by the error it is.
func blame(err error) error {
	if _, ok := errors.AsType[*peerFault](err); !ok && errors.Is(err, wire.ErrMalformed) {
		return &peerFault{err: err, reason: wire.ReasonBad}
	}
	return err
}

// frame takes one frame.
func (r *reader) frame(ctx context.Context, h wire.Header) error {
	if h.Type == wire.TypeData {
		return r.data(ctx, h)
	}
	body, err := wire.ReadBody(r.link.stream, h, r.scratch)
	if err != nil {
		return err
	}
	r.scratch = body
	switch h.Type {
	case wire.TypeWelcome:
		return r.welcome(body)
	case wire.TypeList:
		return r.listPart(body)
	case wire.TypeHaveAll, wire.TypeHaveBits:
		return r.haveAll(h.Type, body)
	case wire.TypeHaveMore:
		return r.haveMore(body)
	case wire.TypeReject:
		return r.reject(body)
	case wire.TypePeers:
		return r.peers(body)
	case wire.TypeGoodbye:
		return goodbye(body)
	default:
		if h.Type >= wire.FirstOptional {
			return nil
		}
		return malformed("frame %d from a source", h.Type)
	}
}

func (r *reader) welcome(body []byte) error {
	m, err := wire.ParseWelcome(body)
	if err != nil {
		return err
	}
	says := content.File{Size: m.Size, ChunkSize: m.ChunkSize}
	if r.file.ChunkSize != 0 && !sameShape(says, r.file) {
		return &peerFault{err: otherShape(says, r.file)} // no lie: it may have been told so itself
	}
	r.file.Size, r.file.ChunkSize = m.Size, m.ChunkSize
	return nil
}

// listPart takes the next part of the hash list, and checks the whole against
// the id once it is whole.
func (r *reader) listPart(body []byte) error {
	m, err := wire.ParseList(body)
	if err != nil {
		return err
	}
	chunks := r.file.ChunkSize.Chunks(r.file.Size)
	if r.file.ChunkSize == 0 || r.file.List != nil || m.First != len(r.list) || m.First+len(m.CVs) > chunks {
		return malformed("hash list out of order")
	}
	r.list = append(r.list, m.CVs...)
	switch {
	case len(r.list) == chunks:
		return r.checkList()
	case len(m.CVs) < wire.MaxListCVs:
		return malformed("a part of a hash list with %d values", len(m.CVs))
	}
	return r.await()
}

func (r *reader) checkList() error {
	r.file.List, r.list = r.list, nil
	if err := r.file.Check(); err != nil {
		return &peerFault{err: fmt.Errorf("its hash list is false: %w", err), lie: true}
	}
	return nil
}

// haveAll takes what the source has now. It ends the greeting.
func (r *reader) haveAll(t wire.Type, body []byte) error {
	if r.file.ChunkSize == 0 || r.have {
		return malformed("bitmap out of order")
	}
	if r.file.Size == 0 && r.file.List == nil { // an empty file has no list to send
		r.list = content.HashList{}
		if err := r.checkList(); err != nil {
			return err
		}
	}
	if len(r.file.List) != r.file.Chunks() {
		return malformed("bitmap before the hash list")
	}
	have, err := wire.ParseHave(t, body, r.file.Chunks())
	if err != nil {
		return err
	}
	r.have = true
	if err := r.link.stream.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	r.link.fetch.tell(greeted{link: r.link, file: r.file, have: have})
	return nil
}

func (r *reader) haveMore(body []byte) error {
	if !r.have {
		return malformed("news before the bitmap")
	}
	more, err := wire.ParseHaveMore(body, r.file.Chunks())
	if err != nil {
		return err
	}
	r.link.fetch.tell(haveMore{link: r.link, chunks: more})
	return nil
}

func (r *reader) reject(body []byte) error {
	m, err := wire.ParseReject(body)
	if err != nil {
		return err
	}
	req := r.link.pending(m.Chunk)
	if req == nil || req.span != m.Span {
		return malformed("rejected what was not asked for")
	}
	told := rejected{link: r.link, chunk: m.Chunk, missing: req.span.Length, reason: m.Reason, half: req.assembly}
	if r.open != nil && r.open.index == m.Chunk {
		told.half, r.open = r.open, nil
		r.link.closes()
		told.missing -= told.half.got - req.span.Offset
	}
	told.cancelled = r.link.answered(m.Chunk)
	r.link.fetch.tell(told)
	return nil
}

func (r *reader) peers(body []byte) error {
	m, err := wire.ParsePeers(body)
	if err != nil {
		return err
	}
	if r.told {
		return nil // once is enough
	}
	r.told = true
	r.link.fetch.tell(peersTold{link: r.link, peers: m.Peers})
	return nil
}

func goodbye(body []byte) error {
	m, err := wire.ParseGoodbye(body)
	if err != nil {
		return err
	}
	return &peerFault{err: fmt.Errorf("it said goodbye: %s", m.Reason), reason: m.Reason}
}

// data takes one Data frame: into the assembly of its chunk, or away.
func (r *reader) data(ctx context.Context, h wire.Header) error {
	head := r.head[:wire.DataHeaderSize]
	if h.Length < len(head) {
		return malformed("data of %d bytes", h.Length)
	}
	if _, err := io.ReadFull(r.link.stream, head); err != nil {
		return fmt.Errorf("read data: %w", err)
	}
	m, err := wire.ParseDataHeader(head, h.Length)
	if err != nil {
		return err
	}
	req := r.link.pending(m.Chunk)
	if req == nil || len(r.file.List) == 0 || m.Chunk >= r.file.Chunks() || !req.covers(m, r.file.ChunkLen(m.Chunk)) {
		return malformed("data that was not asked for")
	}
	if err := r.place(ctx, req, m); err != nil {
		return err
	}
	if err := r.fill(m.Length); err != nil {
		return err
	}
	r.link.engine.cfg.Received(r.link.peer, m.Length)
	if r.open.full() {
		r.finish(m.Length)
		return nil
	}
	r.link.fetch.tell(progressed{link: r.link, bytes: m.Length})
	return nil
}

// place makes the frame's chunk the open one. It blocks while the memory for
// chunks is spent, and then nothing more is read from the source.
func (r *reader) place(ctx context.Context, req *request, m wire.Data) error {
	if r.open == nil {
		a, err := req.assembly, error(nil)
		if a == nil {
			a, err = r.newAssembly(ctx, m.Chunk)
			if err != nil {
				return err
			}
		}
		r.take(req, a)
	}
	if r.open.index != m.Chunk || r.open.got != m.Offset || m.Length > len(r.open.buf.Bytes)-r.open.got {
		return malformed("data out of order")
	}
	return nil
}

// newAssembly waits for memory for a chunk.
func (r *reader) newAssembly(ctx context.Context, chunk int) (*assembly, error) {
	r.link.count.waiting.Store(true)
	defer r.link.count.waiting.Store(false)
	return newAssembly(ctx, r.link.engine, r.file, chunk)
}

// take makes an assembly, the request's or a new one, the open one.
func (r *reader) take(req *request, a *assembly) {
	r.open = a
	r.open.begin(r.link.peer)
	r.link.mu.Lock()
	defer r.link.mu.Unlock()
	req.assembly = nil
	r.link.open = r.link.count.hold(time.Now(), a)
}

// fill reads n bytes into the open chunk.
func (r *reader) fill(n int) error {
	for n > 0 {
		piece := r.open.rest(min(n, hashPiece))
		if _, err := io.ReadFull(r.link.stream, piece); err != nil {
			return fmt.Errorf("read data: %w", err)
		}
		r.link.count.received.Add(int64(len(piece)))
		r.open.took(len(piece))
		n -= len(piece)
	}
	return nil
}

// finish verifies the open chunk, whose last frame brought last bytes, and
// passes it on.
func (r *reader) finish(last int) {
	done := r.open
	r.open = nil
	r.link.closes()
	r.link.answered(done.index)
	if err := done.hasher.Verify(); err != nil {
		r.link.fetch.tell(chunkWrong{link: r.link, assembly: done, last: last})
		return
	}
	r.link.fetch.tell(chunkRight{link: r.link, assembly: done, last: last})
}
