package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// mutant is one operator in the place of another.
type mutant struct {
	file         string // from the root of the module
	line, column int    // from 1; columns are bytes
	was, is      string // the operators
	before       string // the source line, without space around it
	after        string // the same line, mutated
	source       []byte // the mutated file
}

// replacements maps each kind of mutation, as go-gremlins names it, to operators
// and their replacements.
func replacements() map[string]map[string]string {
	return map[string]map[string]string{
		"ARITHMETIC_BASE":       {"+": "-", "-": "+", "*": "/", "/": "*", "%": "*"},
		"CONDITIONALS_BOUNDARY": {">=": ">", ">": ">=", "<=": "<", "<": "<="},
		"CONDITIONALS_NEGATION": {"==": "!=", "!=": "==", ">=": "<", "<": ">=", "<=": ">", ">": "<="},
		"INCREMENT_DECREMENT":   {"++": "--", "--": "++"},
		"INVERT_NEGATIVES":      {"-": "+"},
	}
}

// listing is the part of go-gremlins' report that lists the mutants.
type listing struct {
	Files []struct {
		Name      string `json:"file_name"`
		Mutations []struct {
			Type   string
			Line   int
			Column int
		}
	}
}

// list asks go-gremlins for the mutants of a package. A mutant that it lists
// under two names is listed once.
func list(gremlins, folder, temp string) ([]mutant, error) {
	report := filepath.Join(temp, "gremlins.json")
	if _, err := output(exec.Command(gremlins, "unleash", "--silent", "--dry-run", "--output", report, "./"+folder)); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(report)
	if err != nil {
		return nil, err
	}
	var found listing
	if err := json.Unmarshal(data, &found); err != nil {
		return nil, fmt.Errorf("read the report of go-gremlins: %w", err)
	}
	var all []mutant
	seen := make(map[string]bool)
	for _, f := range found.Files {
		if strings.Contains(f.Name, "/") {
			continue // a package below this one
		}
		path := filepath.Join(folder, f.Name)
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		for _, place := range f.Mutations {
			m, err := mutate(path, source, place.Type, place.Line, place.Column)
			if err != nil {
				return nil, err
			}
			if key := fmt.Sprint(m.file, m.line, ":", m.column, m.is); !seen[key] {
				seen[key] = true
				all = append(all, m)
			}
		}
	}
	return all, nil
}

// mutate puts another operator at a place of a source file.
func mutate(path string, source []byte, kind string, line, column int) (mutant, error) {
	lines := bytes.SplitAfter(source, []byte("\n"))
	if line < 1 || line > len(lines) || column < 1 || column > len(lines[line-1]) {
		return mutant{}, fmt.Errorf("%s has no line %d, column %d", path, line, column)
	}
	old := string(lines[line-1])
	was, is := operator(kind, old[column-1:])
	if was == "" {
		return mutant{}, fmt.Errorf("%s:%d:%d: no operator for %s", path, line, column, kind)
	}
	changed := old[:column-1] + is + old[column-1+len(was):]
	lines[line-1] = []byte(changed)
	return mutant{
		file: path, line: line, column: column, was: was, is: is,
		before: strings.TrimSpace(old), after: strings.TrimSpace(changed), source: bytes.Join(lines, nil),
	}, nil
}

// operator returns the operator at the start of a text, and its replacement. Both
// are empty if the text starts otherwise.
func operator(kind, text string) (was, is string) {
	for from, to := range replacements()[kind] {
		if strings.HasPrefix(text, from) && len(from) > len(was) {
			was, is = from, to
		}
	}
	return was, is
}

// String shows a mutant as an entry of the list of equivalents.
func (m mutant) String() string {
	return fmt.Sprintf("%s\n- %s\n+ %s", m.file, m.before, m.after)
}
