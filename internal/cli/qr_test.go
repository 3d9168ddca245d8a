package cli

import (
	"strings"
	"testing"

	"github.com/boombuler/barcode/qr"

	"shoal"
)

// modules reads a drawn code back, so that true is dark.
func modules(t *testing.T, drawn string, drawnIsDark bool) [][]bool {
	t.Helper()
	var rows [][]bool
	for line := range strings.Lines(drawn) {
		var upper, lower []bool
		for _, r := range strings.TrimSuffix(line, "\n") {
			above, below := r == '█' || r == '▀', r == '█' || r == '▄'
			if !above && !below && r != ' ' {
				t.Fatalf("%q is no part of a code", r)
			}
			upper, lower = append(upper, above == drawnIsDark), append(lower, below == drawnIsDark)
		}
		rows = append(rows, upper, lower)
	}
	return rows
}

// What is printed is the library's code, module for module, in a quiet zone.
func TestQRCodeIsTheLibrarys(t *testing.T) {
	for _, text := range []string{"shoal-ticket-abc", "shoal-ticket-" + strings.Repeat("ab2", 250)} {
		want, err := qr.Encode(text, qr.L, qr.Auto)
		if err != nil || want.Content() != text {
			t.Fatal(err)
		}
		code, err := newQRCode(text)
		if err != nil {
			t.Fatal(err)
		}
		var plain, inked strings.Builder
		if err := code.draw(&plain, false); err != nil {
			t.Fatal(err)
		}
		if err := code.draw(&inked, true); err != nil {
			t.Fatal(err)
		}
		bare := strings.NewReplacer(inkOn, "", inkOff, "").Replace(inked.String())
		for _, got := range [][][]bool{modules(t, plain.String(), false), modules(t, bare, true)} {
			side := want.Bounds().Dx()
			if len(got) < side+2*quietZone || len(got[0]) != side+2*quietZone {
				t.Fatalf("%d by %d modules are drawn of %d", len(got[0]), len(got), side)
			}
			for y, row := range got {
				for x, dark := range row {
					within := x >= quietZone && y >= quietZone && x < side+quietZone && y < side+quietZone
					wanted := false
					if within {
						r, _, _, _ := want.At(x-quietZone, y-quietZone).RGBA()
						wanted = r == 0
					}
					if dark != wanted {
						t.Fatalf("%q: the module at %d, %d is dark: %v", text, x, y, dark)
					}
				}
			}
		}
	}
}

func TestQRCodeHasBounds(t *testing.T) {
	if _, err := newQRCode(strings.Repeat("x", 4096)); shoal.CodeOf(err) != shoal.Usage {
		t.Errorf("a code of 4096 bytes: %v", err)
	}
	s := newScreen(newShell(t).env(new(strings.Builder), new(strings.Builder)))
	code, err := newQRCode("shoal-ticket-abc")
	if err != nil {
		t.Fatal(err)
	}
	for columns, fits := range map[int]bool{0: true, code.width() - 1: false, code.width(): true} {
		s.columns = columns
		if err := s.code(s.stdout, "shoal-ticket-abc"); (err == nil) != fits {
			t.Errorf("a code of %d columns on %d: %v", code.width(), columns, err)
		}
	}
}
