package doctor_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shoal"
	"shoal/internal/datadir"
	"shoal/internal/doctor"
	"shoal/internal/node"
)

// start runs a node on a data folder until the test ends.
func start(t *testing.T, data string) *node.Node {
	t.Helper()
	n, err := node.Open(t.Context(), node.Config{Data: data, Name: "alone", Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// furnished is the data folder of a lone node with two files, which is down.
func furnished(t *testing.T) string {
	t.Helper()
	data, from := t.TempDir(), t.TempDir()
	n := start(t, data)
	if err := os.Chmod(data, 0o700); err != nil {
		t.Fatal(err)
	}
	var req shoal.AddRequest
	for i, size := range []int{3000, 300_000} {
		name := fmt.Sprintf("file%d", i)
		item := shoal.AddItem{Path: filepath.Join(from, name), Name: name}
		if err := os.WriteFile(item.Path, bytes.Repeat([]byte{byte(i), 7}, size/2), 0o600); err != nil {
			t.Fatal(err)
		}
		req.Items = append(req.Items, item)
	}
	if err := errors.Join(n.Add(t.Context(), req, nil), n.Close()); err != nil {
		t.Fatal(err)
	}
	return data
}

// everything is the bytes of all files below a folder.
func everything(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		found[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// spoilt writes garbage over a page of a database.
func spoilt(t *testing.T, path string, page int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(data[page*4096:][:4096], bytes.Repeat([]byte{0xa5}, 4096))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func removed(t *testing.T, pattern string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRunOnlyLooks damages a folder in many ways. Run must say so, and how it
// is mended, and leave every byte as it is.
func TestRunOnlyLooks(t *testing.T) {
	whole := furnished(t)
	for _, c := range []struct {
		name   string
		damage func(data string)
		want   []string // of what is wrong, a part each
	}{
		{"nothing", func(string) {}, nil},
		{"index", func(data string) { spoilt(t, filepath.Join(data, "store/index.db"), 1) }, []string{"index.db is damaged"}},
		{"index gone", func(data string) { removed(t, filepath.Join(data, "store/index.db")) }, []string{"index.db is gone"}},
		{"records", func(data string) { spoilt(t, filepath.Join(data, "store/records.db"), 2) }, []string{"records.db is damaged"}},
		{"journal", func(data string) { spoilt(t, filepath.Join(data, datadir.Journal), 2) }, []string{"journal.db, is damaged"}},
		{"journal gone", func(data string) { removed(t, filepath.Join(data, datadir.Journal)) }, []string{"journal.db, is gone"}},
		{"identity", func(data string) { removed(t, filepath.Join(data, datadir.Identity)) }, []string{"the node's identity is gone"}},
		{"blob", func(data string) { removed(t, filepath.Join(data, "store/blobs/*/*.data")) }, []string{"the bytes of 1 of the files are gone", "not all is here of 1 of the 2 files"}},
		{"file", func(data string) {
			removed(t, filepath.Join(data, "store/blobs/*/*"))
			removed(t, filepath.Join(data, "store/records.db"))
			removed(t, filepath.Join(data, "store/index.db"))
			n := start(t, data)
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
		}, []string{"not all is here of 2 of the 2 files"}},
	} {
		data := t.TempDir()
		if err := errors.Join(os.CopyFS(data, os.DirFS(whole)), os.Chmod(data, 0o700), os.Chmod(filepath.Join(data, datadir.Identity), 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := doctor.Run(t.Context(), data, doctor.Options{Moved: true}); err != nil {
			t.Fatal(err)
		}
		c.damage(data)
		before := everything(t, data)
		report, err := doctor.Run(t.Context(), data, doctor.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var wrong []string
		for _, f := range report.Findings {
			if !f.OK {
				wrong = append(wrong, f.Text)
				if f.Hint == "" {
					t.Errorf("%s: no hint for %q", c.name, f.Text)
				}
			}
		}
		if text := strings.Join(wrong, "\n"); len(wrong) != len(c.want) || !containsAll(text, c.want) {
			t.Errorf("%s: found %q, want %q", c.name, wrong, c.want)
		}
		after := everything(t, data)
		for path := range before {
			if before[path] != after[path] {
				t.Errorf("%s: %s was changed", c.name, path)
			}
		}
		if len(after) != len(before) {
			t.Errorf("%s: %d files, before %d", c.name, len(after), len(before))
		}
	}
}

func containsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// A node whose key is lost is no other: it does not start with a new one, until it
// is told to be one.
func TestALostIdentityIsNotReplaced(t *testing.T) {
	data := furnished(t)
	removed(t, filepath.Join(data, datadir.Identity))
	n, err := node.Open(t.Context(), node.Config{Data: data, Listen: []string{"127.0.0.1:0"}})
	if err == nil {
		_ = n.Close()
	}
	if !errors.Is(err, shoal.Integrity) || shoal.HintOf(err) == "" {
		t.Errorf("error %v with hint %q, want Integrity with one", err, shoal.HintOf(err))
	}
	if _, err := os.Lstat(filepath.Join(data, datadir.Identity)); err == nil {
		t.Error("another key was made")
	}
	if _, err := doctor.Run(t.Context(), data, doctor.Options{NewIdentity: true}); err != nil {
		t.Fatal(err)
	}
	status, err := start(t, data).Status(t.Context())
	if err != nil || status.Files != 2 {
		t.Errorf("%+v, %v: want the two files that were in the store", status, err)
	}
}
