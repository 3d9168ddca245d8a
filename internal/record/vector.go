package record

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"lukechampine.com/blake3"

	"shoal"
)

// MaxAuthors is the most authors in a vector: a shoal has a few thousand nodes.
const MaxAuthors = 16 << 10

// Vector tells how far a node has each author's batches: all up to that number,
// but for those that mean nothing any more.
type Vector map[shoal.NodeID]uint64

// authorSize is what one author takes in a vector's bytes.
const authorSize = ed25519.PublicKeySize + 8

// Append appends the vector's bytes, its authors in order of their ids, so that
// equal vectors have equal bytes.
func (v Vector) Append(data []byte) ([]byte, error) {
	if len(v) > MaxAuthors {
		return nil, fmt.Errorf("vector of %d authors: %w", len(v), ErrMalformed)
	}
	v = maps.Clone(v)
	maps.DeleteFunc(v, func(_ shoal.NodeID, seq uint64) bool { return seq == 0 })
	data = binary.BigEndian.AppendUint16(data, uint16(len(v)))
	for _, author := range slices.Sorted(maps.Keys(v)) {
		key, err := KeyOf(author)
		if err != nil {
			return nil, err
		}
		data = append(data, key...)
		data = binary.BigEndian.AppendUint64(data, v[author])
	}
	return data, nil
}

// Digest is the BLAKE3 hash of the vector's bytes. Errors: as Append.
func (v Vector) Digest() ([32]byte, error) {
	data, err := v.Append(nil)
	return blake3.Sum256(data), err
}

// ParseVector reads what Append wrote. Errors: ErrMalformed.
func ParseVector(data []byte) (Vector, error) {
	if len(data) < 2 {
		return nil, fmt.Errorf("vector of %d bytes: %w", len(data), ErrMalformed)
	}
	count := int(binary.BigEndian.Uint16(data))
	data = data[2:]
	if count > MaxAuthors || len(data) != count*authorSize {
		return nil, fmt.Errorf("vector of %d authors in %d bytes: %w", count, len(data), ErrMalformed)
	}
	v := make(Vector, count)
	last := shoal.NodeID("")
	for ; len(data) > 0; data = data[authorSize:] {
		author := NodeOf(data[:ed25519.PublicKeySize])
		seq := binary.BigEndian.Uint64(data[ed25519.PublicKeySize:])
		if author <= last || seq == 0 {
			return nil, fmt.Errorf("vector out of order: %w", ErrMalformed)
		}
		v[author], last = seq, author
	}
	return v, nil
}
