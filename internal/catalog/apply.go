package catalog

import (
	"context"
	"database/sql"
	"fmt"

	"shoal"
	"shoal/internal/catalog/merge"
	"shoal/internal/journal"
	"shoal/internal/record"
)

// applyAtOnce is how many batches are applied in one transaction when the
// catalogue is behind.
const applyAtOnce = 256

// Apply takes in batches that the journal has made durable. It is for the
// journal's Apply. What cannot be applied now, on a full disk say, is tried
// again with the next, and at the next start.
func (c *Catalog) Apply(items []journal.Item) {
	c.applying.Lock()
	defer c.applying.Unlock()
	// The journal's context is long gone or must not matter: the batches are
	// in it, whoever asked for them.
	ctx := context.Background()
	var err error
	if c.behind(items) {
		err = c.catchUp(ctx)
	} else {
		err = c.apply(ctx, items)
	}
	c.late.Store(err != nil)
	if err != nil {
		c.cfg.Log.Error("the catalogue is behind the journal", "err", err)
	}
}

// Late reports whether the journal has what the catalogue could not take in: then
// it may not know a name that there is. It does not block.
func (c *Catalog) Late() bool {
	return c.late.Load()
}

// behind reports whether something before the items was not applied. Places
// have gaps only where batches were taken out again, so it may be wrong, at no
// cost but time.
func (c *Catalog) behind(items []journal.Item) bool { return items[0].Place != c.place+1 }

// catchUp applies what is in the journal and not yet here.
func (c *Catalog) catchUp(ctx context.Context) error {
	var items []journal.Item
	for item, err := range c.journal.Replay(ctx, c.place) {
		if err != nil {
			return err
		}
		if items = append(items, item); len(items) == applyAtOnce {
			if err := c.apply(ctx, items); err != nil {
				return err
			}
			items = items[:0]
		}
	}
	return c.apply(ctx, items)
}

// apply takes in batches, all or none. The caller holds applying.
func (c *Catalog) apply(ctx context.Context, items []journal.Item) error {
	if len(items) == 0 {
		return nil
	}
	last := items[len(items)-1].Place
	err := c.data.Transact(ctx, func(tx *sql.Tx) error {
		a := c.newApplication(tx)
		for _, item := range items {
			if err := a.batch(item.Batch); err != nil {
				return fmt.Errorf("apply batch %d of %s: %w", item.Seq, item.Author.Short(), err)
			}
		}
		_, err := tx.Exec("UPDATE progress SET place = ?", last)
		return err
	})
	if err == nil {
		c.place = last
	}
	return err
}

// application is batches being applied in a transaction.
type application struct {
	c        *Catalog
	now      int64
	tx       *sql.Tx
	prepared map[string]*sql.Stmt   // in tx, by their text
	numbers  map[shoal.NodeID]int64 // of authors
}

