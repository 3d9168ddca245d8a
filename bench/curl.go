package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// curlRow is one downloader and one source, against curl from nginx.
func curlRow(ctx context.Context, b *bench) (result, error) {
	url, stop, err := b.startNginx(ctx)
	if err != nil {
		return result{}, err
	}
	defer stop()
	source, id, err := b.seeded(ctx)
	if err != nil {
		return result{}, err
	}
	getter, err := b.startReader(ctx, source)
	if err != nil {
		return result{}, err
	}
	return b.getAgainst(ctx, getter, id, 1, func() (time.Duration, error) { return b.curl(ctx, url) })
}

// curl downloads into a file, and deletes it.
func (b *bench) curl(ctx context.Context, url string) (time.Duration, error) {
	path := filepath.Join(b.dir, "out-curl")
	took, err := timed(func() error {
		out, err := exec.CommandContext(ctx, "curl", "-fsSk", "-o", path, url).CombinedOutput()
		if err != nil {
			return fmt.Errorf("curl: %w: %s", err, out)
		}
		return nil
	})
	if err == nil {
		err = b.whole(path)
	}
	return took, errors.Join(err, os.Remove(path))
}

// whole is an error unless a copy is as long as the sample.
func (b *bench) whole(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.Size() != b.size {
		err = fmt.Errorf("%s has %d bytes, not %d", path, info.Size(), b.size)
	}
	return err
}
