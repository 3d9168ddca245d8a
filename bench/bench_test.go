package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"lukechampine.com/blake3"

	"shoal/internal/testnet"
	"shoal/internal/testnet/relay"
)

// TestMain lets this test's own binary be an end of the bare TLS copy.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == tlsRole {
		os.Exit(tlsMain(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// newBench is a bench with a small sample, without nodes.
func newBench(t *testing.T) *bench {
	t.Helper()
	t.Setenv("GORACE", "atexit_sleep_ms=0") // else each process takes a second to end
	b := &bench{rounds: 1, size: 8<<20 + 1, dir: t.TempDir()}
	if err := b.warmUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWarmUpLeavesOnlyTheSample(t *testing.T) {
	b := newBench(t)
	files, err := filepath.Glob(filepath.Join(b.dir, "*"))
	if err != nil || len(files) != 1 || files[0] != b.sample {
		t.Errorf("there are %q, %v", files, err)
	}
	if err := b.whole(b.sample); err != nil {
		t.Error(err)
	}
}

func TestBareTLSCopy(t *testing.T) {
	b := newBench(t)
	addr, stop, err := b.startTLS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	far, err := relay.Listen(t.Context(), "127.0.0.1:0", addr, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	for _, through := range []string{addr, far.Addr()} {
		if took, err := b.receiveTLS(t.Context(), through); err != nil || took <= 0 {
			t.Errorf("through %s: %v, %v", through, took, err)
		}
	}
	copied := filepath.Join(b.dir, "copied")
	if err := tlsReceive(addr, copied); err != nil {
		t.Fatal(err)
	}
	if hashOf(t, copied) != hashOf(t, b.sample) {
		t.Error("the copy is not the sample")
	}
}

func hashOf(t *testing.T, path string) [32]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return blake3.Sum256(data)
}

func TestMappedIsTheFile(t *testing.T) {
	b := newBench(t)
	data, unmap, err := mapped(b.sample)
	if err != nil {
		t.Fatal(err)
	}
	if blake3.Sum256(data) != hashOf(t, b.sample) {
		t.Error("it is another")
	}
	if err := unmap(); err != nil {
		t.Error(err)
	}
	if took, err := b.copyAndHash(t.Context()); err != nil || took <= 0 {
		t.Errorf("cp and hash: %v, %v", took, err)
	}
}

func TestHashRow(t *testing.T) {
	res, err := hashRow(t.Context(), newBench(t))
	if err != nil || res.Ratio <= 0 || len(res.OurSeconds) != 1 {
		t.Errorf("got %+v, %v", res, err)
	}
}

func TestARowThatFailsIsAResult(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	b := &bench{binary: "/bin/false", rounds: 1, size: 1}
	results, err := b.run(t.Context(), regexp.MustCompile("^(add|cat)$"))
	if err != nil || len(results) != 2 {
		t.Fatalf("got %+v, %v", results, err)
	}
	for _, r := range results {
		if r.verdict() != "FAILED" || !strings.Contains(r.Error, "is not ready") {
			t.Errorf("got %+v", r)
		}
	}
	if _, err := os.Stat(b.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it left %s behind: %v", b.dir, err)
	}
}

func TestUntilFirstByte(t *testing.T) {
	if took, err := untilFirstByte(exec.CommandContext(t.Context(), "printf", "abc"), 3); err != nil || took <= 0 {
		t.Errorf("got %v, %v", took, err)
	}
	for _, command := range [][]string{{"printf", "ab"}, {"true"}, {"false"}} {
		if _, err := untilFirstByte(exec.CommandContext(t.Context(), command[0], command[1:]...), 3); err == nil {
			t.Errorf("%q is no error", command)
		}
	}
}

func TestHostPort(t *testing.T) {
	node := &testnet.Node{Addr: "/ip4/127.0.0.1/tcp/4001/p2p/12D3"}
	if got := hostPort(node); got != "127.0.0.1:4001" {
		t.Errorf("got %s", got)
	}
}

func TestProcessorTimeIn(t *testing.T) {
	const stat = "4242 (a (b) c) S 1 4242 4242 0 -1 4194560 900 0 0 0 123 45 0 0 20 0 9 0 5000 1 2 3"
	got, err := processorTimeIn(stat)
	if err != nil || got != 1680*time.Millisecond {
		t.Errorf("got %v, %v, want 1.68s", got, err)
	}
	if _, err := processorTimeIn("4242 (sh) S 1"); err == nil {
		t.Error("half a line was read")
	}
}
