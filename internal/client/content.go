package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"shoal"
	"shoal/internal/api/wire"
)

// Open gives a file for reading: see shoal.Mover. Reading on from where the
// last read ended goes on with the same answer; reading elsewhere asks anew.
// The context bounds the life of the content, not only the opening.
func (c *Client) Open(ctx context.Context, ref string) (shoal.Content, error) {
	path, err := below("/files/", ref, "/content")
	if err != nil {
		return nil, err
	}
	f := &content{ctx: ctx, client: c, path: path}
	resp, err := f.fetch(0)
	if err != nil {
		return nil, err
	}
	if f.entry, err = wire.ParseEntry(resp.Header.Get(wire.EntryHeader)); err != nil {
		resp.Body.Close()
		return nil, err
	}
	f.answer = resp
	return f, nil
}

// content is a file on the node. Its offset is where the next Read begins; the
// answer that is open, if one is, goes on at answerAt.
type content struct {
	ctx    context.Context // of Open: a Reader has no other way to be stopped
	client *Client
	path   string
	entry  shoal.Entry

	offset   int64
	answer   *http.Response
	answerAt int64
	closed   bool
}

// Entry is what the node called the file when it was opened.
func (f *content) Entry() shoal.Entry { return f.entry }

// Read reads on, asking for the rest of the file if no answer is open there.
func (f *content) Read(p []byte) (int, error) {
	switch {
	case f.closed:
		return 0, fmt.Errorf("read %s: %w", f.entry.Name, http.ErrBodyReadAfterClose)
	case f.offset >= f.entry.Size:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	n, err := f.readAnswer(p)
	if n == 0 && err != nil && f.cutShort(err) {
		// Asking again from here on says why, or goes on if that has passed.
		n, err = f.readAnswer(p)
	}
	if n > 0 || err == nil {
		return n, nil // what is wrong, if anything, is so at the next read too
	}
	return 0, err
}

// readAnswer reads from the answer that goes on at the offset.
func (f *content) readAnswer(p []byte) (int, error) {
	if err := f.seekAnswer(); err != nil {
		return 0, err
	}
	n, err := f.answer.Body.Read(p[:min(int64(len(p)), f.entry.Size-f.offset)])
	f.offset += int64(n)
	f.answerAt = f.offset
	if err == nil || n > 0 {
		return n, nil
	}
	f.drop()
	return 0, cut{broken(f.ctx, fmt.Errorf("its answer ended early: %w", err))}
}

// cut is why an answer ended before the file did, as far as this side knows.
type cut struct{ error }

func (c cut) Unwrap() error { return c.error }

// cutShort reports whether err is that of an answer cut short, by a node that
// may have more to say.
func (f *content) cutShort(err error) bool {
	return errors.As(err, new(cut)) && f.ctx.Err() == nil
}

// seekAnswer makes sure that an answer is open that goes on at the offset.
func (f *content) seekAnswer() error {
	if f.answer != nil && f.answerAt == f.offset {
		return nil
	}
	f.drop()
	resp, err := f.fetch(f.offset)
	if err != nil {
		return err
	}
	if want := http.StatusPartialContent; f.offset > 0 && resp.StatusCode != want {
		resp.Body.Close()
		return fmt.Errorf("read %s from byte %d: the node answered with status %s", f.entry.Name, f.offset, resp.Status)
	}
	f.answer, f.answerAt = resp, f.offset
	return nil
}

// fetch asks for the file from an offset on. After the first time the answer
// must be of the same file, though the name may mean another by now.
func (f *content) fetch(offset int64) (*http.Response, error) {
	header := make(http.Header)
	if offset > 0 {
		header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
	}
	if !f.entry.ID.IsZero() {
		header.Set("If-Match", `"`+f.entry.ID.String()+`"`)
	}
	return f.client.do(f.ctx, request{method: http.MethodGet, path: f.path, header: header})
}

// Seek sets where the next Read begins. It asks nothing of the node.
func (f *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += f.entry.Size
	default:
		return 0, fmt.Errorf("seek in %s: no such whence: %w", f.entry.Name, shoal.Usage)
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek in %s: offset is before the start: %w", f.entry.Name, shoal.Usage)
	}
	f.offset = offset
	return offset, nil
}

// Close stops the fetching. Closing again is no error.
func (f *content) Close() error {
	f.closed = true
	f.drop()
	return nil
}

// drop closes the answer that is open, if one is.
func (f *content) drop() {
	if f.answer != nil {
		f.answer.Body.Close()
		f.answer = nil
	}
}
