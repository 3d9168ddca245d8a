package picker_test

import (
	"testing"

	"pgregory.net/rapid"

	"shoal/internal/content"
	"shoal/internal/transfer/picker"
)

// A peer with few of many chunks still gives its rarest, mostly: one in a
// thousand of each level is not found by trying some of them.
func TestSparsePeerGivesItsRarest(t *testing.T) {
	const chunks, rare, seeds = 100_000, 70_000, 40
	full := content.FullBitmap(chunks)
	low, even, sparse := content.NewBitmap(chunks), content.NewBitmap(chunks), content.NewBitmap(chunks)
	for i := range chunks / 2 {
		low.Set(i)
		if i%2 == 0 {
			even.Set(i)
		}
	}
	sparse.Set(rare) // two peers have it, like the 25,000 that are low and odd
	for i := range 30 {
		sparse.Set(i*1000 + 1) // three, like the 25,000 that are low and even
	}
	found := 0
	for seed := range uint64(seeds) {
		p := picker.New(picker.Config{Chunks: chunks, Wanted: full, Seed: seed})
		p.Join(1, full)
		for range 4 { // the random picks
			p.Pick(1)
		}
		p.Join(2, low)
		p.Join(3, even)
		p.Join(4, sparse)
		if pick, _ := p.Pick(4); pick.Chunk == rare {
			found++
		}
	}
	if found < seeds*8/10 {
		t.Errorf("the rarest in %d of %d picks", found, seeds)
	}
}

// A level of few chunks is searched whole: a peer gives the one it has of the
// rarest, however many of the others it has.
func TestSmallLevelsAreSearchedWhole(t *testing.T) {
	const common, level = 300, 16
	bits := func(from, to int) content.Bitmap {
		b := content.NewBitmap(common + level)
		for i := from; i < to; i++ {
			b.Set(i)
		}
		return b
	}
	for seed := range uint64(50) {
		rare := common + int(seed%level)
		p := picker.New(picker.Config{Chunks: common + level, Wanted: content.FullBitmap(common + level), Seed: seed})
		p.Join(1, bits(0, common))
		for range 4 { // the random picks
			pick, _ := p.Pick(1)
			p.Release(1, pick.Chunk)
		}
		p.Join(2, bits(0, common))
		p.Join(3, bits(common, common+level))
		p.Lost(3, rare)
		p.Join(4, bits(0, common))
		p.Have(4, rare)
		if pick, ok := p.Pick(4); !ok || pick.Chunk != rare || pick.Kind != picker.Fresh {
			t.Errorf("seed %d: %+v, %t, want the rare %d", seed, pick, ok, rare)
		}
	}
}

// A peer with few of many chunks that are all as rare gives them in order, mostly:
// the next after its last one, whichever of them it is found by.
func TestSparsePeerGivesInOrder(t *testing.T) {
	const chunks, every, seeds = 20_000, 2_000, 20
	sparse := content.NewBitmap(chunks)
	for c := 7; c < chunks; c += every {
		sparse.Set(c)
	}
	inOrder := 0
	for seed := range uint64(seeds) {
		p := picker.New(picker.Config{Chunks: chunks, Wanted: content.FullBitmap(chunks), Seed: seed})
		p.Join(1, content.FullBitmap(chunks))
		for range 4 { // the random picks
			pick, _ := p.Pick(1)
			p.Release(1, pick.Chunk)
		}
		p.Join(3, content.FullBitmap(chunks))
		for c := range sparse.All {
			p.Lost(3, c)
		}
		p.Join(2, sparse)
		last, _ := p.Pick(2)
		for range chunks/every - 1 {
			pick, _ := p.Pick(2)
			if pick.Chunk == (last.Chunk+every)%chunks {
				inOrder++
			}
			last = pick
		}
	}
	if want := seeds * (chunks/every - 1) * 9 / 10; inOrder < want {
		t.Errorf("%d picks in order, want %d", inOrder, want)
	}
}

// Who steals, and who fetches a duplicate, relieves the slowest.
func TestTheSlowestIsRelieved(t *testing.T) {
	for _, each := range []int{1, 3} {
		rapid.Check(t, func(t *rapid.T) {
			const peers = 8
			chunks := each * peers
			p := picker.New(picker.Config{Chunks: chunks, Wanted: content.FullBitmap(chunks), Seed: rapid.Uint64().Draw(t, "seed")})
			slowest := picker.Peer(rapid.IntRange(0, peers-1).Draw(t, "slowest"))
			var last int // of the chunks that the slowest was asked for
			for id := range picker.Peer(peers) {
				p.Join(id, content.FullBitmap(chunks))
				for range each {
					if pick, _ := p.Pick(id); id == slowest {
						last = pick.Chunk
					}
				}
			}
			for id := range picker.Peer(peers) {
				p.SetRate(id, 10)
			}
			p.SetRate(slowest, 9)
			p.Join(peers, content.FullBitmap(chunks))
			p.SetRate(peers, 1000)
			if pick, ok := p.Pick(peers); !ok || pick.Chunk != last {
				t.Fatalf("%+v, want %d of peer %d", pick, last, slowest)
			}
		})
	}
}
