package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"shoal"
	"shoal/internal/network"
)

// write makes a file of random bytes and returns its path.
func write(t *testing.T, seed byte, size int) (string, []byte) {
	t.Helper()
	data := make([]byte, size)
	if _, err := rand.NewChaCha8([32]byte{seed}).Read(data); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "file.bin")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, data
}

// add adds a file and returns its entry.
func (n *Node) add(t *testing.T, path, name string) shoal.Entry {
	t.Helper()
	var entry shoal.Entry
	err := n.Add(t.Context(), shoal.AddRequest{Items: []shoal.AddItem{{Path: path, Name: name}}}, func(e shoal.Event) {
		if e.Type == shoal.EventDone {
			entry = *e.Entry
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

func (n *Node) link(t *testing.T, ref string) string {
	t.Helper()
	link, err := n.Link(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return link.String()
}

func get(ctx context.Context, n *Node, ref, output string) error {
	return n.Get(ctx, shoal.GetRequest{Items: []shoal.GetItem{{Ref: ref, Output: output}}}, nil)
}

func TestAddAndGetByLink(t *testing.T) {
	a := alone(t, onSockets)
	b := reader(t, a, "b")
	for i, size := range []int{0, 1, 4096, 16 << 10, 300_000, 5 << 20} {
		name := fmt.Sprint(i)
		path, data := write(t, byte(i), size)
		a.add(t, path, name)
		output := filepath.Join(t.TempDir(), "out.bin")
		if err := get(t.Context(), b, a.link(t, name), output); err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		got, err := os.ReadFile(output)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("size %d: got %d bytes, %v", size, len(got), err)
		}
	}
}

// A file in the place of a data folder is an error with a hint.
func TestDataFolderMustBeAFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Data: file}); err == nil || shoal.HintOf(err) == "" {
		t.Errorf("open: %v with hint %q", err, shoal.HintOf(err))
	}
}

// An Open that fails closes what it had opened, so that the folder can be opened again.
func TestFailedOpenLeavesNothingOpen(t *testing.T) {
	virtually(t, func(t *testing.T) {
		cfg := configOf(t, "a")
		home := newLab().home
		cfg.network = home
		first, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		refused := errors.New("no network")
		cfg.network = func(ed25519.PrivateKey) (network.Host, error) { return nil, refused }
		for range 2 { // the second would find the folder in use
			if _, err := Open(t.Context(), cfg); !errors.Is(err, refused) || errors.Is(err, shoal.Exists) {
				t.Errorf("open without a network: %v, want %v", err, refused)
			}
		}
		cfg.network = home
		open(t, cfg)
	})
}
