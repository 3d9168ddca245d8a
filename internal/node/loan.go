package node

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"shoal"
	"shoal/internal/content"
)

// loans are the chunks that lie in the store beyond what this node may keep, for
// as long as somebody reads them: a node that is full can still be read at. A
// disk that is full is another matter.
type loans struct {
	mu    sync.Mutex // guards files
	files map[shoal.FileID]*loan
}

// loan is the chunks of one file.
type loan struct {
	readers int // under way
	chunks  content.Bitmap
}

// begin notes that somebody reads a file.
func (l *loans) begin(id shoal.FileID, chunks int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files == nil {
		l.files = make(map[shoal.FileID]*loan)
	}
	if l.files[id] == nil {
		l.files[id] = &loan{chunks: content.NewBitmap(chunks)}
	}
	l.files[id].readers++
}

// reading reports whether somebody reads a file that is being fetched.
func (l *loans) reading(id shoal.FileID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.files[id] != nil
}

// add notes a chunk that is on loan.
func (l *loans) add(chunk shoal.Chunk) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files[chunk.File].chunks.Set(chunk.Index)
}

// end notes that a reader is gone, and gives the chunks that go with the last.
func (l *loans) end(id shoal.FileID) content.Bitmap {
	l.mu.Lock()
	defer l.mu.Unlock()
	loan := l.files[id]
	if loan.readers--; loan.readers > 0 {
		return content.Bitmap{}
	}
	delete(l.files, id)
	return loan.chunks
}

// readTarget has a fetch put its chunks into the node's own store for somebody
// who reads them, if need be on loan.
type readTarget struct{ storeTarget }

func (r *readTarget) Put(ctx context.Context, index int, data []byte) error {
	err := r.storeTarget.Put(ctx, index, data)
	if !errors.Is(err, shoal.NoSpace) {
		return err
	}
	at := shoal.Chunk{File: r.id, Index: index}
	if err := r.node.store.Put(ctx, at, data); err != nil {
		return fmt.Errorf("put %s on loan: %w", at, err)
	}
	r.node.loans.add(at)
	return nil
}

// Settle ends the loan too: the reader waits for it, and then reads no more.
func (r *readTarget) Settle(ctx context.Context, whole bool) error {
	err := r.storeTarget.Settle(ctx, whole)
	if due := r.node.loans.end(r.id); due.Count() > 0 {
		_, discardErr := r.node.store.Discard(ctx, r.id, due)
		err = errors.Join(err, discardErr)
	}
	return err
}
