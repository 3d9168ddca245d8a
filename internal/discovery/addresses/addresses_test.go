package addresses_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/discovery/addresses"
)

func open(path string) *addresses.File { return addresses.Open(path, slog.New(slog.DiscardHandler)) }

func TestABookIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "addresses.json")
	book := open(path)
	book.Note("a", []string{"/ip4/127.0.0.1/tcp/1"})
	book.Note("b", []string{"/ip4/127.0.0.1/tcp/2"})
	book.Keep(func(id shoal.NodeID) bool { return id == "a" })
	book.Save()
	book.Had(map[string]uint16{"tcp": 4001})
	book.Had(map[string]uint16{"quic": 4002}) // the other is kept
	again := open(path)
	if got := again.Of("a"); !slices.Equal(got, []string{"/ip4/127.0.0.1/tcp/1"}) || !slices.Equal(again.Nodes(), []shoal.NodeID{"a"}) {
		t.Errorf("it has %v of %v", got, again.Nodes())
	}
	if got := again.Ports(); len(got) != 2 || got["tcp"] != 4001 || got["quic"] != 4002 {
		t.Errorf("the ports were %v", got)
	}
}

// What cannot be read is no reason not to start.
func TestADamagedBookIsBegunAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "addresses.json")
	if err := os.WriteFile(path, []byte(`{"ports":{"127.0.0.1:0":99999}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if book := open(path); len(book.Nodes()) != 0 || len(book.Ports()) != 0 || book.Of("a") != nil {
		t.Error("something was read")
	}
}

// News is written every ten seconds at most, and what is no news not at all.
func TestABookIsSavedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "addresses.json")
		book := open(path)
		saved := func() int { return len(open(path).Nodes()) }
		book.SaveInTime()
		if _, err := os.Stat(path); err == nil {
			t.Error("an empty book was written")
		}
		book.Note("a", []string{"/ip4/127.0.0.1/tcp/1"})
		book.SaveInTime()
		if saved() != 0 {
			t.Error("it was saved twice at once")
		}
		<-time.After(10 * time.Second)
		book.SaveInTime()
		if saved() != 1 {
			t.Error("it was not saved in time")
		}
		book.Note("b", []string{"/ip4/127.0.0.1/tcp/2"})
		book.Save()
		if saved() != 2 {
			t.Error("it was not saved at once")
		}
	})
}
