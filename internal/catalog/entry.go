package catalog

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"shoal"
	"shoal/internal/content"
)

// maxYear is the last that JSON's time format (RFC 3339) can say.
const maxYear = 9999

// checkEntry reports whether there can be such an entry; if not, the error is
// shoal.Usage.
func checkEntry(e shoal.Entry) error {
	if err := shoal.CheckName(e.Name); err != nil {
		return err
	}
	if _, err := content.ParseChunkSize(int64(e.ChunkSize)); err != nil {
		return fmt.Errorf("%q: %w", e.Name, err)
	}
	switch year := e.Added.UTC().Year(); {
	case e.ID.IsZero():
		return fmt.Errorf("%q has no file id: %w", e.Name, shoal.Usage)
	case e.Size < 0 || e.Size > content.MaxSize:
		return fmt.Errorf("%q has a size of %d bytes: %w", e.Name, e.Size, shoal.Usage)
	case year < 0 || year > maxYear:
		return fmt.Errorf("%q was added in the year %d: %w", e.Name, year, shoal.Usage)
	}
	return nil
}

// scanEntries reads all rows of seq, name, id, size, chunk, added. Times are in
// UTC and whole milliseconds, as on the wire. A row that no Put could have
// written is ErrDamaged.
func scanEntries(rows *sql.Rows, err error) ([]shoal.Entry, error) {
	if err != nil {
		return nil, err
	}
	var entries []shoal.Entry
	for rows.Next() {
		_, entry, err := scanEntry(rows)
		if err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		entries = append(entries, entry)
	}
	return entries, errors.Join(rows.Err(), rows.Close())
}

func scanEntry(rows *sql.Rows) (seq int64, e shoal.Entry, err error) {
	var id sql.RawBytes
	var added int64
	if err := rows.Scan(&seq, &e.Name, &id, &e.Size, &e.ChunkSize, &added); err != nil {
		return seq, e, err
	}
	if len(id) != shoal.FileIDSize {
		return seq, e, fmt.Errorf("%w: an id has %d bytes", ErrDamaged, len(id))
	}
	e.ID, e.Added = shoal.FileID(id), time.UnixMilli(added).UTC()
	if err := checkEntry(e); err != nil {
		return seq, e, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return seq, e, nil
}
