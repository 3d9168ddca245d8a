// Package journal keeps what every node of the shoal has said: the signed
// batches of records, each author's in the order of their numbers, durably. It
// signs and numbers what this node says, checks what others are said to have
// said, and gives peers what they lack.
//
// What the records mean is not its business: catalogue and roster are views
// over them, and can be made again from here.
package journal

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"shoal"
	"shoal/internal/record"
	"shoal/internal/sqlite"
)

// Config says whose journal it is.
type Config struct {
	Shoal shoal.NodeID       // the founder's id, which names the shoal
	Key   ed25519.PrivateKey // this node's identity
	Now   func() time.Time   // the wall clock

	// Admits reports whether the batch may be taken in: nil, or why not. One
	// that may not is put off, with all later ones of its author, and offered
	// again by the next peer that has it.
	Admits func(record.Batch) error

	// Ready blocks until this node may say something: whoever restored its folder
	// from a backup must first hear from the others what it said since, or it
	// would number anew from there. Its error is Append's. Nil is ready at once.
	Ready func(context.Context) error

	// Apply is called with the batches that were made durable, in that order,
	// from one goroutine at a time, before Append or Take returns.
	Apply func([]Item)
}

// Item is a batch and its place in the journal. Later places are greater.
type Item struct {
	Place int64
	record.Batch
}

// Journal is an open journal. Its methods are safe for use by many goroutines
// at once.
type Journal struct {
	cfg  Config
	self shoal.NodeID
	path string
	data *sqlite.DB

	writing sync.Mutex // held by whoever appends or takes, from the first look to the last Apply

	mu      sync.Mutex // of what is below
	moved   bool
	clock   record.Clock
	vector  record.Vector
	applied record.Vector
	grown   chan struct{} // closed when applied moves on; nil if nobody waits for it
}

// format: application is "shoj" in ASCII.
func format() sqlite.Format {
	return sqlite.Format{
		Application: 0x73686f6a, Version: 1, Durability: sqlite.OnCommit,
		Steps: []string{`
CREATE TABLE authors (
	node  TEXT    PRIMARY KEY,
	upto  INTEGER NOT NULL,
	stamp INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE batches (
	place  INTEGER PRIMARY KEY AUTOINCREMENT,
	author TEXT    NOT NULL,
	seq    INTEGER NOT NULL,
	data   BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX batches_by_author ON batches (author, seq);
` + origin + births},
		Code: shoal.Integrity,
		Hint: "stop the node and run `shoal doctor --rebuild`: it keeps the damaged file aside, saves what can be read, and the rest comes from the other nodes",
	}
}

// origin is a table with one row, which tells this journal from every other: its
// places mean nothing in another. Journals from before there was one get it when
// they are opened.
const origin = `
CREATE TABLE IF NOT EXISTS origin (id BLOB NOT NULL) STRICT;
INSERT INTO origin SELECT randomblob(16) WHERE NOT EXISTS (SELECT 1 FROM origin);
`

// Origin tells this journal from every other, and how far its places go: one that
// was made anew, or got from a backup, is another or does not go as far.
func (j *Journal) Origin(ctx context.Context) (id []byte, last int64, err error) {
	const find = "SELECT id, (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'batches') FROM origin"
	if err := j.data.Readers.QueryRowContext(ctx, find).Scan(&id, &last); err != nil {
		return nil, 0, fmt.Errorf("look for the journal's origin: %w", j.data.Explain(err))
	}
	return id, last, nil
}

// Open opens the journal at path, and makes it if nothing is there. One that is
// damaged is sqlite.ErrDamaged; see Repair.
func Open(ctx context.Context, path string, cfg Config) (*Journal, error) {
	data, err := sqlite.Open(ctx, path, format())
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	j := &Journal{
		cfg: cfg, self: record.NodeOf(cfg.Key.Public().(ed25519.PublicKey)), path: path, data: data, vector: record.Vector{},
	}
	if err := j.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the journal: %w", data.Explain(err)), data.Close())
	}
	j.settle()
	return j, nil
}

// OpenToRead opens the journal of a shoal to be looked at: nothing is changed, and
// it can be Checked and Replayed and asked whether it was Moved, no more. Nobody else may have it open. Errors
// are as for Open, and fs.ErrNotExist.
func OpenToRead(ctx context.Context, path string, shoalID shoal.NodeID) (*Journal, error) {
	data, err := sqlite.OpenToRead(ctx, path, format())
	if err != nil {
		return nil, fmt.Errorf("look at the journal: %w", err)
	}
	j := &Journal{cfg: Config{Shoal: shoalID}, path: path, data: data}
	if err := j.readBirth(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("look at the journal: %w", err), data.Close())
	}
	return j, nil
}

// Close gives the journal back.
func (j *Journal) Close() error { return j.data.Close() }

// load reads how far the journal is.
func (j *Journal) load(ctx context.Context) error {
	if _, err := j.data.Writer.ExecContext(ctx, origin+births); err != nil {
		return err
	}
	if err := j.loadBirth(ctx); err != nil {
		return err
	}
	rows, err := j.data.Readers.QueryContext(ctx, "SELECT node, upto, stamp FROM authors")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var node string
		var upto, stamp int64
		if err := rows.Scan(&node, &upto, &stamp); err != nil {
			return err
		}
		j.vector[shoal.NodeID(node)] = uint64(upto)
		// Stamps in the journal were believed when they were taken in.
		_ = j.clock.Hear(record.Stamp(stamp), record.Stamp(stamp).Time())
	}
	return rows.Err()
}

