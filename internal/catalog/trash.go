package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"shoal"
	"shoal/internal/catalog/merge"
	"shoal/internal/journal"
	"shoal/internal/record"
)

// horizon is how long it is remembered that something was removed. A node that
// was away for longer may bring back what others have removed.
const horizon = 30 * 24 * time.Hour

// What is gone is shown under no other name, so v.name is the name.
const (
	inTrash = "SELECT " + entryColumns + ", v.since" + fromVersions + `
WHERE v.state = 4 AND v.file IS NOT NULL AND v.since > ?`
	notBack = `
AND NOT EXISTS (SELECT 1 FROM versions w WHERE w.name = v.name AND w.file = v.file AND w.state <= 1)
ORDER BY v.since DESC LIMIT ?`
	nameless = `
AND NOT EXISTS (SELECT 1 FROM versions w WHERE w.file = v.file AND w.state <= 1)
ORDER BY v.since DESC LIMIT ?`

	trashBelow  = inTrash + " AND v.name >= ? AND v.name < ?" + nameless
	trashNamed  = inTrash + " AND v.name = ?" + notBack
	trashOfFile = inTrash + " AND v.file = ?" + notBack
)

// Trash gives what was removed or replaced and can still be had back, under
// names that start with prefix, the latest first: at most shoal.MaxList. A file
// that has another name is not there: it was only renamed, or has two.
func (c *Catalog) Trash(ctx context.Context, prefix string) ([]shoal.Removed, error) {
	return c.trash(ctx, trashBelow, prefix, end(prefix), shoal.MaxList)
}

func (c *Catalog) trash(ctx context.Context, query string, args ...any) ([]shoal.Removed, error) {
	var found []shoal.Removed
	type version struct {
		name string
		file shoal.FileID
	}
	seen := make(map[version]bool) // what was removed twice is there once
	oldest := c.cfg.Now().Add(-c.cfg.Trash).UnixMilli()
	err := c.rows(ctx, query, append([]any{oldest}, args...), func(rows *sql.Rows) error {
		var since int64
		e, err := scanEntry(rows, &since)
		if v := (version{e.Name, e.ID}); !seen[v] {
			seen[v] = true
			found = append(found, shoal.Removed{Entry: e, Since: timeOf(since), Until: timeOf(since).Add(c.cfg.Trash)})
		}
		return err
	})
	return found, err
}

// FromTrash gives the latest thing in the trash that ref, a name or a file id,
// means, whether the file has another name or not. Errors: shoal.NotFound.
func (c *Catalog) FromTrash(ctx context.Context, ref string) (shoal.Removed, error) {
	found, err := c.trash(ctx, trashNamed, ref, 1)
	if id, idErr := shoal.ParseFileID(ref); idErr == nil && err == nil {
		var ofFile []shoal.Removed
		ofFile, err = c.trash(ctx, trashOfFile, id[:], 1)
		found = append(found, ofFile...)
	}
	if err != nil {
		return shoal.Removed{}, err
	}
	if len(found) > 0 {
		return slices.MaxFunc(found, func(a, b shoal.Removed) int { return a.Since.Compare(b.Since) }), nil
	}
	return shoal.Removed{}, shoal.WithHint(fmt.Errorf("%q is not in the trash: %w", ref, shoal.NotFound), "`shoal ls --trash` shows what is")
}

