package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/transfer"
	"shoal/internal/transfer/fetch"
	"shoal/internal/transfer/serve"
)

// swarm is a few nodes in one test, joined by pipes.
type swarm struct {
	t     *testing.T
	ctx   context.Context
	mu    sync.Mutex // guards nodes
	nodes map[shoal.NodeID]*node
	wg    sync.WaitGroup
}

// node is one of them: a shelf of chunks, a server and an engine.
type node struct {
	swarm   *swarm
	id      shoal.NodeID
	shelf   *shelf
	board   transfer.Board
	tracker transfer.Tracker
	server  *serve.Server
	engine  *fetch.Engine

	// tamper, if set, stands between this node and whoever dials it.
	tamper func(net.Conn) net.Conn
	down   bool
	open   map[net.Conn]struct{} // guarded by swarm.mu
}

func newSwarm(t *testing.T) *swarm {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	s := &swarm{t: t, ctx: ctx, nodes: make(map[shoal.NodeID]*node)}
	t.Cleanup(func() { cancel(); s.wg.Wait() })
	return s
}

func (s *swarm) node(id shoal.NodeID) *node { return s.slowNode(id, 0) }

// slowNode is a node that sends no more than so many bytes a second.
func (s *swarm) slowNode(id shoal.NodeID, uploadLimit int64) *node {
	n := &node{swarm: s, id: id, shelf: newShelf(), open: make(map[net.Conn]struct{})}
	addrs := func(peer shoal.NodeID) []string { return []string{"/" + string(peer)} }
	n.server = serve.New(serve.Config{Library: n.shelf, Board: &n.board, Tracker: &n.tracker, AddrsOf: addrs, UploadLimit: uploadLimit})
	n.engine = fetch.New(fetch.Config{Dial: n.dial, Self: id, Board: &n.board})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes[id] = n
	return n
}

// dial gives a stream to a peer, who serves it.
func (n *node) dial(_ context.Context, id shoal.NodeID) (transfer.Stream, error) {
	n.swarm.mu.Lock()
	defer n.swarm.mu.Unlock()
	peer := n.swarm.nodes[id]
	if peer == nil || peer.down {
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	served := theirs
	if peer.tamper != nil {
		served = peer.tamper(theirs)
	}
	peer.open[theirs] = struct{}{}
	n.swarm.wg.Go(func() { peer.server.Serve(n.swarm.ctx, pipeStream{served, n.id}) })
	return pipeStream{ours, id}, nil
}

// kill cuts a node off, in the midst of whatever it is doing.
func (n *node) kill() {
	n.swarm.mu.Lock()
	defer n.swarm.mu.Unlock()
	n.down = true
	for conn := range n.open {
		conn.Close()
	}
}

// fetch fetches a file from the named peers into the node's shelf.
func (n *node) fetch(f content.File, task fetch.Task, from ...shoal.NodeID) *fetch.Fetch {
	task.File, task.Sources = f.ID, from
	if task.Open == nil {
		task.Open = n.shelf.open
	}
	if task.SizeHint == 0 {
		task.SizeHint = -1
	}
	return n.engine.Start(n.swarm.ctx, task)
}

// pipeStream is a stream over a pipe.
type pipeStream struct {
	net.Conn
	peer shoal.NodeID
}

func (p pipeStream) Reset()             { p.Conn.Close() }
func (p pipeStream) Peer() shoal.NodeID { return p.peer }

// shelf is the chunks of one node: what serve reads from and fetch writes to.
type shelf struct {
	mu    sync.Mutex // guards files
	files map[shoal.FileID]*book
}

type book struct {
	shelf  *shelf
	file   content.File
	have   content.Bitmap
	synced content.Bitmap
	data   []byte
	puts   int
	onPut  func(index int) error
}

func newShelf() *shelf { return &shelf{files: make(map[shoal.FileID]*book)} }

// fill puts a whole file on the shelf.
func (s *shelf) fill(f content.File, data []byte) {
	s.files[f.ID] = &book{
		shelf: s, file: f, data: bytes.Clone(data),
		have: content.FullBitmap(f.Chunks()), synced: content.FullBitmap(f.Chunks()),
	}
}

func (s *shelf) open(_ context.Context, f content.File) (fetch.Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.files[f.ID]
	if b == nil {
		b = &book{shelf: s, file: f, data: make([]byte, f.Size), have: content.NewBitmap(f.Chunks()), synced: content.NewBitmap(f.Chunks())}
		s.files[f.ID] = b
	}
	return b, nil
}

func (s *shelf) File(_ context.Context, id shoal.FileID) (content.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.files[id]; b != nil {
		return b.file, nil
	}
	return content.File{}, shoal.NotFound
}

func (s *shelf) Has(_ context.Context, id shoal.FileID) (content.Bitmap, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.files[id]; b != nil {
		return b.synced.Clone(), nil
	}
	return content.Bitmap{}, shoal.NotFound
}

func (s *shelf) Get(_ context.Context, chunk shoal.Chunk, buf []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.files[chunk.File]
	if b == nil || !b.have.Has(chunk.Index) {
		return 0, shoal.NotFound
	}
	return copy(buf, b.data[b.file.ChunkOffset(chunk.Index):][:b.file.ChunkLen(chunk.Index)]), nil
}

func (b *book) Has() content.Bitmap {
	b.shelf.mu.Lock()
	defer b.shelf.mu.Unlock()
	return b.have.Clone()
}

func (b *book) Put(_ context.Context, index int, data []byte) error {
	b.shelf.mu.Lock()
	defer b.shelf.mu.Unlock()
	if b.onPut != nil {
		if err := b.onPut(index); err != nil {
			return err
		}
	}
	copy(b.data[b.file.ChunkOffset(index):], data)
	b.have.Set(index)
	b.puts++
	return nil
}

func (b *book) PutRun(ctx context.Context, first int, chunks [][]byte) error {
	for i, chunk := range chunks {
		if err := b.Put(ctx, first+i, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (b *book) Settle(context.Context, bool) error {
	b.shelf.mu.Lock()
	defer b.shelf.mu.Unlock()
	b.synced = b.have.Clone()
	return nil
}

// randomFile makes a file of size bytes from a seed.
func randomFile(t *testing.T, seed uint64, size int64, cs content.ChunkSize) (content.File, []byte) {
	t.Helper()
	data := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	if _, err := rng.Read(data); err != nil {
		t.Fatal(err)
	}
	f, err := content.HashReaderAt(t.Context(), bytes.NewReader(data), size, cs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f, data
}

// checkWhole fails the test unless the node has the file's every byte.
func (n *node) checkWhole(f content.File, data []byte) {
	n.swarm.t.Helper()
	b := n.shelf.files[f.ID]
	if b == nil || !b.synced.Full() || !bytes.Equal(b.data, data) {
		n.swarm.t.Errorf("node %s does not have the file whole, durable and right", n.id)
	}
}
