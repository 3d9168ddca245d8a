package record

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"

	"shoal"
)

// The sizes of the parts of a batch, in bytes.
const (
	version       = 1
	batchHeader   = 1 + ed25519.PublicKeySize + 8 + 2 // version, author, number, count
	recordHeader  = 8 + 1 + 2                         // stamp, kind, length
	signatureSize = ed25519.SignatureSize
)

// domain stands before what is signed, with the key of the shoal, so that a
// signature means nothing anywhere else.
const domain = "shoal batch 1\n"

// Sign gives the bytes of a batch, signed by its author with key for one shoal,
// which is named by its founder's id. It is for the author alone. Errors:
// ErrMalformed for a batch out of bounds or a key that is not the author's.
func Sign(shoalID shoal.NodeID, key ed25519.PrivateKey, b Batch) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	public := key.Public().(ed25519.PublicKey)
	if NodeOf(public) != b.Author {
		return nil, fmt.Errorf("the key is not the author's: %w", ErrMalformed)
	}
	data := append([]byte{version}, public...)
	data = binary.BigEndian.AppendUint64(data, b.Seq)
	data = binary.BigEndian.AppendUint16(data, uint16(len(b.Records)))
	for _, r := range b.Records {
		data = binary.BigEndian.AppendUint64(data, uint64(r.Stamp))
		data = append(data, byte(r.Kind))
		data = binary.BigEndian.AppendUint16(data, uint16(len(r.Body)))
		data = append(data, r.Body...)
	}
	signed, err := signedText(shoalID, data)
	if err != nil {
		return nil, err
	}
	return append(data, ed25519.Sign(key, signed)...), nil
}

// Verify reads a batch and checks its author's signature. Errors: ErrMalformed
// and ErrForged. The records share data.
func Verify(shoalID shoal.NodeID, data []byte) (Batch, error) {
	b, err := Parse(data)
	if err != nil {
		return Batch{}, err
	}
	body, signature := data[:len(data)-signatureSize], data[len(data)-signatureSize:]
	signed, err := signedText(shoalID, body)
	if err != nil {
		return Batch{}, err
	}
	if !ed25519.Verify(ed25519.PublicKey(data[1:1+ed25519.PublicKeySize]), signed, signature) {
		return Batch{}, fmt.Errorf("batch %d of %s: %w", b.Seq, b.Author.Short(), ErrForged)
	}
	return b, nil
}

func signedText(shoalID shoal.NodeID, body []byte) ([]byte, error) {
	founder, err := KeyOf(shoalID)
	if err != nil {
		return nil, err
	}
	text := make([]byte, 0, len(domain)+len(founder)+len(body))
	text = append(append(text, domain...), founder...)
	return append(text, body...), nil
}

// Parse reads a batch without a look at its signature: for bytes that were
// verified when they came. The records share data. Errors: ErrMalformed.
func Parse(data []byte) (Batch, error) {
	if len(data) < batchHeader+signatureSize || len(data) > MaxBatch || data[0] != version {
		return Batch{}, fmt.Errorf("batch of %d bytes: %w", len(data), ErrMalformed)
	}
	rest := data[1 : len(data)-signatureSize]
	b := Batch{Author: NodeOf(rest[:ed25519.PublicKeySize])}
	rest = rest[ed25519.PublicKeySize:]
	b.Seq = binary.BigEndian.Uint64(rest)
	count := int(binary.BigEndian.Uint16(rest[8:]))
	rest = rest[10:]
	if count > len(rest)/recordHeader {
		return Batch{}, fmt.Errorf("batch of %d records in %d bytes: %w", count, len(rest), ErrMalformed)
	}
	b.Records = make([]Record, 0, count)
	for range count {
		if len(rest) < recordHeader {
			return Batch{}, fmt.Errorf("batch ends in a record: %w", ErrMalformed)
		}
		r := Record{Stamp: Stamp(binary.BigEndian.Uint64(rest)), Kind: Kind(rest[8])}
		length := int(binary.BigEndian.Uint16(rest[9:]))
		rest = rest[recordHeader:]
		if length > len(rest) {
			return Batch{}, fmt.Errorf("batch ends in a record: %w", ErrMalformed)
		}
		r.Body, rest = rest[:length:length], rest[length:]
		b.Records = append(b.Records, r)
	}
	if len(rest) > 0 {
		return Batch{}, fmt.Errorf("%d bytes after the last record: %w", len(rest), ErrMalformed)
	}
	return b, b.check()
}
