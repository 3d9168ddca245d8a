package journal

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"shoal"
	"shoal/internal/record"
)

// ErrGap is why a batch is put off whose predecessor is not here yet.
var ErrGap = errors.New("the batch before it is missing")

// Taken is what Take did.
type Taken struct {
	New    int   // batches that were not here
	PutOff int   // batches that may not be taken yet
	Reason error // why the first was put off
}

// Again reports whether what was put off may be taken when it is given again: the
// batches before it have been taken now, or are missing.
func (t Taken) Again() bool { return t.New > 0 || errors.Is(t.Reason, ErrGap) }

// Take takes in batches that a peer gave, as After gives them: each author's in
// ascending order. Those that are here are passed over, and one whose
// predecessor is not here yet is put off. Errors: record.ErrMalformed and record.ErrForged,
// which are the peer's fault, and of what it gave with them nothing is taken;
// shoal.NoSpace.
//
// Checking signatures is most of the work; it is done before others have to
// wait.
func (j *Journal) Take(ctx context.Context, pieces []Piece) (Taken, error) {
	parsed, offered := make([]incoming, 0, len(pieces)), make([]Offered, 0, len(pieces))
	known := j.Vector()
	for _, piece := range pieces {
		b, err := record.Parse(piece.Data)
		if err != nil {
			return Taken{}, fmt.Errorf("take batches: %w", err)
		}
		if b.Seq <= known[b.Author] {
			continue
		}
		if _, err := record.Verify(j.cfg.Shoal, piece.Data); err != nil {
			return Taken{}, fmt.Errorf("take batches: %w", err)
		}
		parsed = append(parsed, incoming{b, piece.Data})
		offered = append(offered, Offered{b, piece.After})
	}
	j.writing.Lock()
	defer j.writing.Unlock()
	taken, fit := Choose(offered, j.Vector(), j.admits)
	if len(fit) == 0 {
		return taken, nil
	}
	batches := make([]incoming, len(fit))
	for i, n := range fit {
		batches[i] = parsed[n]
	}
	if _, err := j.write(ctx, batches); err != nil {
		return Taken{}, fmt.Errorf("take batches: %w", err)
	}
	return taken, nil
}

// Offered is a batch that a peer gave, and the number of the author's batch before
// it that is still kept.
type Offered struct {
	record.Batch
	After uint64
}

// Choose tells which of the batches that were offered, each author's in ascending
// order, may be taken in by who has come as far as reached, which it moves on. One
// that may not holds up all later ones of its author. It is pure, so that
// simulated nodes decide as this journal does.
func Choose(offered []Offered, reached record.Vector, admits func(record.Batch) error) (taken Taken, fit []int) {
	held := make(map[shoal.NodeID]bool)
	for i, b := range offered {
		if b.Seq <= reached[b.Author] {
			continue
		}
		err := admits(b.Batch)
		if b.After > reached[b.Author] {
			err = ErrGap
		}
		if err != nil && !held[b.Author] {
			held[b.Author] = true
			taken.Reason = cmp.Or(taken.Reason, err)
		}
		if held[b.Author] {
			taken.PutOff++
			continue
		}
		reached[b.Author] = b.Seq
		fit = append(fit, i)
	}
	taken.New = len(fit)
	return taken, fit
}

// admits reports whether a batch may be taken now.
func (j *Journal) admits(b record.Batch) error {
	j.mu.Lock()
	clock := j.clock // a copy: the stamps count only once the batch is taken
	j.mu.Unlock()
	for _, r := range b.Records {
		if err := clock.Hear(r.Stamp, j.cfg.Now()); err != nil {
			return fmt.Errorf("batch %d of %s: %w", b.Seq, b.Author.Short(), err)
		}
	}
	if j.cfg.Admits == nil {
		return nil
	}
	return j.cfg.Admits(b)
}

// Void takes back what an author said after a number: the author was cut off
// there. It returns the batches that were taken back, which are no longer
// in the journal. Whoever has heard them and whoever never will are as far with
// the author then.
func (j *Journal) Void(ctx context.Context, author shoal.NodeID, after uint64) ([]Item, error) {
	j.writing.Lock()
	defer j.writing.Unlock()
	var items []Item
	for item, err := range j.read(ctx, "SELECT place, data FROM batches WHERE author = ? AND seq > ? ORDER BY seq", string(author), int64(after)) {
		if err != nil {
			return nil, fmt.Errorf("void batches of %s: %w", author.Short(), err)
		}
		items = append(items, item.Item)
	}
	if err := j.remove(ctx, items); err != nil {
		return nil, err
	}
	return items, j.goBack(ctx, author, after)
}

// goBack notes that of an author's batches those after a number are gone.
func (j *Journal) goBack(ctx context.Context, author shoal.NodeID, after uint64) error {
	if j.Vector()[author] <= after {
		return nil
	}
	err := j.data.Transact(ctx, func(tx *sql.Tx) error {
		change, args := "UPDATE authors SET upto = ?2 WHERE node = ?1", []any{string(author), int64(after)}
		if after == 0 { // as if it had never been heard
			change, args = "DELETE FROM authors WHERE node = ?1", args[:1]
		}
		_, err := tx.Exec(change, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("void batches of %s: %w", author.Short(), err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, v := range []record.Vector{j.vector, j.applied} {
		if v[author] = min(v[author], after); after == 0 {
			delete(v, author)
		}
	}
	return nil
}