// Trashed gives the files that are in the trash, at most shoal.MaxList.
func (c *Catalog) Trashed(ctx context.Context) (ids []shoal.FileID, err error) {
	const query = `SELECT DISTINCT v.file FROM versions v WHERE v.state >= 3 AND v.state = 4 AND v.file IS NOT NULL AND v.since > ?
AND NOT EXISTS (SELECT 1 FROM versions w WHERE w.file = v.file AND w.state <= 1) LIMIT ?`
	oldest := c.cfg.Now().Add(-c.cfg.Trash).UnixMilli()
	err = c.rows(ctx, query, []any{oldest, shoal.MaxList}, func(rows *sql.Rows) error {
		var raw sql.RawBytes
		err := rows.Scan(&raw)
		id := shoal.FileID{}
		copy(id[:], raw)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// File is what the catalogue wants of a file.
type File struct {
	ID        shoal.FileID
	Size      int64
	ChunkSize int
	Copies    int       // wanted: the most any entry asks for
	Live      bool      // an entry points at it
	Since     time.Time // if it is not live: when this node heard that
}

// pageRows is how many rows Files reads at a time.
const pageRows = 4096

// Files gives a page of the files that entries point at or have pointed at, in
// order of id, after an id; none when there are no more.
func (c *Catalog) Files(ctx context.Context, after shoal.FileID) ([]File, error) {
	for most := pageRows; ; most *= 2 {
		rows := 0
		var files []File
		const page = "SELECT file, size, chunk, copies, state, since FROM versions WHERE file > ? ORDER BY file, number LIMIT ?"
		err := c.rows(ctx, page, []any{after[:], most}, func(r *sql.Rows) error {
			rows++
			return addRow(&files, r)
		})
		if err != nil || rows < most {
			return files, err
		}
		if len(files) > 1 { // the last may go on in the next page
			return files[:len(files)-1], nil
		}
	}
}

// FileOf gives what the catalogue wants of one file: shoal.NotFound if no entry
// points at it or has pointed at it.
func (c *Catalog) FileOf(ctx context.Context, id shoal.FileID) (File, error) {
	var files []File
	const one = "SELECT file, size, chunk, copies, state, since FROM versions WHERE file = ? ORDER BY number"
	if err := c.rows(ctx, one, []any{id[:]}, func(r *sql.Rows) error { return addRow(&files, r) }); err != nil {
		return File{}, err
	}
	if len(files) == 0 {
		return File{}, fmt.Errorf("file %s: %w", id.Short(), shoal.NotFound)
	}
	return files[0], nil
}

// Wanted is of how many files each number of copies is wanted. It looks through
// all entries.
func (c *Catalog) Wanted(ctx context.Context) (map[int]int, error) {
	const sum = `SELECT most, count(*) FROM (
	SELECT max(copies) AS most FROM versions WHERE file IS NOT NULL AND state <= 1 AND copies > 0 GROUP BY file
) GROUP BY most`
	files := make(map[int]int)
	err := c.rows(ctx, sum, nil, func(r *sql.Rows) error {
		var copies, count int
		err := r.Scan(&copies, &count)
		files[copies] = count
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count the catalogue's files: %w", err)
	}
	return files, nil
}

// addRow adds a version to the file it is of, which may be the last.
func addRow(files *[]File, rows *sql.Rows) error {
	var f File
	var id sql.RawBytes
	var st state
	var since int64
	if err := rows.Scan(&id, &f.Size, &f.ChunkSize, &f.Copies, &st, &since); err != nil {
		return err
	}
	copy(f.ID[:], id)
	f.Live, f.Since = st <= twin, timeOf(since)
	if n := len(*files); n == 0 || (*files)[n-1].ID != f.ID {
		*files = append(*files, f)
		return nil
	}
	known := &(*files)[len(*files)-1]
	if f.Live && !known.Live {
		known.Copies = f.Copies
	} else if f.Live == known.Live {
		known.Copies = max(known.Copies, f.Copies)
	}
	known.Live = known.Live || f.Live
	if f.Since.After(known.Since) {
		known.Since = f.Since
	}
	return nil
}

// Sweep forgets what was removed longer ago than anyone needs to know, and the
// batches that mean nothing any more for it. It is to be called now and then.
func (c *Catalog) Sweep(ctx context.Context) error {
	oldest := c.cfg.Now().Add(-max(horizon, c.cfg.Trash)).UnixMilli()
	emptied, err := c.sweepRows(ctx, oldest)
	if err != nil {
		return fmt.Errorf("sweep the catalogue: %w", err)
	}
	var dead []journal.Item
	for b := range emptied {
		item, err := c.journal.Batch(ctx, b.author, b.seq)
		if err != nil {
			continue // gone already
		}
		if meant, err := c.means(ctx, item); err != nil {
			return fmt.Errorf("sweep the catalogue: %w", err)
		} else if !meant {
			dead = append(dead, item)
		}
	}
	return c.journal.Forget(ctx, dead)
}

// batchName names a batch.
type batchName struct {
	author shoal.NodeID
	seq    uint64
}

// sweepRows deletes old rows, and gives the batches they were of. A removal goes
// after what it removed, for it says that that is gone.
func (c *Catalog) sweepRows(ctx context.Context, oldest int64) (map[batchName]bool, error) {
	c.applying.Lock()
	defer c.applying.Unlock()
	emptied := make(map[batchName]bool)
	err := c.data.Transact(ctx, func(tx *sql.Tx) error {
		const sweep = `DELETE FROM versions WHERE number IN (SELECT number FROM versions v WHERE v.since < ?1 AND v.state >= 3
AND (v.file IS NOT NULL OR NOT EXISTS (SELECT 1 FROM versions w WHERE w.name = v.name AND w.stamp < v.stamp AND w.state = 4 AND w.since >= ?1)))
RETURNING (SELECT node FROM authors WHERE number = author), batch`
		rows, err := tx.QueryContext(ctx, sweep, oldest)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var b batchName
			if err := rows.Scan(&b.author, &b.seq); err != nil {
				return err
			}
			emptied[b] = true
		}
		return rows.Err()
	})
	return emptied, err
}

// means reports whether some record of a batch still counts.
func (c *Catalog) means(ctx context.Context, item journal.Item) (bool, error) {
	for _, r := range item.Records {
		name := ""
		switch r.Kind {
		case record.KindPut:
			put, _ := merge.ParsePut(r.Body) // a malformed one says nothing, and has no name
			name = put.Name
		case record.KindDrop:
			drop, _ := merge.ParseDrop(r.Body)
			name = drop.Name
		default:
			return true, nil
		}
		found := 0
		const count = "SELECT count(*) FROM versions v JOIN authors a ON a.number = v.author WHERE v.name = ? AND v.stamp = ? AND a.node = ?"
		err := c.data.Readers.QueryRowContext(ctx, count, name, int64(r.Stamp), string(item.Author)).Scan(&found)
		if err != nil || found > 0 {
			return true, err
		}
	}
	return false, nil
}

// Void takes back what batches said: their author was cut off before them. It is
// called with what journal.Void gave.
func (c *Catalog) Void(ctx context.Context, items []journal.Item) error {
	c.applying.Lock()
	defer c.applying.Unlock()
	err := c.data.Transact(ctx, func(tx *sql.Tx) error {
		a := c.newApplication(tx)
		touched := make(map[string]bool)
		for _, item := range items {
			if err := a.void(item.Batch, touched); err != nil {
				return err
			}
		}
		for name := range touched {
			if err := a.settle(name, all); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("void %d batches: %w", len(items), err)
	}
	return nil
}

// void takes back one batch, and notes the names it was about.
func (a *application) void(b record.Batch, touched map[string]bool) error {
	author, err := a.number(b.Author)
	if err != nil {
		return err
	}
	rows, err := a.tx.Query("DELETE FROM versions WHERE author = ? AND batch = ? RETURNING number, name, state", author, int64(b.Seq))
	if err != nil {
		return err
	}
	defer rows.Close()
	var visible []int64
	for rows.Next() {
		var number int64
		var name string
		var st state
		if err := rows.Scan(&number, &name, &st); err != nil {
			return err
		}
		touched[name] = true
		if st <= conflict {
			visible = append(visible, number)
		}
	}
	for _, number := range visible {
		if err := a.hide(number); err != nil {
			return err
		}
	}
	return rows.Err()
}
