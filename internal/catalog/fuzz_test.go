package catalog_test

import (
	"strings"
	"testing"

	"shoal"
)

// FuzzRef asks for any text at all: what comes from the command line or from a
// peer gets an entry that fits it, or one of two errors, each with a hint.
func FuzzRef(f *testing.F) {
	for _, ref := range []string{"a", "folder-00000/", "file-01.bin", fileID(1).String(), fileID(1).String()[:9], "0000000", "a%_'\"", "\xff\x00", "../.."} {
		f.Add(ref)
	}
	c := open(f)
	put(f, c, entry("a", 1), entry("ä/b%c_d", 2), entry(fileID(1).String()[:9], 3), entry("folder-00000/file-01.bin", 4))
	f.Fuzz(func(t *testing.T, ref string) {
		got, err := c.Resolve(t.Context(), ref)
		switch code := shoal.Code(0); {
		case err == nil:
			if got.Name != ref && !strings.HasPrefix(got.ID.String(), strings.ToLower(ref)) {
				t.Errorf("%q gives %v", ref, got)
			}
		default:
			code = shoal.CodeOf(err)
			if code != shoal.NotFound && code != shoal.Usage || shoal.HintOf(err) == "" {
				t.Errorf("%q gives %v with hint %q", ref, err, shoal.HintOf(err))
			}
		}
		matched, err := c.Match(t.Context(), ref, ref, 2)
		if err != nil {
			t.Errorf("match %q: %v", ref, err)
		}
		for _, e := range matched {
			if e.Name != ref && !strings.HasSuffix(e.Name, "/"+ref) && !(strings.HasSuffix(ref, "/") && strings.HasPrefix(e.Name, ref)) {
				t.Errorf("%q matches %q", ref, e.Name)
			}
		}
	})
}
