package testnet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatAGetSays(t *testing.T) {
	const result, summary = `{"type":"result","path":"p"}`, `{"type":"summary"}`
	for _, test := range []struct{ name, said, want string }{
		{"all", result + "\n" + summary, ""},
		{"an unknown line", `{"type":"later"}` + result + summary, ""},
		{"an error", `{"type":"error","text":"nobody has it"}` + summary, "nobody has it"},
		{"no result", summary, "there are 0 results"},
		{"two results", result + result + summary, "there are 2 results"},
		{"an event that is none", `{"type":"progress","done":"x"}`, "done"},
		{"no JSON", "shoal", "invalid character"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := readGet(strings.NewReader(test.said), nil)
			switch {
			case test.want == "" && (err != nil || got.Path != "p"):
				t.Errorf("got %+v, %v", got, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := readGet(strings.NewReader(result), nil); !errors.Is(err, io.EOF) {
		t.Errorf("without its summary: %v", err)
	}
}

func TestStatusSize(t *testing.T) {
	const text = "Name:\tshoal\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n"
	if got, err := statusSize(text, "VmRSS"); got != 1<<20 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	for _, field := range []string{"Name", "VmSwap"} {
		if got, err := statusSize(text, field); err == nil {
			t.Errorf("%s is %d", field, got)
		}
	}
}

func TestSamples(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sample")
	var last []byte
	for _, size := range []int64{0, 1, sampleBuffer + 1, sampleBuffer + 1} {
		if err := WriteSample(t.Context(), path, size); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil || int64(len(data)) != size {
			t.Fatalf("%d bytes, not %d: %v", len(data), size, err)
		}
		if size > 0 && bytes.Equal(data, last) {
			t.Error("two samples are the same")
		}
		last = data
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := WriteSample(ctx, path, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
