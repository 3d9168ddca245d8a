package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"shoal"
	"shoal/internal/api/wire"
)

// serveContent answers with a file's bytes. Its id is its ETag: the same for
// as long as there are files. The status waits for the first of the bytes, so
// that what cannot be had at all is an error and no answer cut short. When the
// rest cannot be had, the answer is cut short of its Content-Length; whoever
// asks again from there on is told why.
func serveContent(w http.ResponseWriter, r *http.Request, content shoal.Content) {
	if err := contentHeaders(w.Header(), content.Entry()); err != nil {
		writeProblem(w, err)
		return
	}
	if r.Method == http.MethodHead {
		http.ServeContent(w, r, "", time.Time{}, content)
		return
	}
	source := &peeked{ReadSeeker: content}
	http.ServeContent(&patient{ResponseWriter: w, source: source}, r, "", time.Time{}, source)
}

// contentHeaders says what the bytes are. They come from anyone, so a browser
// must neither guess at their type nor let them run as a page of this node.
func contentHeaders(h http.Header, entry shoal.Entry) error {
	text, err := wire.FormatEntry(entry)
	if err != nil {
		return err
	}
	kind := mime.TypeByExtension(path.Ext(entry.Name))
	if kind == "" {
		kind = "application/octet-stream"
	}
	h.Set(wire.EntryHeader, text)
	h.Set("ETag", `"`+entry.ID.String()+`"`)
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", mime.FormatMediaType("inline", map[string]string{"filename": path.Base(entry.Name)}))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox")
	return nil
}

// peeked is a file of which some bytes may have been read ahead.
type peeked struct {
	io.ReadSeeker
	ahead []byte
}

// peekSize is how many bytes are read ahead at most.
const peekSize = 4 << 10

// peek makes sure that there is a byte, or that there is none left.
func (p *peeked) peek() error {
	buf := make([]byte, peekSize)
	n, err := p.ReadSeeker.Read(buf)
	p.ahead = buf[:n]
	if n > 0 || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (p *peeked) Read(buf []byte) (int, error) {
	if len(p.ahead) == 0 {
		return p.ReadSeeker.Read(buf)
	}
	n := copy(buf, p.ahead)
	p.ahead = p.ahead[n:]
	return n, nil
}

func (p *peeked) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekCurrent {
		offset -= int64(len(p.ahead))
	}
	p.ahead = nil
	return p.ReadSeeker.Seek(offset, whence)
}

// patient is an answer that promises bytes when it has some.
type patient struct {
	http.ResponseWriter
	source *peeked
	failed error // why the answer became a problem
}

// WriteHeader sends the status, or that of the error that stands in the way.
func (p *patient) WriteHeader(status int) {
	if status == http.StatusOK || status == http.StatusPartialContent {
		p.failed = p.source.peek()
	}
	if p.failed == nil {
		p.ResponseWriter.WriteHeader(status)
		return
	}
	for _, of := range []string{"Content-Length", "Content-Range", "Content-Disposition", "ETag", "Accept-Ranges", wire.EntryHeader} {
		p.Header().Del(of) // they are the file's
	}
	writeProblem(p.ResponseWriter, p.failed)
}

func (p *patient) Write(data []byte) (int, error) {
	if p.failed != nil {
		return 0, p.failed
	}
	return p.ResponseWriter.Write(data)
}

// contentResponses describes the answers that serveContent gives.
func contentResponses() map[string]*huma.Response {
	bytes := map[string]*huma.MediaType{"application/octet-stream": {
		Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"},
	}}
	return map[string]*huma.Response{
		"200": {Description: "All of it", Content: bytes},
		"206": {Description: "The range that was asked for", Content: bytes},
		"304": {Description: "The client has it already"},
		"412": {Description: "It is another file than the client expected"},
		"416": {Description: "The file has no such range"},
	}
}
