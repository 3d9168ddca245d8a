package cli

import (
	"strings"
	"testing"

	"shoal"
)

// Whatever stdin has, refs come out trimmed, bounded and not empty.
func FuzzReadRefs(f *testing.F) {
	f.Add("a\n b \r\n\n")
	f.Add("")
	f.Add(strings.Repeat("x", shoal.MaxLinkLength+5))
	f.Fuzz(func(t *testing.T, stdin string) {
		refs, err := readRefs([]string{"first", "-"}, strings.NewReader(stdin))
		if err != nil {
			if shoal.CodeOf(err) != shoal.Usage {
				t.Errorf("%q: %v, want a usage error", stdin, err)
			}
			return
		}
		if refs[0] != "first" {
			t.Errorf("the first is %q", refs[0])
		}
		for _, ref := range refs {
			if ref == "" || ref != strings.TrimSpace(ref) || len(ref) > shoal.MaxLinkLength+1 {
				t.Errorf("%q gives the ref %q", stdin, ref)
			}
		}
	})
}
