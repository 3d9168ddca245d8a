package content

import (
	"context"
	"errors"
	"io"
)

// worker hashes spans on one core.
type worker struct {
	file   File
	pieces File // the same bytes cut at spanSize if file has larger chunks
	feed   *feed
	hashed chan<- int64 // told how many bytes each span had
	buf    []byte
	tree   subtree
}

func newWorker(f File, feed *feed, hashed chan<- int64) *worker {
	return &worker{
		file:   f,
		pieces: File{Size: f.Size, ChunkSize: min(f.ChunkSize, spanSize)},
		feed:   feed,
		hashed: hashed,
		buf:    make([]byte, min(spanSize, f.Size)),
	}
}

// run works until the feed has no more, or ctx ends.
func (w *worker) run(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := w.feed.next(w.buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		w.hash(s)
		w.hashed <- int64(s.length)
	}
}

// hash puts the values of s, which is in the buffer, where they belong.
func (w *worker) hash(s span) {
	i := int(s.offset / int64(w.pieces.ChunkSize))
	for data := w.buf[:s.length]; len(data) > 0; i++ {
		n := w.pieces.ChunkLen(i)
		w.pieces.reset(&w.tree, i)
		w.tree.write(data[:n])
		data = data[n:]
		if s.joint == nil {
			w.file.List[i] = cvOf(w.tree.cv)
		} else {
			s.joint.set(s.offset, cvOf(w.tree.cv))
		}
	}
}
