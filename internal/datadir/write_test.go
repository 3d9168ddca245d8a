package datadir_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"shoal"
	"shoal/internal/datadir"
)

// What was written is read as it was, replaces what was there, and leaves no other
// file behind.
func TestBelongingIsReadAsItWasWritten(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, datadir.Shoal)
	if _, err := datadir.ReadBelonging(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before it is written: %v", err)
	}
	for _, want := range []datadir.Belonging{{Shoal: "founder", Sponsor: "sponsor", Ticket: "ticket", Starts: 12345}, {Shoal: "founder", Starts: 1}} {
		if err := datadir.WriteJSON(path, want); err != nil {
			t.Fatal(err)
		}
		if got, err := datadir.ReadBelonging(path); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) != 1 {
		t.Errorf("%v, %v: want one file", files, err)
	}
	for _, damaged := range []string{"", "{}", `{"shoal":""}`, "\x00\x00"} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := datadir.ReadBelonging(path); !errors.Is(err, shoal.Integrity) || shoal.HintOf(err) == "" {
			t.Errorf("%q: %v with hint %q", damaged, err, shoal.HintOf(err))
		}
	}
}

// Only a folder that is a node's can have lost its key.
func TestCheckIdentity(t *testing.T) {
	for _, c := range []struct {
		there []string
		lost  bool
	}{
		{nil, false},
		{[]string{datadir.Store}, false},
		{[]string{datadir.Shoal}, true},
		{[]string{datadir.Journal}, true},
		{[]string{datadir.Shoal, datadir.Journal, datadir.Identity}, false},
	} {
		folder := t.TempDir()
		for _, name := range c.there {
			if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := datadir.CheckIdentity(folder)
		if errors.Is(err, shoal.Integrity) != c.lost || (shoal.HintOf(err) != "") != c.lost {
			t.Errorf("with %v: %v", c.there, err)
		}
	}
}
