package cli

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"
)

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "<1 ms", time.Millisecond: "1 ms", 999 * time.Millisecond: "999 ms", 1500 * time.Millisecond: "1.5 s",
		61 * time.Second: "1 min 01 s", 2*time.Hour + 3*time.Minute: "2 h 03 min", 49 * time.Hour: "2 d 1 h",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "1 s left", 1: "1 s left", 1001 * time.Millisecond: "2 s left", 59*time.Second + 1: "1 min 00 s left",
	} {
		if got := left(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestMeter(t *testing.T) {
	for _, c := range []struct {
		have, all int
		want      string
	}{{0, 3, "░░░░░░░░░░"}, {1, 3, "███░░░░░░░"}, {3, 3, "██████████"}, {9, 3, "██████████"}, {0, 0, "██████████"}, {99, 100, "█████████░"}} {
		if got := meter(c.have, c.all); got != c.want {
			t.Errorf("%d of %d: %s, want %s", c.have, c.all, got, c.want)
		}
	}
}

// Nothing that a terminal takes for more than a letter gets through.
func TestClean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		for _, r := range clean(text) {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q keeps %U", text, r)
			}
		}
	})
	if got, want := clean("a\x1b[31mb\nc\u202ed\xffe ü世"), "a?[31mb?c?d?e ü世"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTable(t *testing.T) {
	table := newTable(toLeft, toRight, toLeft)
	table.row("ü", "1", "end")
	table.row("long", "1,000", "")
	var b strings.Builder
	if err := table.print(&b, "> "); err != nil {
		t.Fatal(err)
	}
	if want := "> ü         1  end\n> long  1,000\n"; b.String() != want {
		t.Errorf("got\n%swant\n%s", &b, want)
	}
}

func TestStyle(t *testing.T) {
	if got := style(true).bad("x"); got != "\x1b[1;31mx\x1b[0m" {
		t.Errorf("with colour: %q", got)
	}
	if got := style(false).bad("x"); got != "x" {
		t.Errorf("without: %q", got)
	}
}

func TestSome(t *testing.T) {
	for _, c := range []struct {
		n, all int
		want   string
	}{{0, 1, "0 of 1 chunk"}, {12, 1204, "12 of 1,204 chunks"}, {1024, 1024, "1,024 of 1,024 chunks"}} {
		if got := some(c.n, c.all, "chunk"); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.n, c.all, got, c.want)
		}
	}
}
