package picker_test

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"shoal/internal/content"
	"shoal/internal/transfer/picker"
)

// model is what a picker must not contradict: sets of chunks and peers, and
// nothing clever.
type model struct {
	picker *picker.Picker
	chunks int
	wanted map[int]bool
	done   map[int]bool
	urgent []int
	fresh  int // picks of that kind
	peers  map[picker.Peer]*modelPeer
}

type modelPeer struct {
	have     map[int]bool
	assigned map[int]bool
	robbed   map[int]*modelPeer // from whom it has an assigned chunk
	rate     float64
}

func newModel(t *rapid.T) *model {
	chunks := rapid.OneOf(rapid.IntRange(0, 16), rapid.IntRange(60, 200)).Draw(t, "chunks")
	m := &model{
		chunks: chunks,
		wanted: draw(t, chunks, "wanted"),
		done:   map[int]bool{},
		peers:  map[picker.Peer]*modelPeer{},
	}
	m.picker = picker.New(picker.Config{Chunks: chunks, Wanted: bitmap(chunks, m.wanted), Seed: rapid.Uint64().Draw(t, "seed")})
	return m
}

// draw returns none, all or some of the chunks.
func draw(t *rapid.T, chunks int, label string) map[int]bool {
	set := map[int]bool{}
	share := rapid.SampledFrom([]int{0, 1, 30, 70, 99, 100}).Draw(t, label+" %")
	for i := range chunks {
		if share == 100 || share > 0 && rapid.IntRange(0, 99).Draw(t, label) < share {
			set[i] = true
		}
	}
	return set
}

func bitmap(chunks int, set map[int]bool) content.Bitmap {
	b := content.NewBitmap(chunks)
	for i := range set {
		b.Set(i)
	}
	return b
}

func (m *model) needed(chunk int) bool { return m.wanted[chunk] && !m.done[chunk] }

func (m *model) holders(chunk int) []picker.Peer {
	var holders []picker.Peer
	for id, peer := range m.peers {
		if peer.assigned[chunk] {
			holders = append(holders, id)
		}
	}
	slices.Sort(holders)
	return holders
}

// peersWith is how many peers have a chunk.
func (m *model) peersWith(chunk int) int {
	n := 0
	for _, peer := range m.peers {
		if peer.have[chunk] {
			n++
		}
	}
	return n
}

func (m *model) free(chunk int) bool {
	return m.needed(chunk) && len(m.holders(chunk)) == 0
}

// anyPeer draws a live peer, or one that does not exist.
func (m *model) anyPeer(t *rapid.T) picker.Peer {
	return picker.Peer(rapid.IntRange(0, 5).Draw(t, "peer"))
}

// anyChunk draws a chunk, or one outside the file.
func (m *model) anyChunk(t *rapid.T) int {
	return rapid.IntRange(-1, m.chunks).Draw(t, "chunk")
}

func (m *model) inside(chunk int) bool { return chunk >= 0 && chunk < m.chunks }

func (m *model) release(id picker.Peer, chunk int) {
	if peer := m.peers[id]; peer != nil {
		delete(peer.assigned, chunk)
		delete(peer.robbed, chunk)
	}
}

// Check compares everything that can be asked of the picker.
func (m *model) Check(t *rapid.T) {
	remaining := 0
	for i := range m.chunks {
		if m.needed(i) {
			remaining++
		}
	}
	if got := m.picker.Remaining(); got != remaining {
		t.Fatalf("Remaining() = %d, want %d", got, remaining)
	}
	for id, peer := range m.peers {
		if got := m.picker.Assigned(id); got != len(peer.assigned) {
			t.Fatalf("Assigned(%d) = %d, want %d", id, got, len(peer.assigned))
		}
	}
}

func (m *model) Join(t *rapid.T) {
	id := m.anyPeer(t)
	have := draw(t, m.chunks, "have")
	m.picker.Join(id, bitmap(m.chunks, have))
	m.peers[id] = &modelPeer{have: have, assigned: map[int]bool{}, robbed: map[int]*modelPeer{}}
}

