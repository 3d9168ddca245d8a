package testnet

import (
	"context"
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
)

// sampleBuffer is how much of a sample is written at once.
const sampleBuffer = 1 << 20

// WriteSample makes a file of size random bytes, never the same ones. What was
// at path is replaced.
func WriteSample(ctx context.Context, path string, size int64) error {
	var seed [32]byte
	_, _ = cryptorand.Read(seed[:]) // never fails (crypto/rand)
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("make a sample: %w", err)
	}
	buffer := make([]byte, max(1, min(sampleBuffer, size)))
	bytes := struct{ io.Reader }{io.LimitReader(whileWanted{ctx, rand.NewChaCha8(seed)}, size)}
	_, err = io.CopyBuffer(struct{ io.Writer }{file}, bytes, buffer)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("make a sample: %w", err)
	}
	return nil
}

// whileWanted reads until ctx ends; it lives as long as one copy.
type whileWanted struct {
	ctx context.Context
	r   io.Reader
}

func (w whileWanted) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.r.Read(p)
}
