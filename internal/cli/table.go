package cli

import (
	"io"
	"strings"
	"unicode/utf8"
)

// align says where in its column a cell stands.
type align int

const (
	toLeft align = iota
	toRight
)

// table lays out rows in columns that are as wide as their widest cell.
type table struct {
	aligns []align
	rows   [][]string
}

func newTable(aligns ...align) *table { return &table{aligns: aligns} }

// row adds a row; its cells are made safe to show.
func (t *table) row(cells ...string) {
	for i := range cells {
		cells[i] = clean(cells[i])
	}
	t.rows = append(t.rows, cells)
}

// print writes the rows, each after indent, without blanks at their ends.
func (t *table) print(w io.Writer, indent string) error {
	widths := make([]int, len(t.aligns))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range t.rows {
		var line strings.Builder
		line.WriteString(indent)
		for i, cell := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			blanks := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if t.aligns[i] == toRight {
				line.WriteString(blanks + cell)
			} else {
				line.WriteString(cell + blanks)
			}
		}
		if _, err := io.WriteString(w, strings.TrimRight(line.String(), " ")+"\n"); err != nil {
			return err
		}
	}
	return nil
}