// Self is the id of the node whose journal it is.
func (j *Journal) Self() shoal.NodeID { return j.self }

// Vector is how far the journal has each author.
func (j *Journal) Vector() record.Vector {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.vector)
}

// Upto is how far the journal has an author; 0 if not at all.
func (j *Journal) Upto(author shoal.NodeID) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.vector[author]
}

// Digest is the digest of Vector. Errors: record.ErrMalformed if the vector has
// more authors than a vector may.
func (j *Journal) Digest() ([32]byte, error) { return j.Vector().Digest() }

// Append has this node say something: build makes the records, with stamps it
// takes from next, in order. They are durable, and applied, when Append returns
// the batch. It blocks until the journal is Ready. No records is no batch and no
// error. Errors: build's and Ready's own; shoal.NoSpace; record.ErrMalformed for
// records out of bounds; the cause of ctx's end.
func (j *Journal) Append(ctx context.Context, build func(next func() record.Stamp) ([]record.Record, error)) (Item, error) {
	if j.cfg.Ready != nil {
		if err := j.cfg.Ready(ctx); err != nil {
			return Item{}, err
		}
	}
	j.writing.Lock()
	defer j.writing.Unlock()
	records, err := build(j.nextStamp)
	if err != nil || len(records) == 0 {
		return Item{}, err
	}
	batch := record.Batch{Author: j.self, Seq: j.Upto(j.self) + 1, Records: records}
	data, err := record.Sign(j.cfg.Shoal, j.cfg.Key, batch)
	if err != nil {
		return Item{}, fmt.Errorf("sign batch %d: %w", batch.Seq, err)
	}
	items, err := j.write(ctx, []incoming{{Batch: batch, data: data}})
	if err != nil {
		return Item{}, fmt.Errorf("write batch %d to the journal: %w", batch.Seq, err)
	}
	return items[0], nil
}

// Applied is how far all has been applied: it follows Vector.
func (j *Journal) Applied() record.Vector {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.applied)
}

// Await waits until all that an author said up to a number has been applied. It
// reports false if ctx ends first.
func (j *Journal) Await(ctx context.Context, author shoal.NodeID, upto uint64) bool {
	for {
		reached, grown := j.reached(author, upto)
		if reached {
			return true
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return false
		}
	}
}

// reached reports whether all that an author said up to a number has been applied,
// and gives what is closed when more has.
func (j *Journal) reached(author shoal.NodeID, upto uint64) (so bool, grown <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.grown == nil {
		j.grown = make(chan struct{})
	}
	return j.applied[author] >= upto, j.grown
}

func (j *Journal) settle() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.applied = maps.Clone(j.vector)
	if j.grown != nil {
		close(j.grown)
		j.grown = nil
	}
}

func (j *Journal) nextStamp() record.Stamp {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.clock.Next(j.cfg.Now())
}

// incoming is a batch on its way into the journal.
type incoming struct {
	record.Batch
	data []byte
}

// write makes batches durable, moves the vector on to them, and has them
// applied. The caller holds writing.
func (j *Journal) write(ctx context.Context, batches []incoming) ([]Item, error) {
	items := make([]Item, 0, len(batches))
	reached := reachedBy(batches)
	err := j.data.Transact(ctx, func(tx *sql.Tx) error {
		items = items[:0]
		for _, b := range batches {
			result, err := tx.Exec("INSERT INTO batches (author, seq, data) VALUES (?, ?, ?)", string(b.Author), int64(b.Seq), b.data)
			if err != nil {
				return err
			}
			place, err := result.LastInsertId()
			if err != nil {
				return err
			}
			items = append(items, Item{Place: place, Batch: b.Batch})
		}
		for author, end := range reached {
			const put = `INSERT INTO authors (node, upto, stamp) VALUES (?1, ?2, ?3)
ON CONFLICT (node) DO UPDATE SET upto = max(upto, ?2), stamp = max(stamp, ?3)`
			if _, err := tx.Exec(put, string(author), int64(end.seq), int64(end.stamp)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	j.advance(reached)
	if j.cfg.Apply != nil {
		j.cfg.Apply(items)
	}
	j.settle()
	return items, nil
}

// end is how far an author's records go.
type end struct {
	seq   uint64
	stamp record.Stamp
}

func reachedBy(batches []incoming) map[shoal.NodeID]end {
	ends := make(map[shoal.NodeID]end)
	for _, b := range batches {
		e := ends[b.Author]
		e.seq = max(e.seq, b.Seq)
		for _, r := range b.Records {
			e.stamp = max(e.stamp, r.Stamp)
		}
		ends[b.Author] = e
	}
	return ends
}

func (j *Journal) advance(reached map[shoal.NodeID]end) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for author, e := range reached {
		j.vector[author] = max(j.vector[author], e.seq)
		_ = j.clock.Hear(e.stamp, e.stamp.Time()) // Take has looked whether it can be believed
	}
}
