package scrubber_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/redundancy/scrub"
	"shoal/internal/redundancy/scrubber"
)

const period = scrub.DefaultPeriod

// shelf is a store with one file of one chunk in each part.
type shelf struct {
	mu    sync.Mutex // guards the rest
	read  map[scrub.Part]int
	err   error // of every read
	bytes int64 // of each part
	chunk int   // bytes
	busy  bool
}

func (s *shelf) files(_ context.Context, part scrub.Part) ([]shoal.FileID, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []shoal.FileID{{byte(part)}}, s.bytes, nil
}

func (s *shelf) verify(_ context.Context, id shoal.FileID, step func(int) error) error {
	s.mu.Lock()
	s.read[scrub.Of(id)]++
	err, bytes, chunk := s.err, s.bytes, s.chunk
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for ; bytes > 0; bytes -= int64(chunk) {
		if err := step(chunk); err != nil {
			return err
		}
	}
	return nil
}

func (s *shelf) isBusy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy
}

// reads is how many parts were read, and how often again.
func (s *shelf) reads() (parts, again int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, count := range s.read {
		again += count - 1
	}
	return len(s.read), again
}

// scrubbing runs a test in virtual time with a scrubber of a shelf.
func scrubbing(t *testing.T, s *shelf, test func(t *testing.T, cfg scrubber.Config)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "scrub.json")
	synctest.Test(t, func(t *testing.T) {
		s.read = make(map[scrub.Part]int)
		test(t, scrubber.Config{Period: period, Path: path, Log: slog.New(slog.DiscardHandler), Files: s.files, Verify: s.verify, Busy: s.isBusy})
	})
}

// run runs a scrubber for a while.
func run(t *testing.T, s *scrubber.Scrubber, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	s.Run(ctx)
}

// A quarter is read in a quarter of the time, and nothing twice but a part that was not finished, also by a process that
// goes on where another was.
func TestAQuarterIsReadInAQuarterOfTheTime(t *testing.T) {
	s := &shelf{bytes: 1 << 30, chunk: 1 << 20}
	scrubbing(t, s, func(t *testing.T, cfg scrubber.Config) {
		var last *scrubber.Scrubber
		for quarter := 1; quarter <= 2; quarter++ {
			last = scrubber.New(cfg)
			run(t, last, period/4)
			want := quarter * scrub.Parts / 4
			if parts, again := s.reads(); parts < want-2 || parts > want+2 || again > 1 {
				t.Errorf("in %d quarters %d of %d parts were read, %d again", quarter, parts, scrub.Parts, again)
			}
		}
		if status := last.Status(); status.Coverage != 1 || time.Since(status.Oldest) > period {
			t.Errorf("%v of all was read in the period, the oldest at %v", status.Coverage, status.Oldest)
		}
	})
}

// A file that cannot be read or is gone does not stop the others.
func TestErrorsDoNotStopIt(t *testing.T) {
	for _, err := range []error{shoal.NotFound, errors.New("the disk fails")} {
		s := &shelf{err: err}
		scrubbing(t, s, func(t *testing.T, cfg scrubber.Config) {
			run(t, scrubber.New(cfg), 10*scrub.Slot(period))
			if parts, again := s.reads(); parts < 10 || again > 1 {
				t.Errorf("%v: %d of %d parts were read, %d again", err, parts, scrub.Parts, again)
			}
		})
	}
}

// Transfers go first, until the reading is behind.
func TestTransfersGoFirst(t *testing.T) {
	s := &shelf{bytes: 10, chunk: 1, busy: true}
	scrubbing(t, s, func(t *testing.T, cfg scrubber.Config) {
		run(t, scrubber.New(cfg), 5*time.Second+time.Millisecond)
		if parts, _ := s.reads(); parts != 1 {
			t.Fatalf("%d parts were read, want the first", parts)
		}
		if _, err := os.Stat(cfg.Path); err == nil {
			t.Errorf("10 chunks were read in 5 s, with a transfer under way")
		}
		run(t, scrubber.New(cfg), 15*time.Second)
		if _, err := os.Stat(cfg.Path); err != nil {
			t.Errorf("10 chunks were not read in 15 s: %v", err)
		}
		<-time.After(period) // it was off, and is behind
		run(t, scrubber.New(cfg), time.Minute)
		if parts, _ := s.reads(); parts < scrub.Parts/2 {
			t.Errorf("%d parts were read in a minute by one that is behind", parts)
		}
	})
}

// One that is told never to read does not, and one whose file is damaged begins anew.
func TestNeverAndAnew(t *testing.T) {
	s := &shelf{}
	scrubbing(t, s, func(t *testing.T, cfg scrubber.Config) {
		never := cfg
		never.Period = 0
		run(t, scrubber.New(never), period)
		if parts, _ := s.reads(); parts > 0 {
			t.Errorf("%d parts were read", parts)
		}
		if err := os.WriteFile(cfg.Path, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		anew := scrubber.New(cfg)
		anew.Rotted()
		anew.Rotted()
		anew.Repaired(2)
		if status := anew.Status(); status.Coverage != 1 || status.Rotten != 2 || status.Repaired != 2 || status.Period != period {
			t.Errorf("%+v", status)
		}
	})
}
