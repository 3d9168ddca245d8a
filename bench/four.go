package main

import (
	"context"
	"fmt"
	"time"

	"shoal/internal/testnet"
)

// fourRow is one downloader and four sources, against another in a shoal with
// one.
func fourRow(ctx context.Context, b *bench) (result, error) {
	source, id, err := b.seeded(ctx)
	if err != nil {
		return result{}, err
	}
	four, err := b.startReader(ctx, source)
	if err != nil {
		return result{}, err
	}
	for range 3 { // who have it because they got it
		other, err := b.startReader(ctx, source)
		if err != nil {
			return result{}, err
		}
		if _, err := other.Get(ctx, id, other.Data+"-kept", nil); err != nil {
			return result{}, err
		}
	}
	lone, _, err := b.seeded(ctx)
	if err != nil {
		return result{}, err
	}
	one, err := b.startReader(ctx, lone)
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
	res.Met = res.Met && share < 1 && len(most.Stats.Sources) == 4
	return res, nil
}
