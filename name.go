package shoal

import (
	"fmt"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckName reports whether name may name an entry: a relative path of
// forward slashes without empty, "." or ".." elements, valid UTF-8 of at most
// MaxNameLength bytes, with no control and no bidirectional-override
// characters, which could make a terminal show another name. The error is
// Usage and says what is wrong.
func CheckName(name string) error {
	switch {
	case !utf8.ValidString(name):
		return fmt.Errorf("name %q is not UTF-8: %w", name, Usage)
	case name == "" || name == "." || !fs.ValidPath(name):
		return fmt.Errorf("name %q is not a clean relative path: %w", name, Usage)
	case len(name) > MaxNameLength:
		return fmt.Errorf("name is longer than %d bytes: %w", MaxNameLength, Usage)
	case strings.ContainsFunc(name, deceptive), strings.ContainsRune(name, '\\'):
		return fmt.Errorf("name %q has a character that is not allowed: %w", name, Usage)
	}
	return nil
}

// deceptive reports characters that change how the text around them is shown.
func deceptive(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u200b' || r == '\ufeff'
}
