package shoal_test

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"shoal"
)

// names draws any name that an entry may have.
func names() *rapid.Generator[string] {
	element := rapid.OneOf(rapid.StringMatching(`[a-z0-9 ._+&=%#?~-]{1,12}`), rapid.StringN(1, 8, -1))
	path := rapid.Map(rapid.SliceOfN(element, 1, 4), func(elements []string) string { return strings.Join(elements, "/") })
	return path.Filter(func(name string) bool { return shoal.CheckName(name) == nil })
}

func TestCheckNameAllows(t *testing.T) {
	for _, name := range []string{
		"a", "a.b", ".hidden", "..a", "a..", "...", "a b", " a", "a/b/c", "isos/debian 13.iso", "日本語/ファイル", "cafe\u0301", "a:b", "a?b*c", "%2e%2e",
		"zero\u200dwidth\u200djoined", "C:", "-rf", "~", strings.Repeat("a", shoal.MaxNameLength), strings.Repeat("ü", shoal.MaxNameLength/2),
	} {
		if err := shoal.CheckName(name); err != nil {
			t.Errorf("%.40q is refused: %v", name, err)
		}
	}
}

func TestCheckNameRefuses(t *testing.T) {
	for _, name := range []string{
		"", ".", "..", "/", "/a", "a/", "a//b", "./a", "a/.", "a/./b", "../a", "a/..", "a/../b", `a\b`, `..\a`, `C:\a`,
		"a\x00b", "a\nb", "a\tb", "\x1b[31mred", "a\x7f", "a\u0085b", "\xff", "a/\xc3\x28", "a\xed\xa0\x80",
		"photo\u202egpj.exe", "a\u2066b", "a\u200eb", "a\u061cb", "a\u200bb", "\ufeffa",
		strings.Repeat("a", shoal.MaxNameLength+1), strings.Repeat("a/", shoal.MaxNameLength/2) + "a",
	} {
		if err := shoal.CheckName(name); err == nil || shoal.CodeOf(err) != shoal.Usage {
			t.Errorf("%.40q: error %v, want %v", name, err, shoal.Usage)
		}
	}
}

// FuzzCheckName: a name that is allowed stays below the folder it is put in, is
// one line, and shows as it is; what is refused is refused as Usage.
func FuzzCheckName(f *testing.F) {
	for _, name := range []string{"a", "a/b", "../a", "a\\b", "a\u202eb", "a\u200db", "\xff", "", ".", strings.Repeat("a/", 600) + "a"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if err := shoal.CheckName(name); err != nil {
			if shoal.CodeOf(err) != shoal.Usage {
				t.Fatalf("%q: error %v, want %v", name, err, shoal.Usage)
			}
			return
		}
		inside := filepath.Join("/data", name)
		if !filepath.IsLocal(name) || inside != "/data/"+name {
			t.Fatalf("%q leads to %q", name, inside)
		}
		if !utf8.ValidString(name) || len(name) > shoal.MaxNameLength {
			t.Fatalf("%q is too long or no UTF-8", name)
		}
		for _, r := range name {
			if r < ' ' || r == 0x7f || r == '\\' || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q has %U", name, r)
			}
		}
	})
}
