package api_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shoal/internal/api/apitest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// document is what the test reads of the description.
type document struct {
	OpenAPI string
	Info    struct{ Version string }
	Paths   map[string]map[string]struct {
		OperationID string
		Summary     string
		Responses   map[string]struct {
			Content map[string]struct {
				Schema struct {
					Ref string `json:"$ref"`
				}
			}
		}
	}
	Components struct{ Schemas map[string]any }
}

// The description has every operation, with its answers and media types: the
// golden file is what a change of the API changes.
func TestOpenAPI(t *testing.T) {
	w := ask(apitest.New(), "GET", "/api/v1/openapi.json", "")
	var doc document
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || doc.Info.Version != "1.2.3" {
		t.Errorf("OpenAPI %s of version %s", doc.OpenAPI, doc.Info.Version)
	}
	var lines []string
	for path, methods := range doc.Paths {
		for method, op := range methods {
			for status, answer := range op.Responses {
				line := strings.ToUpper(method) + " " + path + " " + op.OperationID + " -> " + status
				for media, content := range answer.Content {
					line += " " + media + " " + content.Schema.Ref
				}
				lines = append(lines, line)
			}
			if op.Summary == "" {
				t.Errorf("%s %s has no summary", method, path)
			}
		}
	}
	for name := range doc.Components.Schemas {
		lines = append(lines, "schema "+name)
	}
	slices.Sort(lines)
	golden(t, "openapi.golden", strings.Join(lines, "\n")+"\n")
}

// golden compares got with a file in testdata, or writes it there.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: want -, got + (write it anew with -update)\n%s", path, diff)
	}
}
