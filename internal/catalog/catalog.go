// Package catalog is what exists in the shoal: which name points at which file,
// as all nodes have written it. It is a view over the journal (package
// journal), made by the rules of package merge, in a SQLite database that can
// be thrown away and made again.
//
// It does not know whether a file's chunks are here, and it speaks to no peer.
package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"shoal"
	"shoal/internal/journal"
	"shoal/internal/record"
	"shoal/internal/sqlite"
)

// Journal is what a catalogue needs of a journal.Journal, whose Apply must call
// the catalogue's.
type Journal interface {
	Self() shoal.NodeID
	Origin(ctx context.Context) (id []byte, last int64, err error)
	Append(ctx context.Context, build func(next func() record.Stamp) ([]record.Record, error)) (journal.Item, error)
	Replay(ctx context.Context, after int64) iter.Seq2[journal.Item, error]
	Batch(ctx context.Context, author shoal.NodeID, seq uint64) (journal.Item, error)
	Forget(ctx context.Context, items []journal.Item) error
}

// Config says how a catalogue is to be kept.
type Config struct {
	Now   func() time.Time // the wall clock; only ages are told from it
	Trash time.Duration    // how long what was removed or replaced can be had back
	Log   *slog.Logger     // nil logs nothing
}

// Catalog is an open catalogue. Its methods are safe for use by many goroutines
// at once; readers never wait for writers.
type Catalog struct {
	cfg     Config
	path    string
	data    *sqlite.DB
	journal Journal
	writes  *sqlite.Queue[*write]

	late     atomic.Bool // the last batches could not be applied
	applying sync.Mutex  // of place, and of the database's one writer
	place    int64       // in the journal, up to which all is applied
}

// format: application is "shoa" in ASCII. Nothing waits for the disk: what a
// power cut undoes is applied again from the journal.
func format() sqlite.Format {
	return sqlite.Format{Application: 0x73686f61, Version: 4, Durability: sqlite.Later, CacheKiB: 32 << 10, Steps: []string{schema}, Code: shoal.Integrity}
}

// Open opens the view at path. If nothing is there, or what is there is damaged
// or of an older version, it is made anew by the first CatchUp.
func Open(ctx context.Context, path string, cfg Config) (*Catalog, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open catalogue: %w", err)
	}
	c := &Catalog{cfg: cfg, path: path}
	c.writes = sqlite.NewQueue(maxWrites, c.commit)
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// open opens the database at the catalogue's path.
func (c *Catalog) open(ctx context.Context) error {
	data, err := sqlite.Open(ctx, c.path, format())
	if outdated := errors.Is(err, sqlite.ErrOutdated); outdated || errors.Is(err, sqlite.ErrDamaged) {
		level := slog.LevelWarn
		if outdated {
			level = slog.LevelInfo
		}
		c.cfg.Log.Log(ctx, level, "the catalogue is made anew from the journal", "err", err)
		if err := sqlite.Remove(c.path); err != nil {
			return fmt.Errorf("remove the catalogue that was: %w", err)
		}
		data, err = sqlite.Open(ctx, c.path, format())
	}
	if err != nil {
		return fmt.Errorf("open catalogue: %w", err)
	}
	if err := data.Readers.QueryRowContext(ctx, "SELECT place FROM progress").Scan(&c.place); err != nil {
		return errors.Join(fmt.Errorf("open catalogue: %w", data.Explain(err)), data.Close())
	}
	c.data = data
	return nil
}

// OpenToRead opens the view at path to be looked at: nothing is changed, and it
// can be asked, no more. Nobody else may have it open. Errors: fs.ErrNotExist,
// sqlite.ErrDamaged, sqlite.ErrOutdated.
func OpenToRead(ctx context.Context, path string) (*Catalog, error) {
	data, err := sqlite.OpenToRead(ctx, path, format())
	if err != nil {
		return nil, fmt.Errorf("look at the catalogue: %w", err)
	}
	return &Catalog{data: data}, nil
}

// Close gives the database back.
func (c *Catalog) Close() error { return c.data.Close() }

// ErrStranded means that a catalogue shows another journal than the one it is to
// follow, or more of it than there is.
var ErrStranded = errors.New("the catalogue is of another journal")

// Follow has the catalogue show a journal, and write to it: what is in it and not
// yet here is applied before Follow returns. It is called once, before
// anything else. Errors: ErrStranded, after which it can only be read.
func (c *Catalog) Follow(ctx context.Context, j Journal) error {
	c.journal = j
	c.applying.Lock()
	defer c.applying.Unlock()
	if err := c.adopt(ctx); err != nil {
		return err
	}
	return c.catchUp(ctx)
}

// adopt finds out whether what is here came from the journal, and notes which that
// is when nothing is here yet.
func (c *Catalog) adopt(ctx context.Context) error {
	id, last, err := c.journal.Origin(ctx)
	if err != nil {
		return err
	}
	var known []byte
	if err := c.data.Readers.QueryRowContext(ctx, "SELECT journal FROM progress").Scan(&known); err != nil {
		return fmt.Errorf("follow the journal: %w", c.data.Explain(err))
	}
	switch {
	case known == nil && c.place == 0:
		_, err := c.data.Writer.ExecContext(ctx, "UPDATE progress SET journal = ?", id)
		return err
	case !bytes.Equal(known, id) || c.place > last:
		return ErrStranded
	}
	return nil
}
