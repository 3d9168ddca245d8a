package main

import (
	"fmt"
	"os"
	"strings"
)

// equivalents are the mutants that behave as the original does, and so are found
// by no test. Each has a reason. Lines tell them apart and not line numbers, so
// that the list outlives an edit elsewhere in the file.
type equivalents struct {
	reasons map[string]string // by the mutant, as String shows it
	met     map[string]bool   // of these: survivors of this run
}

// readEquivalents reads a list of entries with an empty line between them. An
// entry has the file, the line before, the line after, and the reason; lines that
// begin with # are comments.
func readEquivalents(path string) (*equivalents, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the list of equivalent mutants: %w", err)
	}
	known := &equivalents{reasons: make(map[string]string), met: make(map[string]bool)}
	for entry := range strings.SplitSeq(string(data), "\n\n") {
		if strings.HasPrefix(entry, "#") {
			continue
		}
		lines := strings.SplitN(strings.TrimSpace(entry), "\n", 4)
		if len(lines) < 4 || !strings.HasPrefix(lines[1], "- ") || !strings.HasPrefix(lines[2], "+ ") {
			return nil, fmt.Errorf("%s: an entry is not a file, a line with -, a line with + and a reason:\n%s", path, entry)
		}
		known.reasons[strings.Join(lines[:3], "\n")] = lines[3]
	}
	return known, nil
}

// lists reports whether a mutant is on the list. Several goroutines may call it.
func (e *equivalents) lists(m mutant) bool { return e.reasons[m.String()] != "" }

// has reports whether a survivor is on the list, and remembers that it lives.
func (e *equivalents) has(m mutant) bool {
	if !e.lists(m) {
		return false
	}
	e.met[m.String()] = true
	return true
}

// stale returns the entries for tested folders that no survivor met: their lines
// have changed, or a test finds them.
func (e *equivalents) stale(folders map[string]bool) (entries []string) {
	for entry := range e.reasons {
		file, _, _ := strings.Cut(entry, "\n")
		if folder := file[:strings.LastIndex(file, "/")+1]; folders[strings.TrimSuffix(folder, "/")] && !e.met[entry] {
			entries = append(entries, entry)
		}
	}
	return entries
}
