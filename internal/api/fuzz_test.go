package api_test

import (
	"strings"
	"testing"

	"shoal"
	"shoal/internal/api/apitest"
	"shoal/internal/api/wire"
)

// Whatever is posted, the answer is a stream or a problem.
func FuzzAddBody(f *testing.F) {
	f.Add(`{"items":[{"path":"/nowhere/x","name":"x"}],"chunk_size":1024,"link":true}`)
	f.Add(`{"items":null}`)
	f.Add(`[`)
	f.Fuzz(func(t *testing.T, body string) { post(t, "/api/v1/files", body) })
}

// Whatever is posted, the answer is a stream or a problem.
func FuzzGetBody(f *testing.F) {
	f.Add(`{"items":[{"ref":"nope","output":"/nowhere/"}],"force":true}`)
	f.Add(`{"items":[{"ref":"shoal:1"}]}`)
	f.Fuzz(func(t *testing.T, body string) { post(t, "/api/v1/downloads", body) })
}

// Whatever a ref is, info answers with the file or a problem.
func FuzzRef(f *testing.F) {
	f.Add("f")
	f.Add("%2E%2e%2F")
	f.Add("shoal:" + strings.Repeat("a", 64) + "?name=x")
	f.Fuzz(func(t *testing.T, escaped string) {
		if strings.ContainsFunc(escaped, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return // httptest takes no such target
		}
		if !validEscapes(escaped) {
			return
		}
		w := ask(apitest.New(), "GET", "/api/v1/files/x"+escaped, "")
		if kind := w.Header().Get("Content-Type"); w.Code >= 400 && kind != wire.MediaProblem {
			t.Errorf("status %d with %q", w.Code, kind)
		}
	})
}

// validEscapes reports whether every percent sign starts an escape.
func validEscapes(s string) bool {
	for i := range len(s) {
		if s[i] == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])) {
			return false
		}
	}
	return true
}

func isHex(b byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", b) >= 0 }

// post sends a body to a node that does nothing, whatever path it is given.
func post(t *testing.T, target, body string) {
	fake := apitest.New()
	fake.Break(shoal.NoSpace)
	w := ask(fake, "POST", target, body)
	switch kind := w.Header().Get("Content-Type"); kind {
	case wire.MediaLines, wire.MediaProblem:
	default:
		t.Errorf("status %d with %q: %s", w.Code, kind, w.Body)
	}
}
