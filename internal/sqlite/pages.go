package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
)

// The little of SQLite's file format that it takes to read the rows of a table
// whose tree is broken (sqlite.org/fileformat2.html, sections 1.6 and 2).
const (
	pageSize    = 4096 // as SQLite makes them
	fileHeader  = 100  // bytes before the first page's own header
	tableLeaf   = 0x0d
	leafHeader  = 8
	mostLocal   = pageSize - 35             // bytes of a payload that lie in its page whole
	leastLocal  = (pageSize-12)*32/255 - 23 // and of a longer one at least
	perOverflow = pageSize - 4              // in each page of the rest
)

// Pages reads the rows of a database page by page, without the trees above them. It
// also finds deleted rows that nothing has overwritten.
type Pages struct {
	File   io.ReaderAt
	MaxRow int // bytes; longer rows are skipped
}

// Rows calls each with every row in a leaf of any table that has this number of
// columns. It reads the whole file, and skips unreadable pages. Errors: those of each
// and ctx.
func (p Pages) Rows(ctx context.Context, columns int, each func([]Column) error) error {
	for number := uint32(1); ctx.Err() == nil; number++ {
		page, err := p.page(number)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			continue // a sector that cannot be read
		}
		err = p.leaf(number, page, func(payload []byte) error {
			if row, ok := parseRecord(payload, columns); ok {
				return each(row)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// page reads a page; their numbers begin with 1.
func (p Pages) page(number uint32) ([]byte, error) {
	page := make([]byte, pageSize)
	_, err := p.File.ReadAt(page, int64(number-1)*pageSize)
	return page, err
}

// leaf calls each with the payload of every valid cell of a page, if the page is a
// leaf of a table.
func (p Pages) leaf(number uint32, page []byte, each func([]byte) error) error {
	at := 0
	if number == 1 {
		at = fileHeader
	}
	if page[at] != tableLeaf {
		return nil
	}
	cells := int(binary.BigEndian.Uint16(page[at+3:]))
	for i := range min(cells, (pageSize-at-leafHeader)/2) {
		start := int(binary.BigEndian.Uint16(page[at+leafHeader+2*i:]))
		if start >= pageSize {
			continue
		}
		if payload, ok := p.payload(page[start:]); ok {
			if err := each(payload); err != nil {
				return err
			}
		}
	}
	return nil
}

// payload reads the payload of a cell. Bytes on unreadable overflow pages are zero.
func (p Pages) payload(cell []byte) ([]byte, bool) {
	size, n := varint(cell)
	_, m := varint(cell[n:]) // the number of the row
	if n == 0 || m == 0 || size > uint64(p.MaxRow) {
		return nil, false
	}
	cell = cell[n+m:]
	local := int(size)
	if size > mostLocal {
		if local = leastLocal + (int(size)-leastLocal)%perOverflow; local > mostLocal {
			local = leastLocal
		}
	}
	if local > len(cell) {
		return nil, false
	}
	payload := make([]byte, size)
	copy(payload, cell[:local])
	if local < int(size) && len(cell) >= local+4 {
		p.rest(payload[local:], binary.BigEndian.Uint32(cell[local:]))
	}
	return payload, true
}

// rest reads the part of a payload on overflow pages.
func (p Pages) rest(payload []byte, next uint32) {
	for len(payload) > 0 && next > 0 {
		page, err := p.page(next)
		if err != nil {
			return
		}
		next = binary.BigEndian.Uint32(page)
		payload = payload[copy(payload, page[4:]):]
	}
}

// varint reads a number of SQLite's, and how many bytes it has; 0 if it does not
// end.
func varint(data []byte) (value uint64, n int) {
	for i, b := range data[:min(len(data), 9)] {
		if i == 8 {
			return value<<8 | uint64(b), 9
		}
		value = value<<7 | uint64(b&0x7f)
		if b < 0x80 {
			return value, i + 1
		}
	}
	return 0, 0
}

// Column is a value of a row: a number, or bytes.
type Column struct {
	Number int64
	Bytes  []byte
}

// parseRecord reads a record of count columns.
func parseRecord(payload []byte, count int) ([]Column, bool) {
	length, n := varint(payload)
	if n == 0 || length > uint64(len(payload)) || length < uint64(n) {
		return nil, false
	}
	types, body := payload[n:length], payload[length:]
	var columns []Column
	for len(types) > 0 && len(columns) <= count {
		kind, n := varint(types)
		if n == 0 {
			return nil, false
		}
		size := widthOf(kind)
		if size > uint64(len(body)) {
			return nil, false
		}
		columns = append(columns, columnOf(kind, body[:size]))
		types, body = types[n:], body[size:]
	}
	return columns, len(columns) == count
}

// widthOf returns the length in bytes of a column of a serial type.
func widthOf(kind uint64) uint64 {
	if kind >= 12 {
		return (kind - 12) / 2
	}
	return [...]uint64{0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0}[kind]
}

func columnOf(kind uint64, data []byte) Column {
	switch {
	case kind >= 12:
		return Column{Bytes: data}
	case kind == 9:
		return Column{Number: 1}
	case kind == 0 || kind >= 7:
		return Column{}
	}
	number := int64(int8(data[0])) // the sign is in the first byte
	for _, b := range data[1:] {
		number = number<<8 | int64(b)
	}
	return Column{Number: number}
}
