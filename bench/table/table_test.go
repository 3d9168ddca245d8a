package table_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shoal/bench/table"
)

func TestColumns(t *testing.T) {
	made := table.New(table.Column{Title: "from"}, table.Column{Title: "share", Align: table.Right}, table.Column{})
	made.Row("ada", "5 %", "█")
	made.Row("clëo", "100 %", "██", "left out")
	made.Row("dan")
	var got strings.Builder
	if err := made.Print(&got, "> "); err != nil {
		t.Fatal(err)
	}
	want := `> from  share
> ────  ─────
> ada     5 %  █
> clëo  100 %  ██
> dan
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutTitlesThereIsNoHead(t *testing.T) {
	made := table.New(table.Column{}, table.Column{})
	made.Row("a", "b")
	var got strings.Builder
	if err := made.Print(&got, ""); err != nil || got.String() != "a  b\n" {
		t.Errorf("got %q, %v", got.String(), err)
	}
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestTellsWhenItCannotWrite(t *testing.T) {
	if err := table.New(table.Column{Title: "a"}).Print(broken{}, ""); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}
