package journal

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"

	"shoal"
	"shoal/internal/catalog/database"
	"shoal/internal/record"
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
			return fmt.Errorf("check the journal: %w: %w", database.ErrDamaged, err)
		}
	}
	return nil
}

// Repaired is what Repair did.
type Repaired struct {
	Aside string // where the damaged journal is now; "" if there was none
	Saved int    // batches that could still be read and are what their authors signed
}

// Repair makes a sound journal of a damaged one, which it sets aside: every
// batch that can still be read, from either end up to the damage, and whose
// signature holds. It must not be open. What could not be saved comes back
// from peers.
func Repair(ctx context.Context, path string, shoalID shoal.NodeID) (Repaired, error) {
	aside, err := database.SetAside(path)
	if err != nil {
		return Repaired{}, fmt.Errorf("set the damaged journal aside: %w", err)
	}
	batches, err := salvage(ctx, aside, shoalID)
	if err != nil {
		return Repaired{Aside: aside}, fmt.Errorf("read the damaged journal: %w", err)
	}
	data, err := database.Open(ctx, path, format())
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

// salvage reads the sound batches of a damaged journal: from the first on and
// from the last back, each until reading fails.
func salvage(ctx context.Context, path string, shoalID shoal.NodeID) ([]incoming, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, nil //nolint:nilerr // only its log was left, which means nothing alone
	}
	damaged, err := database.OpenDamaged(path)
	if err != nil {
		return nil, err
	}
	type name struct {
		author shoal.NodeID
		seq    uint64
	}
	saved := make(map[name]incoming)
	for _, order := range []string{"ASC", "DESC"} {
		rows, err := damaged.QueryContext(ctx, "SELECT data FROM batches NOT INDEXED ORDER BY place "+order)
		if err != nil {
			continue
		}
		for _, b := range sound(rows, shoalID) {
			saved[name{b.Author, b.Seq}] = b
		}
	}
	batches := make([]incoming, 0, len(saved))
	for _, b := range saved {
		batches = append(batches, b)
	}
	slices.SortFunc(batches, func(a, b incoming) int {
		return cmp.Or(cmp.Compare(a.Author, b.Author), cmp.Compare(a.Seq, b.Seq))
	})
	return batches, errors.Join(ctx.Err(), damaged.Close())
}

// sound reads rows until that fails, and keeps what its author signed.
func sound(rows *sql.Rows, shoalID shoal.NodeID) []incoming {
	var batches []incoming
	for rows.Next() {
		var data []byte
		if rows.Scan(&data) != nil {
			continue
		}
		if b, err := record.Verify(shoalID, data); err == nil {
			batches = append(batches, incoming{Batch: b, data: data})
		}
	}
	_ = rows.Close() // damage is what is expected here
	return batches
}
