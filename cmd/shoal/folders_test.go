package main

import (
	"archive/tar"
	"compress/gzip"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// older returns the command that unpacks the data folders of a fixture, made by
// scripts/folders, and makes up for their move to this machine:
//   - The ports of their nodes may be in use here, so each gets a free one instead.
//   - A linked file is known by its path, inode and time, which differ here.
//
// All else is as the older shoal left it.
func older(fixtures string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 1 {
			ts.Fatalf("usage: older FIXTURE")
		}
		file, err := os.Open(filepath.Join(fixtures, args[0]))
		ts.Check(err)
		defer func() { _ = file.Close() }()
		unpacked, err := gzip.NewReader(file)
		ts.Check(err)
		ts.Check(untar(unpacked, ts.MkAbs(".")))
		known, err := filepath.Glob(ts.MkAbs("*/addresses.json"))
		ts.Check(err)
		ts.Check(freePorts(known))
		ts.Check(relink(ts.MkAbs("nas/store/records.db"), ts.MkAbs("files/linked")))
	}
}

// untar unpacks files and folders, with their modes, below dir.
func untar(from io.Reader, dir string) error {
	for archive := tar.NewReader(from); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.FromSlash(header.Name))
		if header.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(path, header.FileInfo().Mode()); err != nil {
				return err
			}
			continue
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, data, header.FileInfo().Mode()); err != nil {
			return err
		}
	}
}

// freePorts replaces the port of each node by a free one, in the node's own file of
// addresses and in those of the others. Every node has one address, 127.0.0.1:0.
func freePorts(paths []string) error {
	var pairs []string
	var texts []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var addresses struct {
			Ports map[string]int `json:"ports"`
		}
		if err := json.Unmarshal(text, &addresses); err != nil {
			return err
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer func() { _ = listener.Close() }() // only when all have theirs, so that they differ
		_, free, err := net.SplitHostPort(listener.Addr().String())
		if err != nil {
			return err
		}
		pairs = append(pairs, strconv.Itoa(addresses.Ports["127.0.0.1:0"]), free)
		texts = append(texts, string(text))
	}
	replacer := strings.NewReplacer(pairs...)
	for i, path := range paths {
		if err := os.WriteFile(path, []byte(replacer.Replace(texts[i])), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// relink records, in a store's records, that its one linked file lies at path.
func relink(records, path string) (err error) {
	var now unix.Stat_t
	if err := unix.Stat(path, &now); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", records)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	changed, err := db.Exec("UPDATE links SET path = ?, device = ?, inode = ?, mtime = ?", path, now.Dev, now.Ino, now.Mtim.Nano())
	if err != nil {
		return err
	}
	if n, err := changed.RowsAffected(); n != 1 || err != nil {
		return errors.Join(errors.New("the fixture has not one linked file but "+strconv.FormatInt(n, 10)), err)
	}
	return nil
}

// TestEveryFixtureHasAStory fails when a fixture is added that no story opens.
func TestEveryFixtureHasAStory(t *testing.T) {
	fixtures, err := filepath.Glob("testdata/folders-*.tar.gz")
	if err != nil || len(fixtures) == 0 {
		t.Fatalf("found %d fixtures: %v", len(fixtures), err)
	}
	stories, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, story := range stories {
		text, err := os.ReadFile(story)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for _, fixture := range fixtures {
		if !strings.Contains(all.String(), "\nolder "+filepath.Base(fixture)+"\n") {
			t.Errorf("no story opens %s", fixture)
		}
	}
}
