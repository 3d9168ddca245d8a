package merge_test

import (
	"strings"
	"testing"
	"time"

	"shoal"
	"shoal/internal/catalog/merge"
	"shoal/internal/record"
)

// conflicting returns a dot and the mark that it puts on a name.
func conflicting() (at merge.Dot, mark string) {
	at = dot(record.StampAt(time.Date(2026, 11, 21, 1, 31, 40, 0, time.UTC))+7, 1)
	return at, " (conflict 2026-11-21 013140-0007 from " + nodeOf(1).Short() + ")"
}

func TestConflictName(t *testing.T) {
	_, mark := conflicting()
	wantShown(t, map[string]string{
		"a/report.pdf":             "a/report" + mark + ".pdf",
		".profile":                 ".profile" + mark,
		"Makefile":                 "Makefile" + mark,
		"a.b/c":                    "a.b/c" + mark,
		"1. Of the fish":           "1. Of the fish" + mark,
		"long.fifteen-letters":     "long" + mark + ".fifteen-letters", // with its dot, 16 bytes
		"long.sixteen--letters":    "long.sixteen--letters" + mark,
		"archive.of.tar.gz/a.b/.c": "archive.of.tar.gz/a.b/.c" + mark,
	})
}

// The name with its mark is a name, so a long one is cut: as little of it as
// can be, before its extension, and between characters.
func TestConflictNameIsCut(t *testing.T) {
	_, mark := conflicting()
	room := shoal.MaxNameLength - len(mark)
	wantShown(t, map[string]string{
		strings.Repeat("a", room):                     strings.Repeat("a", room) + mark,
		strings.Repeat("a", room+1):                   strings.Repeat("a", room) + mark,
		strings.Repeat("a", room) + ".pdf":            strings.Repeat("a", room-4) + mark + ".pdf",
		strings.Repeat("ü", room/2+1):                 strings.Repeat("ü", room/2) + mark,
		"a" + strings.Repeat("ü", room/2+1):           "a" + strings.Repeat("ü", (room-1)/2) + mark,
		"aa" + strings.Repeat("\U0001F41F", room/4+1): "aa" + strings.Repeat("\U0001F41F", (room-2)/4) + mark,
	})
}

// A folder that leaves no room for a character of the name is left out.
func TestConflictNameLeavesItsFolder(t *testing.T) {
	_, mark := conflicting()
	room := shoal.MaxNameLength - len(mark)
	folder := func(n int) string { return strings.Repeat("f", n-1) + "/" }
	wantShown(t, map[string]string{
		folder(room-2) + "bb":  folder(room-2) + "bb" + mark,
		folder(room-1) + "bb":  folder(room-1) + "b" + mark,
		folder(room) + "bb":    "bb" + mark,
		folder(room+1) + "b.c": "b" + mark + ".c",
		strings.Repeat("a/", shoal.MaxNameLength/2-1) + "aa": "aa" + mark,
	})
}

// wantShown checks under which name a conflicting version of each name is shown,
// and that it is one.
func wantShown(t *testing.T, shown map[string]string) {
	t.Helper()
	at, _ := conflicting()
	for name, want := range shown {
		if err := shoal.CheckName(name); err != nil {
			t.Fatal(err)
		}
		got := merge.ConflictName(name, at)
		if got != want {
			t.Errorf("%q is shown as %q, want %q", name, got, want)
		}
		if err := shoal.CheckName(got); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}
