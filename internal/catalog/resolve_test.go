package catalog_test

import (
	"strings"
	"testing"

	"shoal"
)

// alike is a file whose id shares its first eleven digits with all others
// made here.
func alike(name string, last byte) shoal.Entry {
	e := entry(name, int(last))
	e.ID = shoal.FileID{0xab, 0xcd, 0xef, 0x01, 0x23, 0x40 | last}
	return e
}

func TestResolveAmbiguous(t *testing.T) {
	c := open(t)
	for i := range byte(7) {
		put(t, c, alike("file-"+string('a'+rune(i)), i))
	}
	_, err := c.Resolve(t.Context(), "ABCDEF01234")
	if shoal.CodeOf(err) != shoal.Usage {
		t.Fatalf("error %v, want %v", err, shoal.Usage)
	}
	hint := shoal.HintOf(err)
	for _, want := range []string{"abcdef01234000", "abcdef01234400", "(file-a)", "(file-e)", "..."} {
		if !strings.Contains(hint, want) {
			t.Errorf("hint %q does not name %q", hint, want)
		}
	}
	if strings.Contains(hint, "file-f") {
		t.Errorf("hint %q names more than five", hint)
	}
	if got, err := c.Resolve(t.Context(), "abcdef012343"); got != alike("file-d", 3) || err != nil {
		t.Errorf("one digit more gives %v, %v", got, err)
	}
}

// What looks like an id and is a name: a full id that is here comes first, then
// the name, then the digits an id begins with.
func TestResolveNameLikeAnID(t *testing.T) {
	c := open(t)
	full, start := alike("", 1).ID.String(), "abcdef0123"
	put(t, c, alike("file", 1), entry(start, 2), entry(full, 3), entry(full[:40], 4))
	for ref, want := range map[string]shoal.Entry{
		full:      alike("file", 1),
		start:     entry(start, 2),
		full[:40]: entry(full[:40], 4),
		full[:12]: alike("file", 1),
	} {
		if got, err := c.Resolve(t.Context(), ref); got != want || err != nil {
			t.Errorf("Resolve(%q) gives %v, %v; want %v", ref, got, err, want)
		}
	}
	if err := c.Drop(t.Context(), alike("file", 1)); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Resolve(t.Context(), full); got != entry(full, 3) || err != nil {
		t.Errorf("with the file gone %q means %v, %v; want the name", full, got, err)
	}
}

// Two names of one file are one file: its prefix is not ambiguous.
func TestResolvePrefixOfOneFile(t *testing.T) {
	c := open(t)
	put(t, c, alike("old", 1), alike("new", 1))
	if got, err := c.Resolve(t.Context(), "abcdef01"); got != alike("new", 1) || err != nil {
		t.Errorf("got %v, %v; want the entry put last", got, err)
	}
}

func TestResolveUnknown(t *testing.T) {
	c := open(t)
	put(t, c, entry("isos/movie.iso", 1), entry("a/twice", 2), entry("b/twice", 3))
	for ref, want := range map[string]struct {
		code shoal.Code
		hint string
	}{
		"movie.iso":               {shoal.NotFound, `did you mean "isos/movie.iso"?`},
		"twice":                   {shoal.NotFound, "`shoal ls`"},
		"abc123":                  {shoal.NotFound, "at least 8 digits"},
		strings.Repeat("ab", 32):  {shoal.NotFound, "`shoal ls`"},
		"":                        {shoal.Usage, "`shoal ls`"},
		"isos/":                   {shoal.Usage, "`shoal ls isos/`"},
		"../movie.iso":            {shoal.Usage, "`shoal ls`"},
		strings.Repeat("a/", 9e3): {shoal.Usage, "`shoal ls`"},
	} {
		_, err := c.Resolve(t.Context(), ref)
		if shoal.CodeOf(err) != want.code || !strings.Contains(shoal.HintOf(err), want.hint) {
			t.Errorf("Resolve(%.20q): error %.200v, hint %q; want %v, %q", ref, err, shoal.HintOf(err), want.code, want.hint)
		}
	}
}
