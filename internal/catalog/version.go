package catalog

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"

	"shoal"
	"shoal/internal/catalog/merge"
	"shoal/internal/record"
	"shoal/internal/sqlite"
)

// known is a version as it lies in the database.
type known struct {
	merge.Version
	number int64
	state  state
}

// versions is some of one name's.
type versions []known

func (vs versions) name() merge.Name {
	plain := make([]merge.Version, len(vs))
	for i, v := range vs {
		plain[i] = v.Version
	}
	return merge.NameOf(plain...)
}

// querier is a transaction, or the database.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Which versions of a name to load: all, or those that nothing has replaced. The
// one that is current is found by the index of what is shown: another index of as
// many rows would cost a newcomer a sixth of its first sync.
const (
	all   = "WHERE v.name = ?1"
	heads = `WHERE v.number IN (
	SELECT number FROM versions WHERE state <= 1 AND coalesce(shown, name) = ?1 AND state = 0
	UNION ALL SELECT number FROM versions WHERE state >= 1 AND state <= 3 AND name = ?1)`
)

// loadVersions gives versions of a name.
func loadVersions(from querier, name, which string) (versions, error) {
	const find = "SELECT v.number, v.state, v.stamp, a.node, v.file, v.over FROM versions v JOIN authors a ON a.number = v.author "
	rows, err := from.QueryContext(context.Background(), find+which, name)
	if err != nil {
		return nil, err
	}
	var found versions
	for rows.Next() {
		var v known
		var stamp int64
		var file, over []byte
		if err := rows.Scan(&v.number, &v.state, &stamp, &v.Author, &file, &over); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		v.Stamp = record.Stamp(stamp)
		copy(v.File[:], file)
		if v.Over, err = parseDots(over); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		found = append(found, v)
	}
	return found, errors.Join(rows.Err(), rows.Close())
}

const dotSize = 8 + ed25519.PublicKeySize

// appendDots appends dots as the database has them: a stamp and a key each. The
// dots come from records, so their authors have keys.
func appendDots(data []byte, dots []merge.Dot) []byte {
	for _, dot := range dots {
		key, err := record.KeyOf(dot.Author)
		if err != nil {
			continue
		}
		data = append(binary.BigEndian.AppendUint64(data, uint64(dot.Stamp)), key...)
	}
	return data
}

func parseDots(data []byte) ([]merge.Dot, error) {
	if len(data)%dotSize != 0 {
		return nil, fmt.Errorf("%w: %d bytes of dots", sqlite.ErrDamaged, len(data))
	}
	var dots []merge.Dot
	for ; len(data) > 0; data = data[dotSize:] {
		dots = append(dots, merge.Dot{Stamp: record.Stamp(binary.BigEndian.Uint64(data)), Author: record.NodeOf(data[8:dotSize])})
	}
	return dots, nil
}

// entryColumns are what scanEntry reads, of versions v and authors a.
const entryColumns = "coalesce(v.shown, v.name), v.file, v.size, v.chunk, v.copies, v.added, a.node, v.state"

const fromVersions = " FROM versions v JOIN authors a ON a.number = v.author "

// scanner is a row that can be read.
type scanner interface{ Scan(into ...any) error }

// scanEntry reads an entry. Times are in UTC and whole milliseconds.
func scanEntry(from scanner, more ...any) (shoal.Entry, error) {
	var e shoal.Entry
	var file sql.RawBytes
	var added int64
	var st state
	into := append([]any{&e.Name, &file, &e.Size, &e.ChunkSize, &e.Copies, &added, &e.By, &st}, more...)
	if err := from.Scan(into...); err != nil {
		return e, err
	}
	if len(file) != shoal.FileIDSize {
		return e, fmt.Errorf("%w: an id has %d bytes", sqlite.ErrDamaged, len(file))
	}
	e.ID, e.Added, e.Conflict = shoal.FileID(file), timeOf(added), st == conflict
	return e, nil
}
