package catalog

import (
	"strings"
	"testing"

	"shoal"
)

// FuzzPrefix: the ids of a prefix are those that begin with it, and no others.
func FuzzPrefix(f *testing.F) {
	for _, ref := range []string{"", "abcdef0", "abcdef01", "ABCDEF012", strings.Repeat("f", 64), strings.Repeat("0", 65), "ghijklmn", "0123456é"} {
		f.Add(ref)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		ids, ok := parsePrefix(ref)
		if want := isHex(ref) && len(ref) >= shoal.MinPrefix && len(ref) <= 64; ok != want {
			t.Fatalf("%q is a prefix: %v, want %v", ref, ok, want)
		}
		if !ok {
			return
		}
		digits := strings.ToLower(ref)
		first, last := ids.first.String(), ids.last.String()
		if first != digits+strings.Repeat("0", 64-len(digits)) || last != digits+strings.Repeat("f", 64-len(digits)) {
			t.Errorf("%q gives %s to %s", ref, first, last)
		}
	})
}
