package wire_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shoal/internal/api/wire"
)

// Whatever a node sends, the reader ends, and within its bounds.
func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"seq":1,"event":"progress","item":0,"done":5,"total":9}` + "\n" + `{"event":"summary"}` + "\n"))
	f.Add([]byte(`{"seq":1,"event":"failed","error":{"code":"not_found","text":"no such file","hint":"look"}}` + "\n"))
	f.Add([]byte(`{"event":"rotten","rot":{"file":"` + id + `","chunk":3,"place":{"kind":"store"}}}` + "\n"))
	f.Add([]byte(`{"event":"summary","report":{"files":1}}`))
	f.Add([]byte("\n\n{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := wire.NewReader(bytes.NewReader(data))
		for lines := 0; ; lines++ {
			line, err := r.Next()
			if err != nil {
				return
			}
			if lines > len(data) {
				t.Fatal("more lines than bytes")
			}
			if line.Type != wire.Summary && (line.Failure == nil) != (line.Err == nil) {
				t.Fatalf("failure %v became %v", line.Failure, line.Err)
			}
		}
	})
}

// What is parsed is written so that it parses to the same again.
func FuzzParseEntry(f *testing.F) {
	f.Add(`{"id":"` + id + `","name":"caf\u00e9/a.txt","size":5,"chunk_size":262144,"added":"2026-11-20T00:00:00Z"}`)
	f.Add(`{"id":"","size":-1}`)
	f.Fuzz(func(t *testing.T, text string) {
		entry, err := wire.ParseEntry(text)
		if err != nil {
			return
		}
		again, err := wire.FormatEntry(entry)
		if err != nil {
			t.Fatal(err)
		}
		if len(again) > wire.MaxEntryHeader {
			return // escapes made it longer than is read
		}
		back, err := wire.ParseEntry(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(entry, back); diff != "" {
			t.Error(diff)
		}
	})
}

// Any problem is an error.
func FuzzProblem(f *testing.F) {
	f.Add(`{"status":502,"code":"integrity","detail":"chunk 3 is rotten","hint":"verify it"}`)
	f.Add(`{"errors":["a","b"],"code":"usage"}`)
	f.Add(`{}`)
	f.Fuzz(func(t *testing.T, text string) {
		var p wire.Problem
		if json.Unmarshal([]byte(text), &p) != nil {
			return
		}
		if err := p.Err(); err == nil || err.Error() == "" {
			t.Errorf("%q became %v", text, err)
		}
	})
}

const id = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
