package content

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// feed hands the spans of a file to workers. It is safe for use by many, which read
// at the same time.
type feed struct {
	from io.ReaderAt

	mu    sync.Mutex // guards spans, and is not held during a read
	spans spans
}

// next reads the next span into buf, which has room for it. It returns io.EOF when
// all have been handed out.
func (f *feed) next(buf []byte) (span, error) {
	s, ok := f.take()
	if !ok {
		return span{}, io.EOF
	}
	n, err := f.from.ReadAt(buf[:s.length], s.offset)
	return s, checkRead(s, n, err)
}

func (f *feed) take() (span, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.spans.take()
}

// end returns ErrSize unless there is nothing after the last span. It is called when
// next has returned io.EOF.
func (f *feed) end() error {
	n, err := f.from.ReadAt(make([]byte, 1), f.spans.file.Size)
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
