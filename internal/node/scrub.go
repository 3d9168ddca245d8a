package node

import (
	"context"

	"shoal"
	"shoal/internal/datadir"
	"shoal/internal/redundancy/scrub"
	"shoal/internal/redundancy/scrubber"
)

// newScrubber returns the scrubber of this node's store.
func newScrubber(c *core) *scrubber.Scrubber {
	return scrubber.New(scrubber.Config{
		Period: orDefault(c.cfg.Scrub, scrub.DefaultPeriod), Path: c.path(datadir.Scrub), Log: c.cfg.Log,
		Files: func(ctx context.Context, part scrub.Part) (ids []shoal.FileID, bytes int64, err error) {
			for summary, err := range c.store.All(ctx) {
				if err != nil {
					return nil, 0, err
				}
				if scrub.Of(summary.ID) == part {
					ids, bytes = append(ids, summary.ID), bytes+int64(summary.Present)*int64(summary.ChunkSize)
				}
			}
			return ids, bytes, nil
		},
		Verify: func(ctx context.Context, id shoal.FileID, step func(bytes int) error) error {
			file, err := c.store.File(ctx, id)
			if err != nil {
				return err
			}
			return c.store.Verify(ctx, id, func(index int, _ shoal.Place, _ error) error { return step(file.ChunkLen(index)) })
		},
		Busy: func() bool { return c.fetcher.Running() > 0 || c.server.Sessions() > 0 },
	})
}
