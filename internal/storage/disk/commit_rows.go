package disk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/body"
	"shoal/internal/storage/sums"
	"shoal/internal/storage/tables"
)

// record writes the rows. On a disk that is full nothing of it is recorded and
// all of it is tried again, but what is to be forgotten is, for that makes
// room.
func (s *Store) record(works []*work) error {
	err := s.writeRows(works)
	if err == nil || !errors.Is(err, shoal.NoSpace) {
		return s.rowError(err)
	}
	var gone []*work
	for _, w := range works {
		if w.gone {
			gone = append(gone, w)
		}
	}
	if len(gone) > 0 && s.writeRows(gone) == nil {
		for _, w := range gone {
			w.settle()
		}
	}
	return s.rowError(err)
}

// rowError is the error of a transaction that was rolled back: of a full disk,
// which passes, or of a disk that fails, which does not.
func (s *Store) rowError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, shoal.NoSpace):
		s.full.Store(true)
		return body.NoSpace(err)
	default:
		return s.fail(err)
	}
}

// writeRows records the large files in the index and then all the rest, so
// that no link is recorded of a file that is not.
func (s *Store) writeRows(works []*work) error {
	ctx := context.Background() // a transaction is not given up half-way
	if err := s.writeIndex(ctx, works); err != nil {
		return fmt.Errorf("record in the index: %w", err)
	}
	if err := s.writeRecords(ctx, works); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

func (s *Store) writeIndex(ctx context.Context, works []*work) error {
	var mine []*work
	for _, w := range works {
		if !w.file.small() && (w.gone || w.isNew || w.own() != nil) {
			mine = append(mine, w)
		}
	}
	if len(mine) == 0 {
		return nil
	}
	return s.index.Transact(ctx, func(tx *sql.Tx) error {
		for _, w := range mine {
			if w.gone {
				if err := tables.IndexForget(ctx, tx, w.file.ID); err != nil {
					return err
				}
				continue
			}
			if err := tables.IndexPut(ctx, tx, w.file.File, w.ownHolding()); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) writeRecords(ctx context.Context, works []*work) error {
	var mine []*work
	for _, w := range works {
		if w.gone || len(w.removed) > 0 || w.file.small() || w.links() {
			mine = append(mine, w)
		}
	}
	if len(mine) == 0 {
		return nil
	}
	defer s.shrink(ctx, mine)
	return s.records.Transact(ctx, func(tx *sql.Tx) error {
		batch, err := tables.NewBatch(ctx, tx)
		if err != nil {
			return err
		}
		for _, w := range mine {
			if err := w.recordIn(ctx, batch); err != nil {
				return err
			}
		}
		return nil
	})
}

// shrink gives back to the file system the room of small files that were deleted.
func (s *Store) shrink(ctx context.Context, works []*work) {
	gone := 0
	for _, w := range works {
		if w.gone && w.file.small() {
			gone++
		}
	}
	if gone > 0 {
		s.records.Shrink(ctx, gone)
	}
}

// recordIn writes what the records say of the file.
func (w *work) recordIn(ctx context.Context, batch tables.Batch) error {
	if w.gone {
		return batch.Forget(ctx, w.file.ID)
	}
	if own := w.own(); w.file.small() && (w.isNew || own != nil) {
		data := []byte{}
		if own != nil {
			data = own.body.(*body.Memory).Snapshot()
		}
		if err := batch.PutSmall(ctx, w.file.File, w.ownHolding().Bits, data); err != nil {
			return err
		}
	}
	for _, path := range w.removed {
		if err := batch.DropLink(ctx, w.file.ID, path); err != nil {
			return err
		}
	}
	for _, p := range w.parts {
		if p.place.linked() == nil || p.err != nil {
			continue
		}
		if err := w.recordLink(ctx, batch, p.place); err != nil {
			return err
		}
	}
	return nil
}

// recordLink writes the row of a link, and with it takes away the one of the
// path that it has left: a file that was moved is never without a row.
func (w *work) recordLink(ctx context.Context, batch tables.Batch, p *place) error {
	w.file.mu.RLock()
	left := p.left
	w.file.mu.RUnlock()
	if left != "" {
		if err := batch.DropLink(ctx, w.file.ID, left); err != nil {
			return err
		}
	}
	return batch.PutLink(ctx, w.file.File, p.linked().At(), w.holding(p))
}

func (w *work) own() *place {
	for _, p := range w.parts {
		if p.place.linked() == nil {
			return p.place
		}
	}
	return nil
}

func (w *work) links() bool {
	for _, p := range w.parts {
		if p.place.linked() != nil {
			return true
		}
	}
	return false
}

// ownHolding is what the file's row says of its own place.
func (w *work) ownHolding() tables.Holding {
	if own := w.own(); own != nil {
		return w.holding(own)
	}
	w.file.mu.RLock()
	own := w.file.own()
	w.file.mu.RUnlock()
	if own != nil {
		return w.holding(own)
	}
	return tables.Holding{Bits: content.NewBitmap(w.file.Chunks())}
}

// holding is what will be durable in the place once this commit is done.
func (w *work) holding(p *place) tables.Holding {
	w.file.mu.RLock()
	defer w.file.mu.RUnlock()
	b := p.durable.Clone()
	b.Union(p.syncing)
	return tables.Holding{Bits: b, Sums: sums.Pack(p.sums, b)}
}
