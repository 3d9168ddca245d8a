package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"shoal"
	"shoal/internal/datadir"
	"shoal/internal/redundancy/scrub"
	"shoal/internal/storage/disk"
)

// yieldFor is how long the reading waits at a time while somebody fetches here or
// from here, as long as it is not behind.
const yieldFor = time.Second

// scrubber reads all that lies here again, in a period.
type scrubber struct {
	n      *Node
	period time.Duration // 0 for never
	path   string

	mu  sync.Mutex // guards log
	log *scrub.Log

	rotten, repaired atomic.Int64 // chunks, since the node was started
}

// newScrubber reads how far the last process was. Files that cannot be read are
// made anew: then all counts as just read, as it was when it was written.
func newScrubber(n *Node) *scrubber {
	s := &scrubber{n: n, period: orDefault(n.cfg.Scrub, scrub.DefaultPeriod), path: filepath.Join(n.cfg.Data, datadir.Scrub)}
	s.log = new(scrub.Log)
	data, err := os.ReadFile(s.path)
	if err == nil {
		err = errors.Join(json.Unmarshal(data, s.log), s.log.Check())
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			n.cfg.Log.Warn("it is not known what was checked when; that begins anew", "err", err)
		}
		s.log = scrub.NewLog(time.Now().UTC(), s.period)
	}
	return s
}

// run reads part after part until ctx ends.
func (s *scrubber) run(ctx context.Context) {
	for s.period > 0 {
		s.mu.Lock()
		part, due := s.log.Next(time.Now(), s.period)
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
			s.n.cfg.Log.Warn("not all that lies here could be checked", "part", part, "err", err)
		}
		s.done(part)
	}
}

// done notes that a part was read. What could not be read is told by the store,
// and is no reason to read the same part for ever.
func (s *scrubber) done(part scrub.Part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.Done(part, time.Now().UTC())
	if err := datadir.WriteJSON(s.path, s.log); err != nil {
		s.n.cfg.Log.Warn("it could not be noted what was checked", "err", err)
	}
}

// read reads and checks the files of a part.
func (s *scrubber) read(ctx context.Context, part scrub.Part, behind time.Duration) error {
	var files []shoal.FileID
	bytes := int64(0)
	for summary, err := range s.n.store.All(ctx) {
		if err != nil {
			return err
		}
		if scrub.Of(summary.ID) == part {
			files, bytes = append(files, summary.ID), bytes+int64(summary.Present)*int64(summary.ChunkSize)
		}
	}
	pace := rate.NewLimiter(rate.Limit(scrub.Rate(bytes, s.period, behind)), 2*scrub.MostRate)
	pace.AllowN(time.Now(), 2*scrub.MostRate) // no burst at the beginning
	for _, id := range files {
		if err := s.file(ctx, id, pace, behind); err != nil && !errors.Is(err, shoal.NotFound) {
			return err
		}
	}
	return nil
}

// file checks one file in every place it lies.
func (s *scrubber) file(ctx context.Context, id shoal.FileID, pace *rate.Limiter, behind time.Duration) error {
	file, err := s.n.store.File(ctx, id)
	if err != nil {
		return err
	}
	return s.n.store.Verify(ctx, id, func(index int, _ shoal.Place, _ error) error { // the store tells of rot
		if err := pace.WaitN(ctx, file.ChunkLen(index)); err != nil {
			return fmt.Errorf("check %s: %w", id.Short(), err)
		}
		return s.yield(ctx, behind)
	})
}

// yield lets others go first, unless the reading is behind.
func (s *scrubber) yield(ctx context.Context, behind time.Duration) error {
	if behind > s.period/10 || s.n.transfers.Load() == 0 && s.n.server.Sessions() == 0 {
		return nil
	}
	select {
	case <-time.After(yieldFor):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// found is told of a chunk that has rotted, by whoever read it. The steward gets
// it again at once.
func (s *scrubber) found(notice disk.Notice) {
	s.rotten.Add(1)
	s.n.steward.rotted(notice.Chunk.File)
}

// status is what a person is told of it.
func (s *scrubber) status() shoal.Scrub {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := shoal.Scrub{Period: s.period, Rotten: int(s.rotten.Load()), Repaired: int(s.repaired.Load())}
	if s.period > 0 {
		status.Coverage, status.Oldest = s.log.Coverage(time.Now().UTC(), s.period)
	}
	return status
}
