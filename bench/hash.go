package main

import (
	"context"
	"os"
	"time"

	"lukechampine.com/blake3"

	"shoal/internal/content"
)

// hashRow hashes the sample in the page cache, against BLAKE3 of the same bytes
// in memory on all cores.
func hashRow(ctx context.Context, b *bench) (result, error) {
	data, err := os.ReadFile(b.sample)
	if err != nil {
		return result{}, err
	}
	file, err := os.Open(b.sample)
	if err != nil {
		return result{}, err
	}
	defer file.Close()
	m, err := b.duel(
		func() (time.Duration, error) {
			return timed(func() error {
				_, err := content.HashReaderAt(ctx, file, b.size, content.DefaultChunkSize(b.size), nil)
				return err
			})
		},
		func() (time.Duration, error) { return rawHash(data), nil })
	if err != nil {
		return result{}, err
	}
	return m.result(b.size, 0.85), nil
}

// rawHash is the library's hash of bytes at hand, which cuts them into subtrees
// for all cores.
func rawHash(data []byte) time.Duration {
	start := time.Now()
	blake3.Sum256(data)
	return time.Since(start)
}
