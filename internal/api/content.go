package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"shoal"
	"shoal/internal/api/wire"
)

// serveContent answers with a file's bytes. Its id is its ETag: the same for
// as long as there are files. When the bytes cannot be had to the end, a
// client that takes trailers (RFC 9110 section 6.5.1) is told why in one; for
// others the answer is cut short of its Content-Length, which they notice.
func serveContent(w http.ResponseWriter, r *http.Request, content shoal.Content) {
	entry := content.Entry()
	if err := contentHeaders(w.Header(), entry); err != nil {
		writeProblem(w, err)
		return
	}
	source := &watched{ReadSeeker: content}
	if !strings.EqualFold(r.Header.Get("TE"), "trailers") {
		http.ServeContent(w, r, "", time.Time{}, source)
		return
	}
	w.Header().Set("Trailer", wire.FailureHeader)
	http.ServeContent(chunked{w}, r, "", time.Time{}, source)
	if source.err != nil {
		w.Header().Set(wire.FailureHeader, wire.FormatFailure(source.err))
	}
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

// watched remembers why reading failed, which http.ServeContent does not tell.
type watched struct {
	io.ReadSeeker
	err error
}

func (s *watched) Read(p []byte) (int, error) {
	n, err := s.ReadSeeker.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// chunked drops the Content-Length, because HTTP/1.1 has trailers only behind
// an answer in chunks (RFC 9112 section 7.1.2).
type chunked struct{ http.ResponseWriter }

func (c chunked) WriteHeader(status int) {
	c.Header().Del("Content-Length")
	c.ResponseWriter.WriteHeader(status)
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
