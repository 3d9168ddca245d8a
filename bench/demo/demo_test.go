package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"shoal"
	"shoal/internal/testnet"
)

// trapFor is an ambush of one, and how often it was killed.
func trapFor(id shoal.NodeID) (*ambush, *int) {
	kills := new(int)
	return &ambush{victims: map[shoal.NodeID]*victim{
		id: {name: "ben", kill: func() error { *kills++; return nil }},
	}}, kills
}

func progress(done, total int64) shoal.Event {
	return shoal.Event{Type: shoal.EventProgress, Done: done, Total: total}
}

func left(id shoal.NodeID, done, total int64) shoal.Event {
	return shoal.Event{Type: shoal.EventSourceLeft, Done: done, Total: total, Source: &shoal.Source{Node: id}}
}

func TestAmbush(t *testing.T) {
	for _, test := range []struct {
		name   string
		events []shoal.Event
		kills  int
		want   string
	}{
		{"half-way", []shoal.Event{progress(0, 0), progress(4, 10), progress(6, 10), progress(7, 10), left("b", 7, 10), progress(10, 10)}, 1, ""},
		{"never", []shoal.Event{progress(0, 10), progress(4, 10)}, 0, "nobody was killed"},
		{"at the end", []shoal.Event{progress(4, 10), progress(10, 10)}, 1, "too late"},
		{"missed only at the end", []shoal.Event{progress(9, 10), left("b", 10, 10)}, 1, "too late"},
		{"another left", []shoal.Event{progress(5, 10), left("c", 6, 10)}, 1, "too late"},
		{"it left before", []shoal.Event{left("b", 1, 10), progress(5, 10)}, 1, "too late"},
	} {
		t.Run(test.name, func(t *testing.T) {
			trap, kills := trapFor("b")
			for _, e := range test.events {
				trap.watch(e)
			}
			if *kills != test.kills {
				t.Errorf("killed %d times", *kills)
			}
			wantError(t, trap.judge(), test.want)
		})
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestJudge(t *testing.T) {
	three := []shoal.Source{{Bytes: 1}, {Bytes: 1}, {Bytes: 1}}
	wantError(t, judge(shoal.Stats{Sources: three, Duplicates: 1}, 100), "")
	wantError(t, judge(shoal.Stats{Sources: three, Duplicates: 1, Wasted: 1}, 100), "2 bytes came twice")
	wantError(t, judge(shoal.Stats{Sources: append(three[:2:2], shoal.Source{})}, 100), "only 2 sources")
}

func TestAccount(t *testing.T) {
	a := newAccount(map[string]string{"A": "ada"}, "ben")
	a.add("fay", shoal.Stats{
		Bytes: 4 << 20, Elapsed: 2 * time.Second, Duplicates: 1024,
		Sources: []shoal.Source{{Node: "B", Name: "ben", Bytes: 1 << 20, Reason: "it left"}, {Node: "A", Bytes: 3 << 20, Reason: "no more"}},
	})
	var text strings.Builder
	if err := a.print(&text); err != nil {
		t.Fatal(err)
	}
	want := `  node  from   bytes  share                              time    rate  duplicates  wasted
  ────  ────  ──────  ─────  ────────────────────────  ──────  ──────  ──────────  ──────
  fay   all   4.2 MB  100 %                            2.00 s  2 MB/s      1.0 kB     0 B
        ada   3.1 MB   75 %  ██████████████████                2 MB/s                      no more
        ben   1.0 MB   25 %  ██████                            1 MB/s                      killed
`
	if text.String() != want {
		t.Errorf("got\n%s\nwant\n%s", text.String(), want)
	}
}

func TestSame(t *testing.T) {
	sample := bytes.Repeat([]byte("sample"), 1<<18)
	other := bytes.Clone(sample)
	other[len(other)-1]++
	broken := errors.New("broken")
	for _, test := range []struct {
		name string
		got  []byte
		want bool
	}{{"itself", sample, true}, {"shorter", sample[1:], false}, {"empty", nil, false}, {"another", other, false}} {
		if err := same(bytes.NewReader(sample), bytes.NewReader(test.got)); (err == nil) != test.want {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if err := same(bytes.NewReader(nil), iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("a broken reader: %v", err)
	}
}

func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sample")
	if err := testnet.WriteSample(t.Context(), path, 3<<20+1); err != nil {
		t.Fatal(err)
	}
	id, err := sum(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	d := demo{file: path, id: id}
	if err := d.check(t.Context(), path); err != nil {
		t.Error(err)
	}
	if err := os.Truncate(path, 3<<20); err != nil {
		t.Fatal(err)
	}
	wantError(t, d.check(t.Context(), path), "BLAKE3")
}
