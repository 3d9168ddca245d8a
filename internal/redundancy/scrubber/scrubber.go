// Package scrubber reads everything that lies on this node again in a period, at the
// pace that package scrub decides, and gives way to transfers.
//
// It does not repair: the store tells of rot, and the chunk is fetched again like any
// other that is missing.
package scrubber

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"shoal"
	"shoal/internal/jsonfile"
	"shoal/internal/redundancy/scrub"
)

// yieldFor is how long the reading waits at a time for transfers, unless it is
// behind.
const yieldFor = time.Second

// Config connects a Scrubber with the rest of the node.
type Config struct {
	Period time.Duration // in which everything is read once; 0 is never
	Path   string        // of the file that remembers when each part was last read
	Log    *slog.Logger

	// Files lists the files of a part, and how many bytes of them are here.
	Files func(ctx context.Context, part scrub.Part) (ids []shoal.FileID, bytes int64, err error)

	// Verify reads and checks one file in every place it lies, and calls step with
	// the length of each chunk. It ends with the error of step. The caller of New
	// hears of rot from the store. Errors: shoal.NotFound for a file that is gone.
	Verify func(ctx context.Context, id shoal.FileID, step func(bytes int) error) error

	// Busy reports whether files are transferred now.
	Busy func() bool
}

// Scrubber reads and counts. Its methods are safe for use by many goroutines at
// once.
type Scrubber struct {
	cfg Config

	mu  sync.Mutex // guards log
	log *scrub.Log

	rotten, repaired atomic.Int64 // chunks, since New
}

// New reads the progress of the last process. If the file cannot be read, everything
// counts as just read, as it was when it was written.
func New(cfg Config) *Scrubber {
	s := &Scrubber{cfg: cfg, log: new(scrub.Log)}
	data, err := os.ReadFile(cfg.Path)
	if err == nil {
		err = errors.Join(json.Unmarshal(data, s.log), s.log.Check())
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			cfg.Log.Warn("it is not known what was checked when; that begins anew", "err", err)
		}
		s.log = scrub.NewLog(time.Now().UTC(), cfg.Period)
	}
	return s
}

// Run reads part after part until ctx ends.
func (s *Scrubber) Run(ctx context.Context) {
	for s.cfg.Period > 0 {
		s.mu.Lock()
		part, due := s.log.Next(time.Now(), s.cfg.Period)
		s.mu.Unlock()
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return
		}
		if err := s.read(ctx, part, time.Since(due)); err != nil {
			if ctx.Err() != nil {
				return
			}
			s.cfg.Log.Warn("not all that lies here could be checked", "part", part, "err", err)
		}
		s.done(part)
	}
}

// done notes that a part was read, also if some of it could not be: the store reports
// that, and the same part is not read for ever.
func (s *Scrubber) done(part scrub.Part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.Done(part, time.Now().UTC())
	if err := jsonfile.Write(s.cfg.Path, s.log); err != nil {
		s.cfg.Log.Warn("it could not be noted what was checked", "err", err)
	}
}

// read reads and checks the files of a part.
func (s *Scrubber) read(ctx context.Context, part scrub.Part, behind time.Duration) error {
	files, bytes, err := s.cfg.Files(ctx, part)
	if err != nil {
		return err
	}
	pace := rate.NewLimiter(rate.Limit(scrub.Rate(bytes, s.cfg.Period, behind)), 2*scrub.MostRate)
	pace.AllowN(time.Now(), 2*scrub.MostRate) // no burst at the beginning
	for _, id := range files {
		err := s.cfg.Verify(ctx, id, func(bytes int) error {
			if err := pace.WaitN(ctx, bytes); err != nil {
				return fmt.Errorf("check %s: %w", id.Short(), err)
			}
			return s.yield(ctx, behind)
		})
		if err != nil && !errors.Is(err, shoal.NotFound) {
			return err
		}
	}
	return nil
}

// yield lets transfers go first, unless the reading is behind.
func (s *Scrubber) yield(ctx context.Context, behind time.Duration) error {
	if behind > s.cfg.Period/10 || !s.cfg.Busy() {
		return nil
	}
	select {
	case <-time.After(yieldFor):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Rotted counts a chunk that has rotted, also one that was read for a transfer.
func (s *Scrubber) Rotted() { s.rotten.Add(1) }

// Repaired counts chunks that had rotted and are sound again.
func (s *Scrubber) Repaired(chunks int) { s.repaired.Add(int64(chunks)) }

// Status returns the state of the scrubbing for a person.
func (s *Scrubber) Status() shoal.Scrub {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := shoal.Scrub{Period: s.cfg.Period, Rotten: int(s.rotten.Load()), Repaired: int(s.repaired.Load())}
	if s.cfg.Period > 0 {
		status.Coverage, status.Oldest = s.log.Coverage(time.Now().UTC(), s.cfg.Period)
	}
	return status
}