const insertVersion = `INSERT OR IGNORE INTO versions (name, stamp, author, batch, state, since, file, size, chunk, copies, added, over)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

func (c *Catalog) newApplication(tx *sql.Tx) *application {
	return &application{c: c, tx: tx, now: c.cfg.Now().UnixMilli(), prepared: make(map[string]*sql.Stmt), numbers: make(map[shoal.NodeID]int64)}
}

// statement prepares what is asked for each record of many once.
func (a *application) statement(text string) (*sql.Stmt, error) {
	if s := a.prepared[text]; s != nil {
		return s, nil
	}
	s, err := a.tx.Prepare(text)
	a.prepared[text] = s
	return s, err
}

func (a *application) exec(text string, args ...any) (sql.Result, error) {
	s, err := a.statement(text)
	if err != nil {
		return nil, err
	}
	return s.Exec(args...)
}

// QueryContext makes an application a querier.
func (a *application) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	s, err := a.statement(text)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

const latestStamp = "SELECT max(stamp) FROM versions WHERE name = ?"

// latest is the latest stamp of a name, if it has any.
func (a *application) latest(name string) (stamp sql.NullInt64, err error) {
	s, err := a.statement(latestStamp)
	if err == nil {
		err = s.QueryRow(name).Scan(&stamp)
	}
	return stamp, err
}

// show has a search find a version, by the name it is shown under.
func (a *application) show(number int64, name string) error {
	_, err := a.exec("INSERT INTO search (rowid, name) VALUES (?, ?)", number, name)
	return err
}

// hide has no search find a version any more.
func (a *application) hide(number int64) error {
	_, err := a.exec("DELETE FROM search WHERE rowid = ?", number)
	return err
}

// batch takes in one batch. A record of the catalogue that is malformed says
// nothing; those of other kinds are for others.
func (a *application) batch(b record.Batch) error {
	for _, r := range b.Records {
		var err error
		switch dot := (merge.Dot{Stamp: r.Stamp, Author: b.Author}); r.Kind {
		case record.KindPut:
			put, parseErr := merge.ParsePut(r.Body)
			if parseErr != nil {
				a.c.cfg.Log.Warn("a record is malformed", "author", b.Author, "batch", b.Seq, "err", parseErr)
				continue
			}
			err = a.version(put.Name, put.Version(dot), put, b.Seq)
		case record.KindDrop:
			drop, parseErr := merge.ParseDrop(r.Body)
			if parseErr != nil {
				a.c.cfg.Log.Warn("a record is malformed", "author", b.Author, "batch", b.Seq, "err", parseErr)
				continue
			}
			err = a.version(drop.Name, drop.Version(dot), merge.Put{}, b.Seq)
		default:
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// version takes in one version of a name. put is empty for a drop.
func (a *application) version(name string, v merge.Version, put merge.Put, batch uint64) error {
	latest, err := a.latest(name)
	if err != nil {
		return err
	}
	number, err := a.add(name, v, put, batch)
	if err != nil || number == 0 {
		return err
	}
	switch {
	case !latest.Valid: // the first of its name was added in the state it has
		return nil
	case int64(v.Stamp) > latest.Int64: // nothing that is known can have replaced it
		return a.settle(name, heads)
	}
	return a.settle(name, all)
}

// add adds a version, as if it were the only one of its name, and returns its
// number: 0 if it is known already.
func (a *application) add(name string, v merge.Version, put merge.Put, batch uint64) (number int64, err error) {
	author, err := a.number(v.Author)
	if err != nil {
		return 0, err
	}
	st, since, file, over, added := current, int64(0), any(v.File[:]), any(nil), put.Added.UnixMilli()
	if v.IsDrop() {
		st, since, file, added = dropped, a.now, nil, 0
	}
	if len(v.Over) > 0 {
		over = appendDots(nil, v.Over)
	}
	result, err := a.exec(insertVersion, name, int64(v.Stamp), author, int64(batch), st, since, file, put.Size, int64(put.ChunkSize), put.Copies, added, over)
	if err != nil {
		return 0, err
	}
	if rows, err := result.RowsAffected(); err != nil || rows == 0 {
		return 0, err
	}
	number, err = result.LastInsertId()
	if err == nil && st == current {
		err = a.show(number, name)
	}
	return number, err
}

// number is what stands for a node in the rows.
func (a *application) number(node shoal.NodeID) (int64, error) {
	if number, ok := a.numbers[node]; ok {
		return number, nil
	}
	const find = "INSERT INTO authors (node) VALUES (?) ON CONFLICT (node) DO UPDATE SET node = node RETURNING number"
	var number int64
	err := a.tx.QueryRow(find, string(node)).Scan(&number)
	a.numbers[node] = number
	return number, err
}

// settle gives the versions of a name the states they have by the rules of
// merge, looking at those that which says.
func (a *application) settle(name, which string) error {
	known, err := loadVersions(a, name, which)
	if err != nil {
		return err
	}
	states := statesOf(known.name())
	for _, v := range known {
		want, isHead := states[v.Dot]
		if !isHead {
			want = gone
		}
		if want == v.state {
			continue
		}
		if err := a.change(name, v, want); err != nil {
			return fmt.Errorf("name %q: %w", name, err)
		}
	}
	return nil
}

// statesOf is the states of the heads of a name.
func statesOf(n merge.Name) map[merge.Dot]state {
	states := make(map[merge.Dot]state)
	for _, head := range n.Heads() {
		states[head.Dot] = dropped
	}
	meaning, ok := n.Meaning()
	if !ok {
		return states
	}
	states[meaning.Current.Dot] = current
	for _, v := range meaning.Conflicts {
		states[v.Dot] = conflict
	}
	for _, v := range meaning.Twins {
		states[v.Dot] = twin
	}
	return states
}

// change gives a version another state.
func (a *application) change(name string, v known, to state) error {
	shown := any(nil)
	text := name
	if to == conflict {
		text = merge.ConflictName(name, v.Dot)
		shown = text
	}
	since := int64(0)
	if to >= dropped {
		since = a.now
	}
	if _, err := a.exec("UPDATE versions SET state = ?, since = ?, shown = ? WHERE number = ?", to, since, shown, v.number); err != nil {
		return err
	}
	if v.state <= conflict {
		if err := a.hide(v.number); err != nil {
			return err
		}
	}
	if to <= conflict {
		return a.show(v.number, text)
	}
	return nil
}