func (m *model) Leave(t *rapid.T) {
	id := m.anyPeer(t)
	m.picker.Leave(id)
	delete(m.peers, id)
}

func (m *model) Have(t *rapid.T) {
	id, chunk := m.anyPeer(t), m.anyChunk(t)
	m.picker.Have(id, chunk)
	if peer := m.peers[id]; peer != nil && m.inside(chunk) {
		peer.have[chunk] = true
	}
}

func (m *model) Lost(t *rapid.T) {
	id, chunk := m.anyPeer(t), m.anyChunk(t)
	m.picker.Lost(id, chunk)
	if peer := m.peers[id]; peer != nil && peer.have[chunk] {
		delete(peer.have, chunk)
		m.release(id, chunk)
	}
}

func (m *model) SetRate(t *rapid.T) {
	id := m.anyPeer(t)
	rate := rapid.SampledFrom([]float64{-1, 0, 1, 10, 100, 1000}).Draw(t, "rate")
	m.picker.SetRate(id, rate)
	if peer := m.peers[id]; peer != nil {
		peer.rate = max(0, rate)
	}
}

func (m *model) Release(t *rapid.T) {
	id, chunk := m.anyPeer(t), m.anyChunk(t)
	m.picker.Release(id, chunk)
	m.release(id, chunk)
}

func (m *model) Want(t *rapid.T) {
	chunk := m.anyChunk(t)
	m.picker.Want(chunk)
	if m.inside(chunk) {
		m.wanted[chunk] = true
	}
}

func (m *model) Deadlines(t *rapid.T) {
	chunks := rapid.SliceOfN(rapid.IntRange(-1, m.chunks), 0, 10).Draw(t, "deadlines")
	m.picker.Deadlines(chunks)
	m.urgent = chunks
}

// Done has a chunk come, mostly from a peer that was asked for it.
func (m *model) Done(t *rapid.T) {
	chunk := m.anyChunk(t)
	if peer := m.peers[m.anyPeer(t)]; peer != nil && len(peer.assigned) > 0 {
		chunk = rapid.SampledFrom(slices.Sorted(maps.Keys(peer.assigned))).Draw(t, "delivered")
	}
	others := m.picker.Done(chunk)
	slices.Sort(others)
	if want := m.holders(chunk); !slices.Equal(others, want) {
		t.Fatalf("Done(%d) = %v, want %v", chunk, others, want)
	}
	for _, id := range others {
		m.release(id, chunk)
	}
	if m.inside(chunk) {
		m.wanted[chunk], m.done[chunk] = true, true
	}
}

func (m *model) Pick(t *rapid.T) { m.pick(t, m.anyPeer(t)) }

// Fill asks for one peer until there is nothing more for it, as a fetch does
// whose window is large.
func (m *model) Fill(t *rapid.T) {
	id := m.anyPeer(t)
	for range 2 * m.chunks {
		if !m.pick(t, id) {
			return
		}
	}
}

func (m *model) pick(t *rapid.T, id picker.Peer) bool {
	pick, ok := m.picker.Pick(id)
	if !ok {
		m.checkNothing(t, id)
		return false
	}
	m.checkPick(t, id, pick)
	peer := m.peers[id]
	if pick.Kind == picker.Steal {
		peer.robbed[pick.Chunk] = m.peers[pick.From]
		m.release(pick.From, pick.Chunk)
	}
	peer.assigned[pick.Chunk] = true
	return true
}

// checkNothing fails if there was a chunk that nobody had been asked for.
func (m *model) checkNothing(t *rapid.T, id picker.Peer) {
	if peer := m.peers[id]; peer != nil {
		for i := range peer.have {
			if m.free(i) {
				t.Fatalf("nothing for peer %d, but chunk %d is free", id, i)
			}
		}
	}
}

