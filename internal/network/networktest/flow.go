package networktest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"shoal/internal/network"
)

// maxUnread is the most bytes a host may take from a writer whose reader does
// not read.
const maxUnread = 32 << 20

func runFlow(t *testing.T, pair Pair) {
	all(t, pair, map[string]func(*testing.T, network.Host, network.Host){
		"BackPressure":  testBackPressure,
		"NoHeadOfLine":  testNoHeadOfLine,
		"LargeBothWays": testLargeBothWays,
	})
}

// stuff writes until the peer, which does not read, has enough.
func stuff(tb testing.TB, s network.Stream) (written int) {
	tb.Helper()
	data := make([]byte, 64<<10)
	for {
		_ = s.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		n, err := s.Write(data)
		written += n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return written
		}
		if err != nil || written > maxUnread {
			tb.Fatalf("wrote %d bytes that nobody reads, then %v", written, err)
		}
	}
}

func testBackPressure(t *testing.T, a, b network.Host) {
	near, far := met(t, a, b)
	written := stuff(t, near)
	if written == 0 {
		t.Fatal("not a byte could be written ahead of the reader")
	}
	// The reader wakes up: all that was taken arrives, and the writer goes on.
	_ = near.SetWriteDeadline(time.Time{})
	got, err := io.CopyN(io.Discard, far, int64(written))
	if err != nil || got != int64(written) {
		t.Fatalf("read %d of %d bytes: %v", got, written, err)
	}
	mustWrite(t, near, "go on")
	_ = near.CloseWrite()
	mustEnd(t, far, "go on")
}

// testNoHeadOfLine checks that a stream nobody reads holds up no other.
func testNoHeadOfLine(t *testing.T, a, b network.Host) {
	near, far := met(t, a, b)
	defer far.Reset()
	stuff(t, near)
	b.Handle("/other", echo)
	s := openAgain(t, a, b, "/other")
	mustWrite(t, s, "quick")
	mustRead(t, s, "quick")
}

// random is size bytes that a seed stands for.
func random(seed byte, size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{seed}), size)
}

func testLargeBothWays(t *testing.T, a, b network.Host) {
	const size = 16 << 20
	near, far := met(t, a, b)
	var work sync.WaitGroup
	for seed, s := range []network.Stream{near, far} {
		work.Go(func() {
			if _, err := io.Copy(s, random(byte(seed), size)); err != nil {
				t.Error(err)
			}
			_ = s.CloseWrite()
		})
		work.Go(func() {
			if err := sameBytes(s, random(byte(1-seed), size)); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
}

// sameBytes reads both to the end and compares what was read.
func sameBytes(got, want io.Reader) error {
	gotSum, wantSum := sha256.New(), sha256.New()
	n, err := io.Copy(gotSum, got)
	if err != nil {
		return fmt.Errorf("after %d bytes: %w", n, err)
	}
	m, err := io.Copy(wantSum, want)
	if err != nil {
		return err
	}
	if !bytes.Equal(gotSum.Sum(nil), wantSum.Sum(nil)) {
		return fmt.Errorf("%d bytes came that are not the %d sent", n, m)
	}
	return nil
}
