package main

import (
	"context"
	"fmt"
	"time"

	"shoal/internal/testnet"
)

// fourRow is one downloader and four sources, against another that knows one of
// them.
func fourRow(ctx context.Context, b *bench) (result, error) {
	var id string
	var peers []string
	for range 4 {
		source, added, err := b.seeded(ctx)
		if err != nil {
			return result{}, err
		}
		id, peers = added, append(peers, source.Addr)
	}
	one, err := b.startFor(ctx, peers[0])
	if err != nil {
		return result{}, err
	}
	four, err := b.startFor(ctx, peers...)
	if err != nil {
		return result{}, err
	}
	var most testnet.Got
	m, err := b.duel(
		func() (time.Duration, error) {
			took, got, err := b.get(ctx, four, id)
			if got.Stats.Duplicates >= most.Stats.Duplicates {
				most = got
			}
			return took, err
		},
		func() (time.Duration, error) {
			took, _, err := b.get(ctx, one, id)
			return took, err
		})
	if err != nil {
		return result{}, err
	}
	res := m.result(b.size, 1)
	share := 100 * float64(most.Stats.Duplicates) / float64(b.size)
	res.Note = fmt.Sprintf("from %d; at most %.2f %% came twice", len(most.Stats.Sources), share)
	res.Met = res.Met && share < 1 && len(most.Stats.Sources) == len(peers)
	return res, nil
}
