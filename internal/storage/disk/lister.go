package disk

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage"
)

// pageRows is how many rows are read from a database at a time.
const pageRows = 512

// All gives every file the store knows, in order of id.
func (s *Store) All(ctx context.Context) iter.Seq2[storage.Summary, error] {
	return func(yield func(storage.Summary, error) bool) {
		// A file just created has no row yet. That a store which is full or
		// failing cannot write it is no reason not to list the others.
		_ = s.commits.wait(ctx)
		var links linkWindow
		for r, err := range s.rows(ctx) {
			summary := storage.Summary{ID: r.id, Size: r.size, ChunkSize: r.chunkSize, Present: r.present}
			if err == nil {
				summary.Present, err = links.present(ctx, &s.records, r)
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
func (s *Store) rows(ctx context.Context) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		large := &pager{read: s.index.page}
		small := &pager{read: s.records.page}
		for {
			a, err := large.peek(ctx)
			if err != nil {
				yield(row{}, err)
				return
			}
			b, err := small.peek(ctx)
			if err != nil {
				yield(row{}, err)
				return
			}
			next := large
			if a == nil || b != nil && bytes.Compare(b.id[:], a.id[:]) < 0 {
				next = small
			}
			if a == nil && b == nil || !yield(next.take(), nil) {
				return
			}
		}
	}
}

// pager walks through a table page by page, so that nothing is held meanwhile.
type pager struct {
	read  func(ctx context.Context, after []byte, limit int) ([]row, error)
	page  []row
	after []byte
	done  bool
}

// peek is the next row, or nil at the end.
func (p *pager) peek(ctx context.Context) (*row, error) {
	if len(p.page) == 0 && !p.done {
		if p.after == nil {
			p.after = []byte{} // NULL is not before anything
		}
		page, err := p.read(ctx, p.after, pageRows)
		if err != nil {
			return nil, err
		}
		p.page, p.done = page, len(page) < pageRows
	}
	if len(p.page) == 0 {
		return nil, nil
	}
	return &p.page[0], nil
}

func (p *pager) take() row {
	r := p.page[0]
	p.page, p.after = p.page[1:], bytes.Clone(r.id[:])
	return r
}

// linkWindow reads the links of many files at once, for a walk in order of id.
type linkWindow struct {
	through shoal.FileID // the last id that links covers
	filled  bool
	links   map[shoal.FileID][]linkRow
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
func (w *linkWindow) present(ctx context.Context, r *records, at row) (int, error) {
	if err := w.cover(ctx, r, at.id); err != nil {
		return 0, err
	}
	links := w.links[at.id]
	if len(links) == 0 {
		return at.present, nil
	}
	all, err := at.bitmap()
	if err != nil { // loading the file finds out
		all = content.NewBitmap(at.chunks())
	}
	for _, l := range links {
		if bits, err := unpackBits(l.bits, l.present, at.chunks()); err == nil { // as above
			all.Union(bits)
		}
	}
	return all.Count(), nil
}

// cover reads the links from id on, as many as make a page.
func (w *linkWindow) cover(ctx context.Context, r *records, id shoal.FileID) error {
	if w.filled && bytes.Compare(id[:], w.through[:]) <= 0 {
		return nil
	}
	rows, err := r.linksFrom(ctx, id, pageRows)
	if err != nil {
		return err
	}
	w.links, w.filled, w.through = map[shoal.FileID][]linkRow{}, true, maxFileID()
	if len(rows) == pageRows {
		// The last file may have more of them: it begins the next page, unless
		// it fills this one.
		last := rows[len(rows)-1].id
		for len(rows) > 0 && rows[len(rows)-1].id == last {
			rows = rows[:len(rows)-1]
		}
		if len(rows) == 0 {
			if rows, err = r.links(ctx, last); err != nil {
				return err
			}
		}
		w.through = rows[len(rows)-1].id
	}
	for _, l := range rows {
		w.links[l.id] = append(w.links[l.id], l)
	}
	return nil
}
