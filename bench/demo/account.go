package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"shoal"
	"shoal/bench/table"
)

// barCells is how long the bar of a source is that gave everything.
const barCells = 24

// account is the table of where bytes came from.
type account struct {
	names  map[string]string // of nodes, by peer id
	killed []string          // the names of those that were killed
	table  *table.Table
}

func newAccount(names map[string]string, killed ...string) *account {
	left := func(title string) table.Column { return table.Column{Title: title} }
	right := func(title string) table.Column { return table.Column{Title: title, Align: table.Right} }
	return &account{
		names: names, killed: killed, table: table.New(
			left("node"), left("from"), right("bytes"), right("share"), left(strings.Repeat(" ", barCells)),
			right("time"), right("rate"), right("duplicates"), right("wasted"), left("")),
	}
}

// add adds one get: a row of all of it, and one for each source.
func (a *account) add(node string, s shoal.Stats) {
	a.table.Row(node, "all", shoal.FormatSize(s.Bytes), "100 %", "", seconds(s.Elapsed), rate(s.Bytes, s.Elapsed), shoal.FormatSize(s.Duplicates), shoal.FormatSize(s.Wasted))
	sources := slices.SortedFunc(slices.Values(s.Sources), func(x, y shoal.Source) int { return cmp.Compare(y.Bytes, x.Bytes) })
	for _, source := range sources {
		share := float64(source.Bytes) / float64(max(s.Bytes, 1))
		a.table.Row("", a.nameOf(source), shoal.FormatSize(source.Bytes), fmt.Sprintf("%.0f %%", 100*share), bar(share),
			"", rate(source.Bytes, s.Elapsed), "", "", a.fateOf(source))
	}
}

func (a *account) nameOf(source shoal.Source) string {
	return cmp.Or(a.names[string(source.Node)], source.Name, string(source.Node))
}

// fateOf is why a source gave no more, if it did not give until the end.
func (a *account) fateOf(source shoal.Source) string {
	if source.Reason != "" && slices.Contains(a.killed, a.nameOf(source)) {
		return "killed"
	}
	return source.Reason
}

func (a *account) print(w io.Writer) error { return a.table.Print(w, "  ") }

// bar draws a share, to half a cell.
func bar(share float64) string {
	halves := int(2*barCells*share + 0.5)
	return strings.Repeat("█", halves/2) + strings.Repeat("▌", halves%2)
}
