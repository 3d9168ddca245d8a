// Package table prints rows in columns, for the benchmarks and the demo.
//
// It knows no colours, does not wrap, and takes every character to be one cell
// wide.
package table

import (
	"io"
	"strings"
	"unicode/utf8"
)

// gap is what stands between two columns.
const gap = "  "

// Align is the side of its column that a cell keeps to.
type Align int

// Words keep to the left, numbers to the right.
const (
	Left Align = iota
	Right
)

// Column is the head of a column and the side that its cells keep to.
type Column struct {
	Title string
	Align Align
}

// Table is a head and the rows below it. It is for one goroutine.
type Table struct {
	columns []Column
	rows    [][]string
}

// New returns a table without rows. Without any title it prints no head.
func New(columns ...Column) *Table { return &Table{columns: columns} }

// Row adds a row. Cells that are missing at its end are empty, and those that
// have no column are left out.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(t.columns))
	copy(row, cells)
	t.rows = append(t.rows, row)
}

// Print writes the table, every line after indent.
func (t *Table) Print(w io.Writer, indent string) error {
	var text strings.Builder
	widths := t.widths()
	if head := t.head(); strings.Join(head, "") != "" {
		t.line(&text, indent, head, widths)
		t.line(&text, indent, t.rules(widths), widths)
	}
	for _, row := range t.rows {
		t.line(&text, indent, row, widths)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func (t *Table) head() []string {
	head := make([]string, len(t.columns))
	for i, column := range t.columns {
		head[i] = column.Title
	}
	return head
}

// widths is how many cells of the screen each column takes.
func (t *Table) widths() []int {
	widths := make([]int, len(t.columns))
	for _, row := range append([][]string{t.head()}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// rules is the line below the titles.
func (t *Table) rules(widths []int) []string {
	lines := make([]string, len(widths))
	for i, width := range widths {
		if t.columns[i].Title != "" {
			lines[i] = strings.Repeat("─", width)
		}
	}
	return lines
}

// line writes one row, without blanks at its end.
func (t *Table) line(to *strings.Builder, indent string, row []string, widths []int) {
	cells := make([]string, len(row))
	for i, cell := range row {
		blanks := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if t.columns[i].Align == Right {
			cells[i] = blanks + cell
		} else {
			cells[i] = cell + blanks
		}
	}
	to.WriteString(strings.TrimRight(indent+strings.Join(cells, gap), " "))
	to.WriteByte('\n')
}
