package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"shoal"
	"shoal/internal/record"
)

// page is how many batches are read at a time, so that no reader holds up the
// database's log for long.
const page = 512

// Piece is a batch on its way to a peer.
type Piece struct {
	After uint64 // the number of the author's batch before it; what would be between them means nothing any more
	Data  []byte // the batch
}

// After gives every batch that a peer with that vector lacks, each author's in
// order.
func (j *Journal) After(ctx context.Context, have record.Vector) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		for _, author := range slices.Sorted(maps.Keys(j.Vector())) {
			for piece, err := range j.Of(ctx, author, have[author]) {
				if !yield(piece, err) || err != nil {
					return
				}
			}
		}
	}
}

// Of gives one author's batches after a number, in order.
func (j *Journal) Of(ctx context.Context, author shoal.NodeID, after uint64) iter.Seq2[Piece, error] {
	const find = "SELECT place, data FROM batches WHERE author = ? AND seq > ? ORDER BY seq LIMIT ?"
	return func(yield func(Piece, error) bool) {
		for {
			last := after
			for item, err := range j.read(ctx, find, string(author), int64(last), page) {
				if !yield(Piece{After: last, Data: item.data}, err) || err != nil {
					return
				}
				last = item.Seq
			}
			if last == after {
				return
			}
			after = last
		}
	}
}

// Replay gives every batch behind a place in the journal, in the order they were
// taken in: with 0, all of them.
func (j *Journal) Replay(ctx context.Context, after int64) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for s, err := range j.pages(ctx, after) {
			if !yield(s.Item, err) {
				return
			}
		}
	}
}

// pages reads all behind a place, a page at a time.
func (j *Journal) pages(ctx context.Context, after int64) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		for {
			last := after
			for s, err := range j.read(ctx, "SELECT place, data FROM batches WHERE place > ? ORDER BY place LIMIT ?", after, page) {
				if !yield(s, err) || err != nil {
					return
				}
				last = s.Place
			}
			if last == after {
				return
			}
			after = last
		}
	}
}

// Batch gives one batch; shoal.NotFound if it is not here, or no longer.
func (j *Journal) Batch(ctx context.Context, author shoal.NodeID, seq uint64) (Item, error) {
	for s, err := range j.read(ctx, "SELECT place, data FROM batches WHERE author = ? AND seq = ?", string(author), int64(seq)) {
		return s.Item, err
	}
	return Item{}, fmt.Errorf("batch %d of %s: %w", seq, author.Short(), shoal.NotFound)
}

// stored is a batch as it lies in the journal.
type stored struct {
	Item
	data []byte
}

// read gives the batches of a query for place and data. All of a page is read
// before the first is given, so whoever uses them may write meanwhile.
func (j *Journal) read(ctx context.Context, query string, args ...any) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		found, err := j.rows(j.data.Readers.QueryContext(ctx, query, args...))
		for _, item := range found {
			if !yield(item, nil) {
				return
			}
		}
		if err != nil {
			yield(stored{}, fmt.Errorf("read the journal: %w", j.data.Explain(err)))
		}
	}
}

func (j *Journal) rows(rows *sql.Rows, err error) ([]stored, error) {
	if err != nil {
		return nil, err
	}
	var found []stored
	for rows.Next() {
		var s stored
		if err := rows.Scan(&s.Place, &s.data); err != nil {
			return found, errors.Join(err, rows.Close())
		}
		if s.Batch, err = record.Parse(s.data); err != nil {
			return found, errors.Join(fmt.Errorf("%w: %w", shoal.Integrity, err), rows.Close())
		}
		found = append(found, s)
	}
	return found, errors.Join(rows.Err(), rows.Close())
}

// Forget drops batches that mean nothing any more. Peers that lack them will not
// miss them. An author's last batch stays, for it tells how far the author is.
func (j *Journal) Forget(ctx context.Context, items []Item) error {
	upto := j.Vector()
	items = slices.DeleteFunc(slices.Clone(items), func(item Item) bool { return item.Seq >= upto[item.Author] })
	return j.remove(ctx, items)
}

func (j *Journal) remove(ctx context.Context, items []Item) error {
	if len(items) == 0 {
		return nil
	}
	err := j.data.Transact(ctx, func(tx *sql.Tx) error {
		for _, item := range items {
			if _, err := tx.Exec("DELETE FROM batches WHERE place = ?", item.Place); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove batches from the journal: %w", err)
	}
	return nil
}
