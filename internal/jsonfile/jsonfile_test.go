package jsonfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"shoal/internal/jsonfile"
)

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "value.json")
	for _, value := range []any{map[string]int{"a": 1}, []string{}} {
		if err := jsonfile.Write(path, value); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "[]\n" {
		t.Errorf("the file has %q, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("others may read it: %v, %v", info, err)
	}
}

// What cannot be written leaves the old file as it was.
func TestWriteFails(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "value.json")
	if err := jsonfile.Write(path, 1); err != nil {
		t.Fatal(err)
	}
	if err := jsonfile.Write(path, func() {}); err == nil {
		t.Error("a function was written")
	}
	if err := os.Mkdir(path+".new", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := jsonfile.Write(path, 2); err == nil {
		t.Error("it was written where there is a folder")
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "1\n" {
		t.Errorf("the file has %q, %v", got, err)
	}
	if err := jsonfile.Write(filepath.Join(folder, "none", "x"), 1); err == nil {
		t.Error("it was written where there is no folder")
	}
}
