package catalog

import (
	"context"
	"fmt"
	"time"

	"shoal"
	"shoal/internal/catalog/merge"
	"shoal/internal/content"
	"shoal/internal/record"
)

// maxWrites is how many calls share a batch: one of the longest records each
// still fit.
const maxWrites = record.MaxBatch / (record.MaxBody + 64)

// write is what one call wants said: names that shall point at files, and
// entries that shall not be any more.
type write struct {
	puts  []shoal.Entry
	drops []shoal.Entry
	err   error // why this write was left out of its commit
}

// Put has each entry's name point at its file, for all nodes. What the name
// meant before goes to the trash. The entries are durable on this node when it
// returns; calls made at the same time share a commit. A call has at most
// MaxPut entries. Errors: shoal.Usage for an entry out of bounds,
// shoal.NoSpace. If ctx ends while Put waits, the entries may have been
// written or not.
func (c *Catalog) Put(ctx context.Context, entries ...shoal.Entry) error {
	return c.Change(ctx, entries, nil)
}

// Drop takes away entries as List or Resolve gave them. A name someone has given
// another file meanwhile, or in conflict, keeps that. It is as durable as Put.
func (c *Catalog) Drop(ctx context.Context, entries ...shoal.Entry) error {
	return c.Change(ctx, nil, entries)
}

// DropAll takes away every name of a file, MaxPut at a time. Errors: as for Put, after
// which some names may be gone.
func (c *Catalog) DropAll(ctx context.Context, id shoal.FileID) error {
	for {
		entries, err := c.Of(ctx, id)
		if err != nil || len(entries) == 0 {
			return err
		}
		if err := c.Drop(ctx, entries[:min(len(entries), MaxPut)]...); err != nil {
			return err
		}
	}
}

// Move gives an entry another name, in one step. Errors: as for Put.
func (c *Catalog) Move(ctx context.Context, entry shoal.Entry, name string) error {
	renamed := entry
	renamed.Name, renamed.Conflict = name, false
	return c.Change(ctx, []shoal.Entry{renamed}, []shoal.Entry{entry})
}

// Change puts and drops entries in one step, together at most MaxPut. Nothing of
// both is no error. Errors: as for Put.
func (c *Catalog) Change(ctx context.Context, puts, drops []shoal.Entry) error {
	for _, e := range puts {
		if err := putOf(e).Check(); err != nil {
			return fmt.Errorf("put entry: %w", err)
		}
	}
	if len(puts)+len(drops) == 0 {
		return nil
	}
	return c.write(ctx, &write{puts: puts, drops: drops})
}

// MaxPut is the most entries of one call.
const MaxPut = 64

func (c *Catalog) write(ctx context.Context, w *write) error {
	if len(w.puts)+len(w.drops) > MaxPut {
		return fmt.Errorf("%d entries at once, where %d are the most: %w", len(w.puts)+len(w.drops), MaxPut, shoal.Usage)
	}
	if err := c.writes.Do(ctx, w); err != nil {
		return fmt.Errorf("write to the catalogue: %w", err)
	}
	return w.err
}

func putOf(e shoal.Entry) merge.Put {
	return merge.Put{
		Name: e.Name, File: e.ID, Size: e.Size, ChunkSize: content.ChunkSize(e.ChunkSize), Copies: e.Copies,
		Added: e.Added.Truncate(time.Millisecond),
	}
}

// commit says what the calls want said, in as few batches as the bounds allow.
func (c *Catalog) commit(writes []*write) error {
	ctx := context.Background() // a commit is for many callers
	for len(writes) > 0 {
		var rest []*write
		_, err := c.journal.Append(ctx, func(next func() record.Stamp) (records []record.Record, err error) {
			d := draft{c: c, next: next, names: make(map[string]versions), size: 0}
			records, rest, err = d.write(writes)
			return records, err
		})
		if err != nil {
			return err
		}
		writes = rest
	}
	return nil
}

// draft is a batch being written.
type draft struct {
	c     *Catalog
	next  func() record.Stamp
	names map[string]versions // as they will be
	size  int                 // bytes of records
}

// batchBudget is how many bytes of records a batch takes before the next
// call's go into another.
const batchBudget = record.MaxBatch / 2

// write drafts the records of calls until the batch is full; rest is the calls
// that are left.
func (d *draft) write(writes []*write) (records []record.Record, rest []*write, err error) {
	for i, w := range writes {
		if d.size > batchBudget || len(records)+len(w.puts)+len(w.drops) > record.MaxRecords {
			return records, writes[i:], nil
		}
		for _, e := range w.drops {
			r, err := d.drop(e)
			if err != nil {
				return nil, nil, err
			}
			if r.Kind != 0 {
				records = append(records, r)
			}
		}
		for _, e := range w.puts {
			r, err := d.put(e)
			if err != nil {
				return nil, nil, err
			}
			records = append(records, r)
		}
	}
	return records, nil, nil
}

func (d *draft) put(e shoal.Entry) (record.Record, error) {
	p := putOf(e)
	name, err := d.load(p.Name)
	if err != nil {
		return record.Record{}, err
	}
	p.Over = name.name().Over()
	body, err := p.Append(nil)
	if err != nil {
		return record.Record{}, err
	}
	return d.record(record.KindPut, p.Name, body, p.Version), nil
}

// drop drafts the removal of the versions an entry stands for: those of its
// name that point at its file. There may be none any more; then it drafts
// nothing.
func (d *draft) drop(e shoal.Entry) (record.Record, error) {
	drop, err := d.removal(e)
	if err != nil || len(drop.Over) == 0 {
		return record.Record{}, err
	}
	body, err := drop.Append(nil)
	if err != nil {
		return record.Record{}, err
	}
	return d.record(record.KindDrop, drop.Name, body, drop.Version), nil
}

func (d *draft) removal(e shoal.Entry) (merge.Drop, error) {
	drop := merge.Drop{Name: e.Name}
	if e.Conflict {
		name, err := d.c.conflictOf(e)
		if err != nil {
			return drop, err
		}
		drop.Name = name
	}
	known, err := d.load(drop.Name)
	if err != nil {
		return drop, err
	}
	for _, head := range known.name().Heads() {
		if head.File == e.ID && len(drop.Over) < merge.MaxOver {
			drop.Over = append(drop.Over, head.Dot)
		}
	}
	return drop, nil
}

// record gives a body its stamp, and has the rest of the draft know of it.
func (d *draft) record(kind record.Kind, name string, body []byte, version func(merge.Dot) merge.Version) record.Record {
	r := record.Record{Stamp: d.next(), Kind: kind, Body: body}
	v := known{Version: version(merge.Dot{Stamp: r.Stamp, Author: d.c.journal.Self()})}
	d.names[name] = append(d.names[name], v)
	d.size += len(body)
	return r
}

// load gives what is known of a name, with what the draft says of it.
func (d *draft) load(name string) (versions, error) {
	if vs, ok := d.names[name]; ok {
		return vs, nil
	}
	vs, err := loadVersions(d.c.data, name, heads)
	if err != nil {
		return nil, d.c.data.Explain(err)
	}
	d.names[name] = vs
	return vs, nil
}
