package journal

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"shoal"
	"shoal/internal/record"
	"shoal/internal/sqlite"
)

// Check looks at everything: the database's structure, and every signature. It
// reads the whole journal.
func (j *Journal) Check(ctx context.Context) error {
	if err := j.data.Check(ctx); err != nil {
		return fmt.Errorf("check the journal: %w", err)
	}
	for s, err := range j.pages(ctx, 0) {
		if err == nil {
			_, err = record.Verify(j.cfg.Shoal, s.data)
		}
		if err != nil {
			return fmt.Errorf("check the journal: %w", j.data.Explain(fmt.Errorf("%w: %w", sqlite.ErrDamaged, err)))
		}
	}
	return nil
}

// Repaired is what Repair did.
type Repaired struct {
	Aside string // where the damaged journal is now; "" if there was none
	Saved int    // batches that could still be read and are what their authors signed
}

// Repair makes a sound journal of a damaged one, which it sets aside: of the
// batches that can still be read and whose signature holds, each author's up to
// the first that is missing. It must not be open. The rest comes back from peers,
// who give what is after an author's last batch and nothing before it. Where
// nobody but one has ever said anything there are none, and all of it is kept.
func Repair(ctx context.Context, path string, shoalID shoal.NodeID) (Repaired, error) {
	aside, err := sqlite.SetAside(path)
	if err != nil {
		return Repaired{}, fmt.Errorf("set the damaged journal aside: %w", err)
	}
	batches, err := salvage(ctx, aside, shoalID)
	if err != nil {
		return Repaired{Aside: aside}, fmt.Errorf("read the damaged journal: %w", err)
	}
	data, err := sqlite.Open(ctx, path, format())
	if err != nil {
		return Repaired{Aside: aside}, fmt.Errorf("make a new journal: %w", err)
	}
	j := &Journal{data: data, vector: record.Vector{}}
	_, err = j.write(ctx, batches)
	if err == nil {
		err = j.keepBirth(ctx, doubtful)
	}
	if err = errors.Join(err, data.Close()); err != nil {
		return Repaired{Aside: aside}, fmt.Errorf("write the new journal: %w", err)
	}
	return Repaired{Aside: aside, Saved: len(batches)}, nil
}

// name is what tells a batch from all others.
type name struct {
	author shoal.NodeID
	seq    uint64
}

func (n name) compare(o name) int {
	return cmp.Or(cmp.Compare(n.author, o.author), cmp.Compare(n.seq, o.seq))
}

// salvage reads the sound batches of a damaged journal: from the first on and
// from the last back, each until reading fails, and one by one what lies between
// as far as the index names it.
func salvage(ctx context.Context, path string, shoalID shoal.NodeID) ([]incoming, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, nil //nolint:nilerr // only its log was left, which means nothing alone
	}
	damaged, err := sqlite.OpenDamaged(path)
	if err != nil {
		return nil, err
	}
	saved := make(map[name]incoming)
	named, err := readDamaged(ctx, damaged, shoalID, saved)
	batches := slices.Collect(maps.Values(saved))
	slices.SortFunc(batches, func(a, b incoming) int {
		return name{a.Author, a.Seq}.compare(name{b.Author, b.Seq})
	})
	var authors int
	if damaged.QueryRowContext(ctx, "SELECT count(*) FROM authors").Scan(&authors) != nil || authors != 1 {
		batches = unbroken(batches, named)
	}
	return batches, errors.Join(err, damaged.Close())
}

// readDamaged reads the sound batches of a damaged journal into saved. It returns
// the names in the index, in order, or nil if the index is damaged too.
func readDamaged(ctx context.Context, damaged *sql.DB, shoalID shoal.NodeID, saved map[name]incoming) (named []name, err error) {
	odd := false // a key in the index is not a name
	table := sqlite.Salvage{
		From: damaged,
		All:  "SELECT data FROM batches NOT INDEXED ORDER BY place %s",
		Keys: "SELECT author, seq FROM batches INDEXED BY batches_by_author ORDER BY author %s, seq %[1]s",
		One:  "SELECT data FROM batches WHERE author = ? AND seq = ?",
		Keep: func(row *sql.Rows) (bool, error) {
			b, ok := sound(row, shoalID)
			if ok {
				saved[name{b.Author, b.Seq}] = b
			}
			return ok, nil
		},
		Known: func(key []any) (bool, error) {
			n, ok := nameOf(key)
			if odd = odd || !ok; !ok {
				return true, nil
			}
			named = append(named, n)
			_, is := saved[n]
			return is, nil
		},
	}
	if _, err := table.Rows(ctx); err != nil {
		return nil, err
	}
	_, all, err := table.ByKey(ctx)
	if !all || odd {
		return nil, err
	}
	slices.SortFunc(named, name.compare)
	return slices.Compact(named), err
}

// nameOf reads a batch's name from a row of the index.
func nameOf(key []any) (name, bool) {
	author, isText := key[0].(string)
	seq, isNumber := key[1].(int64)
	return name{shoal.NodeID(author), uint64(seq)}, isText && isNumber
}

// unbroken is, of batches in order, each author's up to the first that is missing:
// one that is listed and not among them or, where there is no list, any number
// that is left out.
func unbroken(batches []incoming, listed []name) []incoming {
	var kept []incoming
	var last name // the last batch of the author that was kept
	broken := false
	for _, b := range batches {
		if b.Author != last.author {
			last, broken = name{author: b.Author}, false
		}
		next := name{b.Author, last.seq + 1}
		if at, _ := slices.BinarySearchFunc(listed, next, name.compare); at < len(listed) && listed[at].author == b.Author {
			next = listed[at]
		}
		if broken = broken || b.Seq != next.seq; !broken {
			kept, last = append(kept, b), next
		}
	}
	return kept
}

// sound reads a batch, and reports whether its author signed it.
func sound(row *sql.Rows, shoalID shoal.NodeID) (incoming, bool) {
	var data []byte
	if row.Scan(&data) != nil {
		return incoming{}, false
	}
	b, err := record.Verify(shoalID, data)
	return incoming{Batch: b, data: data}, err == nil
}
