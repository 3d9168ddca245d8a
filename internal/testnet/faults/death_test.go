package faults

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"shoal"
	"shoal/internal/testnet"
)

// TestAcknowledgedFilesOutliveAPowerCut: all nodes are killed at once while
// each adds; what add said is safe is there when they are back.
func TestAcknowledgedFilesOutliveAPowerCut(t *testing.T) {
	t.Parallel()
	s := found(t, 3)
	const enough = 8 // acknowledged at each node, before the cut
	var adders, progress sync.WaitGroup
	acknowledged := make([]map[string]string, len(s.nodes)) // id to path
	for i, node := range s.nodes {
		acknowledged[i] = make(map[string]string)
		dir := t.TempDir()
		progress.Add(1)
		adders.Go(func() {
			told := sync.OnceFunc(progress.Done)
			defer told()
			for n := 0; ; n++ {
				path := filepath.Join(dir, fmt.Sprintf("%s-%d", node.Name, n))
				if testnet.WriteSample(t.Context(), path, int64(1<<10<<(n%10))) != nil {
					return
				}
				id, err := node.Run(t.Context(), "add", "-q", "--wait", "safe", path)
				if err != nil {
					return // it was killed
				}
				acknowledged[i][string(bytes.TrimSpace(id))] = path
				if n == enough {
					told()
				}
			}
		})
	}
	progress.Wait()
	for _, node := range s.nodes {
		s.check(node.Kill())
	}
	adders.Wait()
	s.again(s.nodes)
	for i, files := range acknowledged {
		if len(files) < enough {
			t.Errorf("%s acknowledged %d files only", s.nodes[i].Name, len(files))
		}
		for id, path := range files {
			s.sees(s.nodes[(i+1)%len(s.nodes)], id, path)
		}
	}
}

// TestSecondDeathDuringRepair: of three copies two may be lost before the first
// is made again.
func TestSecondDeathDuringRepair(t *testing.T) {
	t.Parallel()
	s := found(t, 5, "--repair-delay", "0s")
	path := s.sample("sample", 4*sampleSize)
	id := s.add(s.nodes[0], path, "--copies", "3", "--wait", "safe")
	s.awaitSafe(s.nodes...)
	s.check(s.nodes[4].Kill())
	s.until("a sees that a copy is gone", func() bool { return s.status(s.nodes[0]).Safety.State != "safe" })
	s.check(s.nodes[3].Kill())
	s.nodes = s.nodes[:3]
	s.until("a sees the second death", func() bool { return s.status(s.nodes[0]).Safety.State != "safe" })
	s.awaitSafe(s.nodes...)
	for _, node := range s.nodes {
		s.sees(node, id, path)
	}
}

// notAuthorised is the exit status of one that the other side knows, and refuses.
const notAuthorised = 7

// TestRevokeEndsADownload: it ends at most 10 s after the revoke, and says why.
func TestRevokeEndsADownload(t *testing.T) {
	t.Parallel()
	s := found(t, 2, "--upload-limit", "1MB")
	thief, err := s.net.Join(t.Context(), s.nodes[0], "reader", "thief")
	s.check(err)
	s.awaitAll(s.nodes[0], thief)
	path := s.sample("sample", 4*sampleSize) // a minute, or half of one, at that limit
	id := s.add(s.nodes[0], path, "--wait", "local")
	var begun sync.Once
	var revoked time.Time
	_, err = thief.Get(t.Context(), id, filepath.Join(t.TempDir(), "out"), func(e shoal.Event) {
		if e.Done > 0 {
			begun.Do(func() {
				_, err := s.nodes[0].Run(t.Context(), "nodes", "revoke", "thief")
				s.check(err)
				revoked = time.Now()
			})
		}
	})
	switch {
	case revoked.IsZero():
		t.Fatalf("the download never began: %v", err)
	case err == nil:
		t.Fatal("the revoked node got the file")
	case time.Since(revoked) > 10*time.Second:
		t.Fatalf("it ended after %v: %v", time.Since(revoked), err)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != notAuthorised {
		t.Fatalf("it ended with %v, want exit status %d", err, notAuthorised)
	}
	t.Logf("it ended after %v: %v", time.Since(revoked), err)
}

// TestBothSidesOfAPartitionAreKept: two halves that never meet each add a file
// of their own, and both another of the same name; then they meet.
func TestBothSidesOfAPartitionAreKept(t *testing.T) {
	t.Parallel()
	s := found(t, 4)
	files := make(map[string]string)
	stop := func(nodes []*testnet.Node) {
		for _, node := range nodes {
			s.check(node.Stop())
		}
	}
	addBoth := func(node *testnet.Node) {
		for _, path := range []string{s.sample("only-"+node.Name, 1<<20), s.sample("same", 1<<20)} {
			files[s.add(node, path, "--wait", "local")] = path
		}
	}
	left, right := s.nodes[:2], s.nodes[2:]
	stop(right)
	addBoth(left[0])
	stop(left)
	s.again(right)
	addBoth(right[0])
	s.again(left)
	s.awaitAll(s.nodes...)
	s.awaitSafe(s.nodes...)
	for _, node := range s.nodes {
		for id, path := range files {
			s.sees(node, id, path)
		}
		out, err := node.Run(t.Context(), "ls", "--json")
		s.check(err)
		if got := strings.Count(string(out), "(conflict "); got == 0 {
			t.Errorf("%s marks no conflict: %s", node.Name, out)
		}
	}
}
