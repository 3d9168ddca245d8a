package disk

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage"
	"shoal/internal/storage/tables"
)

// All gives every file the store knows, in order of id.
func (s *Store) All(ctx context.Context) iter.Seq2[storage.Summary, error] {
	return func(yield func(storage.Summary, error) bool) {
		// A file just created has no row yet. That a store which is full or
		// failing cannot write it is no reason not to list the others.
		_ = s.commits.wait(ctx)
		var links linkWindow
		for r, err := range s.rows(ctx) {
			summary := storage.Summary{ID: r.ID, Size: r.Size, ChunkSize: r.ChunkSize, Present: r.Present}
			if err == nil {
				summary.Present, err = links.present(ctx, s.records, r)
			}
			if err != nil {
				yield(storage.Summary{}, fmt.Errorf("list the store: %w", err))
				return
			}
			if !yield(summary, nil) {
				return
			}
		}
	}
}

// rows merges the rows of the index and of the small files, in order of id. A
// file is in one of them only.
func (s *Store) rows(ctx context.Context) iter.Seq2[tables.Row, error] {
	return func(yield func(tables.Row, error) bool) {
		large := &tables.Pager{Read: s.index.Page}
		small := &tables.Pager{Read: s.records.Page}
		for {
			a, err := large.Peek(ctx)
			if err != nil {
				yield(tables.Row{}, err)
				return
			}
			b, err := small.Peek(ctx)
			if err != nil {
				yield(tables.Row{}, err)
				return
			}
			next := large
			if a == nil || b != nil && bytes.Compare(b.ID[:], a.ID[:]) < 0 {
				next = small
			}
			if a == nil && b == nil || !yield(next.Take(), nil) {
				return
			}
		}
	}
}

// linkWindow reads the links of many files at once, for a walk in order of id.
type linkWindow struct {
	through shoal.FileID // the last id that links covers
	filled  bool
	links   map[shoal.FileID][]tables.LinkRow
}

// maxFileID is behind every other.
func maxFileID() (id shoal.FileID) {
	for i := range id {
		id[i] = 0xff
	}
	return id
}

// present is how many chunks of the row's file are durable in one place or
// another.
func (w *linkWindow) present(ctx context.Context, r tables.Records, at tables.Row) (int, error) {
	if err := w.cover(ctx, r, at.ID); err != nil {
		return 0, err
	}
	links := w.links[at.ID]
	if len(links) == 0 {
		return at.Present, nil
	}
	all, err := at.Bitmap()
	if err != nil { // loading the file finds out
		all = content.NewBitmap(at.Chunks())
	}
	for _, l := range links {
		if bits, err := tables.UnpackBits(l.Bits, l.Present, at.Chunks()); err == nil { // as above
			all.Union(bits)
		}
	}
	return all.Count(), nil
}

// cover reads the links from id on, as many as make a page.
func (w *linkWindow) cover(ctx context.Context, r tables.Records, id shoal.FileID) error {
	if w.filled && bytes.Compare(id[:], w.through[:]) <= 0 {
		return nil
	}
	rows, err := r.LinksFrom(ctx, id, tables.PageRows)
	if err != nil {
		return err
	}
	w.links, w.filled, w.through = map[shoal.FileID][]tables.LinkRow{}, true, maxFileID()
	if len(rows) == tables.PageRows {
		// The last file may have more of them: it begins the next page, unless
		// it fills this one.
		last := rows[len(rows)-1].ID
		for len(rows) > 0 && rows[len(rows)-1].ID == last {
			rows = rows[:len(rows)-1]
		}
		if len(rows) == 0 {
			if rows, err = r.Links(ctx, last); err != nil {
				return err
			}
		}
		w.through = rows[len(rows)-1].ID
	}
	for _, l := range rows {
		w.links[l.ID] = append(w.links[l.ID], l)
	}
	return nil
}
