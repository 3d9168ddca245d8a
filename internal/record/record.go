// Package record is how a node says something to the whole shoal: a record
// with a stamp that orders it, in a numbered batch that its author has signed.
// What the records mean is the business of the packages that make them.
//
// It is pure: it keeps no log, reads no clock and sends nothing.
package record

import (
	"errors"
	"fmt"

	"shoal"
)

// Bounds. What breaks one is malformed.
const (
	MaxBody    = 8 << 10    // bytes of one record
	MaxRecords = 1024       // in one batch
	MaxBatch   = 1000 << 10 // bytes of one batch, signature and all
)

// The errors of this package.
var (
	// ErrMalformed is what every decoder answers foreign bytes with that do
	// not follow docs/spec/record.md.
	ErrMalformed = errors.New("malformed record")

	// ErrForged means a batch whose signature is not its author's.
	ErrForged = fmt.Errorf("signature does not match: %w", shoal.Integrity)

	// ErrAhead means a stamp that is too far in the future to be believed.
	ErrAhead = errors.New("stamp is too far in the future")
)

// Kind says what a record's body is. Each kind belongs to the package that
// makes it; one that a node does not know is kept and passed on.
type Kind uint8

// The kinds. Their numbers are part of the format.
const (
	KindAdmit Kind = 1 // roster: a node may be here
	KindSet   Kind = 2 // roster: what holds for a node
	KindSelf  Kind = 3 // roster: what a node says of itself

	KindPut  Kind = 16 // catalogue: a name points at a file
	KindDrop Kind = 17 // catalogue: a name points at nothing
)

// Record is one thing said. It is named by its stamp and its batch's author,
// who never uses a stamp twice.
type Record struct {
	Stamp Stamp
	Kind  Kind
	Body  []byte // at most MaxBody; shared, do not change it
}

// Batch is what an author said at once: it is signed, kept and sent as one.
type Batch struct {
	Author  shoal.NodeID
	Seq     uint64 // from 1, without gaps
	Records []Record
}

// check holds a batch to the bounds.
func (b Batch) check() error {
	if b.Seq == 0 || len(b.Records) == 0 || len(b.Records) > MaxRecords {
		return fmt.Errorf("batch %d of %d records: %w", b.Seq, len(b.Records), ErrMalformed)
	}
	size := batchHeader + signatureSize
	for _, r := range b.Records {
		if len(r.Body) > MaxBody {
			return fmt.Errorf("record of %d bytes: %w", len(r.Body), ErrMalformed)
		}
		size += recordHeader + len(r.Body)
	}
	if size > MaxBatch {
		return fmt.Errorf("batch of %d bytes: %w", size, ErrMalformed)
	}
	return nil
}
