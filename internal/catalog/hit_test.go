package catalog_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"shoal"
	"shoal/internal/catalog"
)

// What peers tell is used only if it was asked for: a name elsewhere would be
// written there, and another id would be another file.
func TestOnlyWhatWasAskedForCounts(t *testing.T) {
	id := shoal.FileID{0x01, 0x23, 0x45, 0x67, 0x89}
	for _, test := range []struct {
		ref, name string
		want      bool
	}{
		{"photos/", "photos/a.jpg", true},
		{"photos/", ".ssh/authorized_keys", false},
		{"photos/", "photos", false},
		{"report.pdf", "report.pdf", true},
		{"report.pdf", "work/report.pdf", true},
		{"report.pdf", ".bashrc", false},
		{"a/b", "c/a/b", false},
		{"0123456789", "any", true},
		{"0123456789AB", "0123456789AB", false},
		{strings.Repeat("f", 64), "any", false},
		{id.String(), "any", true},
	} {
		if got := catalog.Answers(test.ref, shoal.Entry{ID: id, Name: test.name}); got != test.want {
			t.Errorf("%q for %q counts: %v, want %v", test.name, test.ref, got, test.want)
		}
	}
}

// Of several files of one name the latest is meant; of several behind the prefix of
// an id, none.
func TestChoose(t *testing.T) {
	at := func(name string, file byte, hour int, peer string) catalog.Hit {
		e := shoal.Entry{ID: shoal.FileID{0xab, file}, Name: name, Size: int64(file), Added: time.Unix(int64(hour)*3600, 0)}
		return catalog.Hit{Peer: shoal.NodeID(peer), Entry: e}
	}
	for _, c := range []struct {
		name    string
		ref     string
		hits    []catalog.Hit
		file    byte
		sources []shoal.NodeID
		err     error
	}{
		{"one", "a", []catalog.Hit{at("a", 1, 1, "x")}, 1, []shoal.NodeID{"x"}, nil},
		{"the latest", "a", []catalog.Hit{at("a", 1, 2, "x"), at("a", 2, 3, "y"), at("a", 1, 2, "z"), at("a", 2, 3, "w")}, 2, []shoal.NodeID{"y", "w"}, nil},
		{"as late", "a", []catalog.Hit{at("a", 2, 1, "x"), at("a", 3, 1, "y")}, 3, []shoal.NodeID{"y"}, nil},
		{"one file by prefix", "ab01000000", []catalog.Hit{at("a", 1, 1, "x"), at("b", 1, 2, "y")}, 1, []shoal.NodeID{"x", "y"}, nil},
		{"two files by prefix", "ab", []catalog.Hit{at("a", 1, 1, "x"), at("b", 2, 2, "y")}, 0, nil, shoal.Usage},
	} {
		got, err := catalog.Choose(c.ref, c.hits)
		if !errors.Is(err, c.err) || err == nil && (got.Entry.ID[1] != c.file || !slices.Equal(got.Sources, c.sources)) {
			t.Errorf("%s: %+v, %v, want file %d of %v", c.name, got, err, c.file, c.sources)
		}
		if err != nil && shoal.HintOf(err) == "" {
			t.Errorf("%s: no hint", c.name)
		}
	}
}

// The name and the size of a file that is known by its id alone come from a peer
// that has it.
func TestFoundTakesWhatIsNotKnown(t *testing.T) {
	id := shoal.FileID{1}
	other := catalog.Hit{Peer: "x", Entry: shoal.Entry{ID: shoal.FileID{2}, Name: "other", Size: 2}}
	own := catalog.Hit{Peer: "y", Entry: shoal.Entry{ID: id, Name: "own", Size: 1}}
	got := catalog.Found{Entry: shoal.Entry{ID: id, Size: -1}}.With([]catalog.Hit{other, own})
	if got.Entry != own.Entry || !slices.Equal(got.Sources, []shoal.NodeID{"y"}) {
		t.Errorf("got %+v", got)
	}
	if got := (catalog.Found{Entry: shoal.Entry{ID: id, Size: -1}}).With(nil); got.Entry.Size != -1 || len(got.Sources) > 0 {
		t.Errorf("of no hits: %+v", got)
	}
}