func (m *model) checkPick(t *rapid.T, id picker.Peer, pick picker.Pick) {
	peer, holders := m.peers[id], m.holders(pick.Chunk)
	switch {
	case peer == nil:
		t.Fatalf("%+v for a peer that is not there", pick)
	case !m.needed(pick.Chunk):
		t.Fatalf("%+v is not needed", pick)
	case !peer.have[pick.Chunk]:
		t.Fatalf("%+v: the peer does not have it", pick)
	case peer.assigned[pick.Chunk]:
		t.Fatalf("%+v: the peer has it assigned already", pick)
	case len(holders) > 1 && pick.Kind != picker.Steal:
		t.Fatalf("%+v: assigned to %v already", pick, holders)
	}
	m.checkDeadlines(t, peer, pick)
	switch pick.Kind {
	case picker.Fresh:
		m.checkFresh(t, peer, pick, holders)
	case picker.Urgent:
		m.checkUrgent(t, peer, pick, holders)
	case picker.Steal:
		if len(holders) == 2 {
			m.checkRelief(t, peer, pick, holders)
			return
		}
		m.checkNothing(t, id)
		m.checkSteal(t, peer, pick, holders)
	case picker.Duplicate:
		m.checkNothing(t, id)
		if len(peer.assigned) != 0 || len(holders) != 1 {
			t.Fatalf("%+v: the peer has %d chunks, %v are asked", pick, len(peer.assigned), holders)
		}
	}
}

// checkDeadlines fails if there was a free chunk with an earlier deadline.
func (m *model) checkDeadlines(t *rapid.T, peer *modelPeer, pick picker.Pick) {
	for _, chunk := range m.urgent {
		if chunk == pick.Chunk {
			return
		}
		if peer.have[chunk] && m.free(chunk) {
			t.Fatalf("%+v before %d, which has an earlier deadline", pick, chunk)
		}
	}
}

// checkFresh fails if there was a rarer chunk. In a file of so few chunks as
// are tried in one level, that is exact.
func (m *model) checkFresh(t *rapid.T, peer *modelPeer, pick picker.Pick, holders []picker.Peer) {
	if len(holders) != 0 {
		t.Fatalf("%+v: assigned to %v already", pick, holders)
	}
	m.fresh++
	if m.chunks > 16 || m.fresh <= 4 {
		return
	}
	for chunk := range peer.have {
		if m.free(chunk) && m.peersWith(chunk) < m.peersWith(pick.Chunk) {
			t.Fatalf("%+v, but %d is rarer", pick, chunk)
		}
	}
}

func (m *model) checkUrgent(t *rapid.T, peer *modelPeer, pick picker.Pick, holders []picker.Peer) {
	if !slices.Contains(m.urgent, pick.Chunk) {
		t.Fatalf("%+v: it has no deadline", pick)
	}
	for _, id := range holders {
		slow := m.peers[id]
		if float64(len(slow.assigned))/slow.rate < 2*float64(len(peer.assigned)+1)/peer.rate {
			t.Fatalf("%+v: asked twice of a peer that is not faster", pick)
		}
	}
}

func (m *model) checkSteal(t *rapid.T, peer *modelPeer, pick picker.Pick, holders []picker.Peer) {
	if !slices.Equal(holders, []picker.Peer{pick.From}) {
		t.Fatalf("%+v: assigned to %v", pick, holders)
	}
	slow := m.peers[pick.From]
	if len(slow.assigned) < 2 {
		t.Fatalf("%+v: the last chunk of a peer", pick)
	}
	if float64(len(slow.assigned))/slow.rate < 3*float64(len(peer.assigned)+1)/peer.rate {
		t.Fatalf("%+v: from a peer that is not three times slower", pick)
	}
	if slow.robbed[pick.Chunk] == peer {
		t.Fatalf("%+v: stolen back", pick)
	}
}

