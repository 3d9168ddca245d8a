package merge

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"shoal"
)

// ConflictName is what a version in conflict is shown as: the name with who
// wrote it and when put before its extension, so that a person sees both, and
// everyone sees the same.
func ConflictName(name string, dot Dot) string {
	mark := fmt.Sprintf(" (conflict %s-%04x from %s)", dot.Stamp.Time().Format("2006-01-02 150405"), uint16(dot.Stamp), dot.Author.Short())
	folder, base := path.Split(name)
	ext := path.Ext(base)
	stem := strings.TrimSuffix(base, ext)
	if stem == "" || len(ext) > maxExtension || strings.Contains(ext, " ") { // .profile, or a dot in a sentence
		stem, ext = base, ""
	}
	room := shoal.MaxNameLength - len(folder) - len(mark) - len(ext)
	if room < 1 { // then it is shown outside its folder
		folder, room = "", room+len(folder)
	}
	if len(stem) > room {
		stem = cut(stem, room)
	}
	return folder + stem + mark + ext
}

// maxExtension is the longest that is taken for one, in bytes, with its dot.
const maxExtension = 16

// cut returns at most n bytes of a text that is longer, and breaks no character.
// The text is UTF-8, so a character begins at 0 at the latest.
func cut(text string, n int) string {
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
