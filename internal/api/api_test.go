package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"shoal"
	"shoal/internal/api"
	"shoal/internal/api/apitest"
	"shoal/internal/api/wire"
)

// ask sends one request to the API of a node.
func ask(node shoal.Node, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	api.New(node, api.WithVersion("1.2.3")).ServeHTTP(w, r)
	return w
}

func TestContent(t *testing.T) {
	fake := apitest.New()
	entry := fake.Put("pages/héllo.html", []byte("0123456789"))
	etag := `"` + entry.ID.String() + `"`
	target := "/api/v1/files/" + url.PathEscape(entry.Name) + "/content"
	for name, c := range map[string]struct {
		method string
		header []string
		status int
		body   string
		length string
	}{
		"all of it":        {"GET", nil, 200, "0123456789", "10"},
		"head":             {"HEAD", nil, 200, "", "10"},
		"a range":          {"GET", []string{"Range", "bytes=2-4"}, 206, "234", "3"},
		"the end":          {"GET", []string{"Range", "bytes=-3"}, 206, "789", "3"},
		"beyond the end":   {"GET", []string{"Range", "bytes=10-"}, 416, "invalid range: failed to overlap\n", ""},
		"had already":      {"GET", []string{"If-None-Match", etag}, 304, "", ""},
		"range, unchanged": {"GET", []string{"Range", "bytes=0-0", "If-Range", etag}, 206, "0", "1"},
		"range, changed":   {"GET", []string{"Range", "bytes=0-0", "If-Range", `"other"`}, 200, "0123456789", "10"},
		"of another file":  {"GET", []string{"If-Match", `"other"`}, 412, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := ask(fake, c.method, target, "", c.header...)
			if w.Code != c.status || w.Body.String() != c.body {
				t.Errorf("status %d, body %q; want %d, %q", w.Code, w.Body, c.status, c.body)
			}
			if got := w.Header().Get("Content-Length"); got != c.length && c.status < 300 {
				t.Errorf("Content-Length %q, want %q", got, c.length)
			}
			if got := w.Header().Get("ETag"); got != etag && c.status < 400 {
				t.Errorf("ETag %q, want the id", got)
			}
		})
	}
	h := ask(fake, "GET", target, "").Header()
	for key, want := range map[string]string{
		"Content-Type":            "text/html; charset=utf-8",
		"Content-Disposition":     "inline; filename*=utf-8''h%C3%A9llo.html",
		"X-Content-Type-Options":  "nosniff",
		"Content-Security-Policy": "sandbox",
	} {
		if got := h.Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

// An answer that breaks off must not look whole, and asking again from there
// on tells why.
func TestContentThatBreaksOff(t *testing.T) {
	fake := apitest.New()
	entry := fake.Put("f", make([]byte, 100*apitest.ChunkSize))
	fake.Rot(entry.ID, 60)
	server := httptest.NewServer(api.New(fake))
	defer server.Close()
	target := server.URL + "/api/v1/files/f/content"

	resp, err := http.Get(target)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); n != 60*apitest.ChunkSize || err == nil {
		t.Errorf("%d bytes, %v; want the 60 good chunks and an error", n, err)
	}

	w := ask(fake, "GET", "/api/v1/files/f/content", "", "Range", "bytes=61440-")
	var p wire.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	if w.Code != shoal.Integrity.HTTPStatus() || p.Code != "integrity" || w.Header().Get("Content-Range") != "" {
		t.Errorf("status %d, %+v, headers %v", w.Code, p, w.Header())
	}
	if got := w.Header().Get("Content-Type"); got != wire.MediaProblem {
		t.Errorf("Content-Type %q", got)
	}
}

func TestProblems(t *testing.T) {
	fake := apitest.New()
	fake.Put("f", nil)
	many := `{"items":[` + strings.Repeat(`{"path":"/x","name":"x"},`, shoal.MaxItems) + `{"path":"/x","name":"x"}]}`
	for name, c := range map[string]struct {
		method, target, body string
		status               int
		code                 string
		text                 string
	}{
		"no such file":       {"GET", "/api/v1/files/nope", "", 404, "not_found", `no file "nope": not found`},
		"no such content":    {"GET", "/api/v1/files/nope/content", "", 404, "not_found", `no file "nope": not found`},
		"no such resource":   {"GET", "/api/v2", "", 404, "not_found", "there is no GET /api/v2"},
		"no such method":     {"PUT", "/api/v1/files/f", "{}", 404, "not_found", "there is no PUT /api/v1/files/f"},
		"bad link":           {"GET", "/api/v1/files/shoal:x", "", 400, "usage", "link: a file id has 64 hex digits, this has 1: malformed request"},
		"ref too long":       {"GET", "/api/v1/files/" + strings.Repeat("x", shoal.MaxLinkLength+1), "", 422, "usage", "validation failed"},
		"limit is no number": {"GET", "/api/v1/files?limit=x", "", 422, "usage", "validation failed"},
		"limit too large":    {"GET", "/api/v1/files?limit=10001", "", 422, "usage", "validation failed"},
		"body is no JSON":    {"POST", "/api/v1/files", "{", 400, "usage", "validation failed"},
		"body is empty":      {"POST", "/api/v1/downloads", "", 400, "usage", "request body is required"},
		"unknown member":     {"POST", "/api/v1/files", `{"items":[{"path":"/x","name":"x"}],"chunksize":5}`, 422, "usage", "validation failed"},
		"no items":           {"POST", "/api/v1/downloads", `{"items":[]}`, 400, "usage", "a request names from 1 to 4096 files, this names 0: malformed request"},
		"too many items":     {"POST", "/api/v1/files", many, 400, "usage", "a request names from 1 to 4096 files, this names 4097: malformed request"},
	} {
		t.Run(name, func(t *testing.T) {
			w := ask(fake, c.method, c.target, c.body)
			var p wire.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatalf("%v: %s", err, w.Body)
			}
			if got := w.Header().Get("Content-Type"); got != wire.MediaProblem {
				t.Errorf("Content-Type %q", got)
			}
			if w.Code != c.status || p.Status != c.status || p.Code != c.code || p.Detail != c.text || p.Title == "" || p.Type != "about:blank" {
				t.Errorf("status %d: %+v", w.Code, p)
			}
		})
	}
}

// The status of an answer follows from the code.
func TestStatusOfCodes(t *testing.T) {
	fake := apitest.New()
	for _, code := range shoal.Codes() {
		fake.Break(shoal.WithHint(code, "mend it"))
		for _, target := range []string{"GET /api/v1/status", "POST /api/v1/verify"} {
			method, path, _ := strings.Cut(target, " ")
			w := ask(fake, method, path, "")
			var p wire.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
			if w.Code != code.HTTPStatus() || p.Code != code.Word() || p.Hint != "mend it" {
				t.Errorf("%v: status %d, %+v", code, w.Code, p)
			}
		}
	}
}

// A body one byte longer than the bound is refused without being kept.
func TestBodyTooLarge(t *testing.T) {
	r := httptest.NewRequest("POST", "/api/v1/files", io.LimitReader(spaces{}, wire.MaxRequest+1))
	w := httptest.NewRecorder()
	api.New(apitest.New()).ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge || !bytes.Contains(w.Body.Bytes(), []byte(`"code":"usage"`)) {
		t.Errorf("status %d, %s", w.Code, w.Body)
	}
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
