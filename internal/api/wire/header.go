package wire

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"

	"shoal"
)

// FormatEntry is an entry as the EntryHeader: JSON in ASCII, because headers
// are (RFC 9110 section 5.5).
func FormatEntry(e shoal.Entry) (string, error) { return asciiJSON(e) }

// ParseEntry reads what FormatEntry writes. It bounds and checks everything,
// so that the entry can be trusted as far as the node can.
func ParseEntry(text string) (shoal.Entry, error) {
	var e shoal.Entry
	if len(text) > MaxEntryHeader {
		return e, fmt.Errorf("%s is longer than %d bytes", EntryHeader, MaxEntryHeader)
	}
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return shoal.Entry{}, fmt.Errorf("understand %s: %w", EntryHeader, err)
	}
	if e.ID.IsZero() || e.Size < 0 || e.ChunkSize < 0 {
		return shoal.Entry{}, fmt.Errorf("understand %s: it names no file", EntryHeader)
	}
	return e, nil
}

// asciiJSON is v as JSON of one line that has no byte beyond ASCII: other
// characters stand as escapes, which JSON allows in strings, and outside of
// strings there are none.
func asciiJSON(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, r := range string(data) {
		switch {
		case r < 0x7f: // DEL is no header character, and JSON does not escape it
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.String(), nil
}
