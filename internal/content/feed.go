package content

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// feed hands the spans of a file to workers. It is safe for use by many.
type feed interface {
	// next reads the next span into buf, which has room for it. It returns
	// io.EOF when all have been handed out.
	next(buf []byte) (span, error)

	// end is ErrSize unless there is nothing after the last span. It is called
	// when next has returned io.EOF.
	end() error
}

// randomFeed reads several spans at the same time.
type randomFeed struct {
	from io.ReaderAt

	mu    sync.Mutex // guards spans, and is not held during a read
	spans spans
}

func (f *randomFeed) next(buf []byte) (span, error) {
	s, ok := f.take()
	if !ok {
		return span{}, io.EOF
	}
	n, err := f.from.ReadAt(buf[:s.length], s.offset)
	return s, checkRead(s, n, err)
}

func (f *randomFeed) take() (span, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.spans.take()
}

func (f *randomFeed) end() error {
	n, err := f.from.ReadAt(make([]byte, 1), f.spans.file.Size)
	return checkEnd(n, err)
}

// streamFeed reads one span after the other.
type streamFeed struct {
	mu    sync.Mutex // guards all, so that the spans are read in order
	from  io.Reader
	spans spans
}

func (f *streamFeed) next(buf []byte) (span, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.spans.take()
	if !ok {
		return span{}, io.EOF
	}
	n, err := io.ReadFull(f.from, buf[:s.length])
	return s, checkRead(s, n, err)
}

func (f *streamFeed) end() error {
	n, err := io.ReadFull(f.from, make([]byte, 1))
	return checkEnd(n, err)
}

// checkRead judges a read of s that gave n bytes.
func checkRead(s span, n int, err error) error {
	switch {
	case n == s.length:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("ends after %d bytes: %w", s.offset+int64(n), ErrSize)
	}
	return fmt.Errorf("read %d bytes at %d: %w", s.length, s.offset, err)
}

// checkEnd judges a read after the end that gave n bytes.
func checkEnd(n int, err error) error {
	switch {
	case n > 0:
		return fmt.Errorf("has more bytes: %w", ErrSize)
	case errors.Is(err, io.EOF):
		return nil
	}
	return fmt.Errorf("read the end: %w", err)
}
