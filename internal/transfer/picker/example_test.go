package picker_test

import (
	"fmt"

	"shoal/internal/content"
	"shoal/internal/transfer/picker"
)

// A fetch of four chunks from two peers, one of which has only the last.
func Example() {
	p := picker.New(picker.Config{Chunks: 4, Wanted: content.FullBitmap(4), Seed: 1})
	seed, other := picker.Peer(1), picker.Peer(2)
	p.Join(seed, content.FullBitmap(4))
	p.Join(other, content.NewBitmap(4))
	p.Have(other, 3)

	for range 4 { // no chunk fails, so that many rounds are enough
		for _, peer := range []picker.Peer{other, seed} {
			pick, ok := p.Pick(peer)
			if !ok {
				continue
			}
			fmt.Println("peer", peer, "chunk", pick.Chunk, pick.Kind)
			p.Done(pick.Chunk) // its bytes came, and they were right
		}
	}
	// Output:
	// peer 2 chunk 3 fresh
	// peer 1 chunk 0 fresh
	// peer 1 chunk 2 fresh
	// peer 1 chunk 1 fresh
}
