package catalog_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shoal"
	"shoal/internal/catalog"
)

const pageSize = 4096

// spoiled gives the path of a catalogue of n entries whose file was spoiled
// while it was closed.
func spoiled(t *testing.T, n int, spoil func([]byte) []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "catalog.db")
	c := openAt(t, path)
	fill(t, c, n)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, spoil(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// openAndCheck opens a catalogue and looks at everything in it.
func openAndCheck(t *testing.T, path string) error {
	t.Helper()
	c, err := catalog.Open(t.Context(), path)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Check(t.Context())
}

func wantDamaged(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, catalog.ErrDamaged) || shoal.CodeOf(err) != shoal.Integrity {
		t.Errorf("%s: error %v, want ErrDamaged", what, err)
		return
	}
	if !strings.Contains(shoal.HintOf(err), "shoal doctor") {
		t.Errorf("%s: hint %q does not name the command that helps", what, shoal.HintOf(err))
	}
}

func TestDamageAtOpen(t *testing.T) {
	for what, spoil := range map[string]func([]byte) []byte{
		"empty":          func([]byte) []byte { return nil },
		"another file":   func([]byte) []byte { return []byte("these are my notes, not a catalogue\n") },
		"cut in a page":  func(data []byte) []byte { return data[:len(data)/2+7] },
		"cut to a page":  func(data []byte) []byte { return data[:pageSize] },
		"header zeroed":  func(data []byte) []byte { clear(data[:100]); return data },
		"interior zeros": func(data []byte) []byte { clear(data[3*pageSize : 9*pageSize]); return data },
		"all of it torn": func(data []byte) []byte { return bytes.Repeat([]byte{0xa5}, len(data)) },
	} {
		path := spoiled(t, 1000, spoil)
		before, _ := os.ReadFile(path)
		_, err := catalog.Open(t.Context(), path)
		wantDamaged(t, what, err)
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: opening it changed the damaged file (%v)", what, err)
		}
	}
}

// Whatever page goes bad, Check says so, and Repair makes a sound catalogue that
// has lost no more than what a page can hold, with the damaged one kept.
func TestEveryPageRepaired(t *testing.T) {
	const entries = 300
	path := spoiled(t, entries, func(data []byte) []byte { return data })
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for page := 1; page < len(sound)/pageSize; page++ {
		t.Run(fmt.Sprint(page), func(t *testing.T) {
			bad := bytes.Clone(sound)
			for i := range pageSize {
				bad[page*pageSize+i] ^= 0x5a
			}
			path := filepath.Join(t.TempDir(), "catalog.db")
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			wantDamaged(t, "one bad page", openAndCheck(t, path))
			saved := repaired(t, path, bad)
			if page > 1 && saved < entries-pageSize/80 {
				t.Errorf("of %d entries %d were saved", entries, saved)
			}
		})
	}
}

// repaired repairs the catalogue, looks that it is sound and that the damaged
// one was kept, and returns how many entries were saved.
func repaired(t *testing.T, path string, bad []byte) int {
	t.Helper()
	report, err := catalog.Repair(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile(report.Aside); err != nil || !bytes.Equal(kept, bad) {
		t.Errorf("the damaged catalogue was not kept as it was (%v)", err)
	}
	if err := openAndCheck(t, path); err != nil {
		t.Errorf("the repaired catalogue: %v", err)
	}
	if n, err := openAt(t, path).Len(t.Context()); n != report.Saved || err != nil {
		t.Errorf("Repair reports %d entries, there are %d (%v)", report.Saved, n, err)
	}
	return report.Saved
}

// A repair keeps what each name means, and each is kept aside under a name of
// its own.
func TestRepairKeepsOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c := openAt(t, path)
	put(t, c, entry("a", 3), entry("a", 1), entry("b", 2), entry("a", 2))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		report, err := catalog.Repair(t.Context(), path)
		if want := fmt.Sprintf("%s.damaged-%d", path, n+1); err != nil || report != (catalog.Repaired{Aside: want, Saved: 4}) {
			t.Fatalf("report %+v, %v; want %d entries and the old one at %s", report, err, 4, want)
		}
	}
	got, err := openAt(t, path).Resolve(t.Context(), "a")
	if got != entry("a", 2) || err != nil {
		t.Errorf("then a means %v, %v; want what was put last", got, err)
	}
}

// A log without its database has entries that were acknowledged: no new
// catalogue takes its place until someone says so, and then the log is not
// played into it.
func TestDatabaseGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	log := unfinishedLog(t)
	if err := os.WriteFile(path+"-wal", log, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := catalog.Open(t.Context(), path)
	wantDamaged(t, "a log alone", err)
	report, err := catalog.Repair(t.Context(), path)
	if err != nil || report.Saved != 0 {
		t.Fatalf("report %+v, %v", report, err)
	}
	if kept, err := os.ReadFile(report.Aside + "-wal"); !bytes.Equal(kept, log) {
		t.Errorf("the log was not kept: %v", err)
	}
	if err := openAndCheck(t, path); err != nil {
		t.Error(err)
	}
	if n, err := openAt(t, path).Len(t.Context()); n != 0 || err != nil {
		t.Errorf("the new catalogue has %d entries, %v", n, err)
	}
}

// unfinishedLog is the log of a catalogue whose process was killed.
func unfinishedLog(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "killed.db")
	fill(t, openAt(t, path), 100)
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func TestOtherVersions(t *testing.T) {
	path := spoiled(t, 1, func(data []byte) []byte { return data })
	set := func(pragma string) {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), "PRAGMA "+pragma); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	set("user_version = 2")
	if _, err := catalog.Open(t.Context(), path); shoal.CodeOf(err) != shoal.Usage || !strings.Contains(shoal.HintOf(err), "newer") {
		t.Errorf("a newer version: error %v, hint %q", err, shoal.HintOf(err))
	}
	if report, err := catalog.Repair(t.Context(), path); shoal.CodeOf(err) != shoal.Usage {
		t.Errorf("a newer version was repaired: %+v, %v", report, err)
	}
	set("user_version = 1")
	set("application_id = 7")
	_, err := catalog.Open(t.Context(), path)
	wantDamaged(t, "a database of another program", err)
}

// An attempt to make a catalogue that was cut short leaves nothing behind that
// hinders the next.
func TestInterruptedCreation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	for _, suffix := range []string{".new", ".new-wal", ".new-shm"} {
		if err := os.WriteFile(path+suffix, []byte("cut short"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(t, openAt(t, path), entry("a", 1))
}
