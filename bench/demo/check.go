package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"lukechampine.com/blake3"
)

// b3sum is the program of BLAKE3's authors.
const b3sum = "b3sum"

// hasher says by what the hashes are checked: another program where there is
// one, and else the library's own streaming hash, which Shoal does not use: its
// ids come from chunks that are hashed apart and merged.
func hasher() string {
	if _, err := exec.LookPath(b3sum); err == nil {
		return "by b3sum"
	}
	return "by a plain streaming hash; b3sum is not installed"
}

// check compares a file with the sample, byte by byte, and its hash with the
// id.
func (d *demo) check(ctx context.Context, path string) error {
	sum, err := sum(ctx, path)
	if err != nil {
		return err
	}
	if sum != d.id {
		return fmt.Errorf("the BLAKE3 of %s is %s, and the id %s", path, sum, d.id)
	}
	return sameFiles(d.file, path)
}

// sum is a file's BLAKE3 in hex.
func sum(ctx context.Context, path string) (string, error) {
	if _, err := exec.LookPath(b3sum); err == nil {
		out, err := exec.CommandContext(ctx, b3sum, "--no-names", path).Output()
		return string(bytes.TrimSpace(out)), err
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := blake3.New(32, nil)
	if _, err := io.CopyBuffer(hash, struct{ io.Reader }{file}, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func sameFiles(left, right string) error {
	a, err := os.Open(left)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := os.Open(right)
	if err != nil {
		return err
	}
	defer b.Close()
	return same(a, b)
}

// same compares two readers to their ends.
func same(a, b io.Reader) error {
	left, right := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, errA := io.ReadFull(a, left)
		m, errB := io.ReadFull(b, right)
		if !bytes.Equal(left[:n], right[:m]) {
			return errors.New("the bytes are not those of the sample")
		}
		if errA != nil || errB != nil {
			return errors.Join(unlessEnd(errA), unlessEnd(errB))
		}
	}
}

// unlessEnd is err, but for the ends of a reader.
func unlessEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
