package wire

import (
	"encoding/binary"
	"fmt"

	"shoal/internal/record"
)

// DigestSize is the length of a vector's digest in bytes.
const DigestSize = 32

// Digest says that the sender's journal is as far as the vector that has this
// BLAKE3 hash. A receiver with another answers with its Have.
type Digest [DigestSize]byte

// Append appends the frame to b.
func (m Digest) Append(b []byte) []byte {
	return appendFrame(b, TypeDigest, func(b []byte) []byte { return append(b, m[:]...) })
}

// ParseDigest reads a Digest's body.
func ParseDigest(body []byte) (Digest, error) {
	if len(body) != DigestSize {
		return Digest{}, fmt.Errorf("%w: digest of %d bytes", ErrMalformed, len(body))
	}
	return Digest(body), nil
}

// AppendVector appends a frame that is a vector: a Have, which says how far the
// sender has those authors, or a Want, which asks for what comes after. Errors
// are record.ErrMalformed.
func AppendVector(b []byte, t Type, v record.Vector) (_ []byte, err error) {
	b = appendFrame(b, t, func(b []byte) []byte {
		b, err = v.Append(b)
		return b
	})
	return b, err
}

// ParseVector reads the body of a Have or a Want.
func ParseVector(body []byte) (record.Vector, error) {
	v, err := record.ParseVector(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return v, nil
}

// Batch is a signed batch of an author's, and the number of the one before it.
type Batch struct {
	After uint64
	Data  []byte
}

// batchHeader is what stands before each batch in a frame: After, and the
// length of the data.
const batchHeader = 8 + 4

// BatchSize is what a batch takes in a Batches frame, whose body is at most
// MaxBody.
func BatchSize(b Batch) int { return batchHeader + len(b.Data) }

// AppendBatches appends a Batches frame to b. The caller sees to it that there
// are at most MaxBatches and that they fit.
func AppendBatches(b []byte, batches []Batch) []byte {
	return appendFrame(b, TypeBatches, func(b []byte) []byte {
		for _, batch := range batches {
			b = binary.BigEndian.AppendUint64(b, batch.After)
			b = binary.BigEndian.AppendUint32(b, uint32(len(batch.Data)))
			b = append(b, batch.Data...)
		}
		return b
	})
}

// ParseBatches reads a Batches frame's body, which the batches share.
func ParseBatches(body []byte) ([]Batch, error) {
	var batches []Batch
	for len(body) > 0 {
		if len(body) < batchHeader || len(batches) == MaxBatches {
			return nil, fmt.Errorf("%w: batches", ErrMalformed)
		}
		after, length := binary.BigEndian.Uint64(body), binary.BigEndian.Uint32(body[8:])
		body = body[batchHeader:]
		if length > record.MaxBatch || int(length) > len(body) {
			return nil, fmt.Errorf("%w: batch of %d bytes", ErrMalformed, length)
		}
		batches = append(batches, Batch{After: after, Data: body[:length:length]})
		body = body[length:]
	}
	return batches, nil
}
