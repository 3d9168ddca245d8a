package picker

import (
	"math/rand/v2"
	"testing"

	"shoal/internal/content"
)

// Whatever peers join with, get, lose and leave with, each chunk counts as many
// peers as have it, and each peer as many chunks as it has.
func TestEachChunkCountsItsPeers(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		size := 1 + random.IntN(100)
		p := New(Config{Chunks: size, Wanted: content.FullBitmap(size), Seed: seed})
		has := map[Peer]map[int]bool{}
		for range 300 {
			peer, chunk := Peer(random.IntN(4)), random.IntN(size)
			switch random.IntN(8) {
			case 0:
				has[peer] = joinWith(p, peer, random.IntN(size+1), size)
			case 1:
				p.Leave(peer)
				delete(has, peer)
			case 2, 3:
				p.Lost(peer, chunk)
				delete(has[peer], chunk)
			default:
				p.Have(peer, chunk)
				if has[peer] != nil {
					has[peer][chunk] = true
				}
			}
			checkCounts(t, p, has)
		}
	}
}

// joinWith has a peer join with the first chunks.
func joinWith(p *Picker, peer Peer, count, size int) map[int]bool {
	have, set := content.NewBitmap(size), map[int]bool{}
	for c := range count {
		have.Set(c)
		set[c] = true
	}
	p.Join(peer, have)
	return set
}

func checkCounts(t *testing.T, p *Picker, has map[Peer]map[int]bool) {
	t.Helper()
	for c := range p.size {
		want := 0
		for _, chunks := range has {
			if chunks[int(c)] {
				want++
			}
		}
		if got := int(p.rarity.base + p.rarity.count[c]); got != want {
			t.Fatalf("%d peers have chunk %d, want %d", got, c, want)
		}
	}
	for peer, chunks := range has {
		if got := p.sources[peer].count; got != len(chunks) {
			t.Fatalf("peer %d has %d chunks, want %d", peer, got, len(chunks))
		}
	}
}
