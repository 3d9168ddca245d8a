package disk

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"

	"shoal"
	"shoal/internal/content"
)

// The little of SQLite's file format that it takes to read the rows of a table
// whose tree is broken (sqlite.org/fileformat2.html, sections 1.6 and 2).
const (
	pageSize     = 4096 // as SQLite makes them
	fileHeader   = 100  // bytes before the first page's own header
	tableLeaf    = 0x0d
	leafHeader   = 8
	mostLocal    = pageSize - 35                // bytes of a payload that lie in its page whole
	leastLocal   = (pageSize-12)*32/255 - 23    // and of a longer one at least
	perOverflow  = pageSize - 4                 // in each page of the rest
	maxSmallRow  = SmallFile + SmallFile/8 + 96 // a small file with its hash list, and room for the numbers
	smallColumns = 8
)

// pages reads the pages of a database one by one, whatever leads to them.
type pages struct{ file io.ReaderAt }

// page reads a page; their numbers begin with 1.
func (p pages) page(number uint32) ([]byte, error) {
	page := make([]byte, pageSize)
	_, err := p.file.ReadAt(page, int64(number-1)*pageSize)
	return page, err
}

// payloads calls each with the payload of every row that a page has, as far as it
// makes sense, if it is a leaf of a table.
func (p pages) payloads(number uint32, page []byte, each func([]byte)) {
	at := 0
	if number == 1 {
		at = fileHeader
	}
	if page[at] != tableLeaf {
		return
	}
	cells := int(binary.BigEndian.Uint16(page[at+3:]))
	for i := range min(cells, (pageSize-at-leafHeader)/2) {
		start := int(binary.BigEndian.Uint16(page[at+leafHeader+2*i:]))
		if start >= pageSize {
			continue
		}
		if payload, ok := p.payload(page[start:]); ok {
			each(payload)
		}
	}
}

// payload reads what a cell has. What cannot be read of the pages that it goes on
// in is left out, and zero.
func (p pages) payload(cell []byte) ([]byte, bool) {
	size, n := varint(cell)
	_, m := varint(cell[n:]) // the number of the row
	if n == 0 || m == 0 || size > maxSmallRow {
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

// rest reads what a payload has beyond its page.
func (p pages) rest(payload []byte, next uint32) {
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

// column is a value of a record: a number, or bytes.
type column struct {
	number int64
	bytes  []byte
}

// parseRecord reads as many columns as there are to be.
func parseRecord(payload []byte, count int) ([]column, bool) {
	length, n := varint(payload)
	if n == 0 || length > uint64(len(payload)) || length < uint64(n) {
		return nil, false
	}
	types, body := payload[n:length], payload[length:]
	var columns []column
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

// widthOf is how many bytes a column of that kind has.
func widthOf(kind uint64) uint64 {
	if kind >= 12 {
		return (kind - 12) / 2
	}
	return [...]uint64{0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0}[kind]
}

func columnOf(kind uint64, data []byte) column {
	switch {
	case kind >= 12:
		return column{bytes: data}
	case kind == 9:
		return column{number: 1}
	case kind == 0 || kind >= 7:
		return column{}
	}
	number := int64(int8(data[0])) // the sign is in the first byte
	for _, b := range data[1:] {
		number = number<<8 | int64(b)
	}
	return column{number: number}
}

// parseSmall reads the payload of a row of the small files.
func parseSmall(payload []byte) (smallRow, bool) {
	columns, ok := parseRecord(payload, smallColumns)
	if !ok || len(columns[0].bytes) != shoal.FileIDSize {
		return smallRow{}, false
	}
	return smallRow{
		row: row{
			id: shoal.FileID(columns[0].bytes), size: columns[1].number, chunkSize: content.ChunkSize(columns[2].number),
			present: int(columns[3].number), bits: columns[5].bytes,
		},
		list: columns[6].bytes, data: columns[7].bytes,
	}, true
}

// fromPages saves the small files of a damaged database that still lie in some
// page of it. One that was deleted may be among them, and is deleted again.
func (r *rescue) fromPages(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	p := pages{file}
	for number := uint32(1); ; number++ {
		page, err := p.page(number)
		if errors.Is(err, io.EOF) {
			return errors.Join(ctx.Err(), r.flush(ctx))
		}
		if err != nil {
			continue // a sector that cannot be read
		}
		p.payloads(number, page, func(payload []byte) {
			if small, ok := parseSmall(payload); ok {
				err = errors.Join(err, r.keepNew(ctx, small))
			}
		})
		if err != nil {
			return err
		}
	}
}

// keepNew saves a small file that is not saved yet.
func (r *rescue) keepNew(ctx context.Context, small smallRow) error {
	put, ok := keepSmall(small)
	if !ok {
		return nil
	}
	var known int
	if err := r.to.row(ctx, r.known, []any{small.id[:], ""}, &known); err != nil || known > 0 {
		return err
	}
	r.batch = append(r.batch, put)
	if len(r.batch) == salvageRows {
		return r.flush(ctx)
	}
	return nil
}