// checkRelief fails unless the slower of two late peers was relieved, for one
// that is idle or in time for a deadline.
func (m *model) checkRelief(t *rapid.T, peer *modelPeer, pick picker.Pick, holders []picker.Peer) {
	wait := func(id picker.Peer) float64 { return float64(len(m.peers[id].assigned)) / m.peers[id].rate }
	own := 0.0
	if peer.rate > 0 {
		own = float64(len(peer.assigned)+1) / peer.rate
	}
	for _, id := range holders {
		if m.peers[id].rate == 0 || wait(id) < 2*own {
			t.Fatalf("%+v: %d is not late", pick, id)
		}
	}
	if slices.Contains(m.urgent, pick.Chunk) && len(peer.assigned) > 0 {
		return // its place in the queues decides who is slower, which the model does not know
	}
	if len(peer.assigned) != 0 || !slices.Contains(holders, pick.From) {
		t.Fatalf("%+v: the peer has %d chunks, %v are asked", pick, len(peer.assigned), holders)
	}
	if m.peers[pick.From].robbed[pick.Chunk] == peer {
		t.Fatalf("%+v: stolen back", pick)
	}
}

func TestPickerAgreesWithModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		t.Repeat(rapid.StateMachineActions(m))
	})
}

// Whatever happened before: when those who fail have left, one peer that does
// not fail is enough.
func TestEveryWantedChunkIsDone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		t.Repeat(rapid.StateMachineActions(m))
		for id := range m.peers {
			m.picker.Leave(id)
		}
		m.picker.Join(9, content.FullBitmap(m.chunks))
		for pick, ok := m.picker.Pick(9); ok; pick, ok = m.picker.Pick(9) {
			m.picker.Done(pick.Chunk)
		}
		if got := m.picker.Remaining(); got != 0 {
			t.Fatalf("%d chunks remain", got)
		}
	})
}

// A peer that has gone silent keeps nothing from one that is idle, even though
// nobody says that its requests failed.
func TestIdlePeerFinishesForTheSilent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chunks := rapid.IntRange(1, 50).Draw(t, "chunks")
		p := picker.New(picker.Config{Chunks: chunks, Wanted: content.FullBitmap(chunks)})
		p.Join(1, content.FullBitmap(chunks))
		for range chunks {
			p.Pick(1)
		}
		p.SetRate(1, 1)
		p.Join(2, content.FullBitmap(chunks))
		p.SetRate(2, rapid.SampledFrom([]float64{0, 1000}).Draw(t, "rate"))
		for range chunks {
			pick, ok := p.Pick(2)
			if !ok {
				t.Fatalf("nothing to do with %d chunks remaining", p.Remaining())
			}
			p.Done(pick.Chunk)
		}
	})
}

// Two peers that give next to nothing do not keep a chunk that both were asked
// for: the slower makes room for one that is idle.
func TestTwoSlowPeersKeepNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		rate    float64 // of the idle peer
		urgent  []int
		relieve picker.Peer
	}{
		"known to be fast": {100 << 20, nil, 2},
		"has a deadline":   {100 << 20, []int{1}, 2},
		"just come":        {0, nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			p := picker.New(picker.Config{Chunks: 2, Wanted: bitmap(2, map[int]bool{1: true}), ChunkBytes: 256 << 10})
			for id, rate := range map[picker.Peer]float64{1: 2, 2: 1} {
				p.Join(id, content.FullBitmap(2))
				p.SetRate(id, rate)
			}
			p.Pick(1)
			p.SetRate(1, 0.1)
			if pick, ok := p.Pick(2); !ok || pick.Kind != picker.Duplicate {
				t.Fatalf("the second was given %+v, %t", pick, ok)
			}
			p.SetRate(1, 2)
			p.Join(3, content.FullBitmap(2))
			p.SetRate(3, tc.rate)
			p.Deadlines(tc.urgent)
			if pick, ok := p.Pick(3); !ok || pick != (picker.Pick{Chunk: 1, Kind: picker.Steal, From: tc.relieve}) {
				t.Fatalf("the idle peer was given %+v, %t", pick, ok)
			}
			if pick, ok := p.Pick(2); ok {
				t.Errorf("the relieved peer took it back: %+v", pick)
			}
			if others := p.Done(1); len(others) != 2 {
				t.Errorf("%v were asked, want two", others)
			}
		})
	}
}
