package picker_test

import (
	"testing"

	"shoal/internal/content"
	"shoal/internal/transfer/picker"
)

// swarm is a transfer to several downloaders at once, simulated in ticks: in
// each, every node uploads a few chunks, to those who asked it, in turn; what
// arrived is done at once, and the others hear of it in the next tick.
type swarm struct {
	chunks  int
	upload  int // chunks a tick
	window  int // chunks a downloader may have asked of one node
	nodes   []*swarmNode
	waiting []announcement
}

type swarmNode struct {
	picker   *picker.Picker // nil: the seed
	requests [][]int        // by the node that asked, in order
	turn     int            // whom to serve next
	uploaded int
	arrived  map[picker.Peer]int // chunks, by the node they came from
	order    []int               // the chunks in the order they arrived
}

type announcement struct {
	node  picker.Peer
	chunk int
}

// newSwarm returns a swarm whose first nodes are seeds.
func newSwarm(seeds, downloaders, chunks int) *swarm {
	s := &swarm{chunks: chunks, upload: 4, window: 8}
	for id := range seeds + downloaders {
		node := &swarmNode{requests: make([][]int, seeds+downloaders), arrived: map[picker.Peer]int{}}
		if id >= seeds {
			node.picker = picker.New(picker.Config{Chunks: chunks, Wanted: content.FullBitmap(chunks), Seed: uint64(id)})
		}
		s.nodes = append(s.nodes, node)
	}
	for id, node := range s.nodes[seeds:] {
		for other := range s.nodes {
			have := content.NewBitmap(chunks)
			if other < seeds {
				have = content.FullBitmap(chunks)
			}
			if other != id+seeds {
				node.picker.Join(picker.Peer(other), have)
			}
		}
	}
	return s
}

// run returns how many ticks it took until everybody had everything.
func (s *swarm) run(t *testing.T) int {
	for tick := range 100 * s.chunks {
		if s.complete() {
			return tick
		}
		s.announce()
		for id := range s.nodes {
			s.ask(picker.Peer(id), float64(tick+1))
		}
		for id := range s.nodes {
			s.serve(picker.Peer(id))
		}
	}
	t.Fatal("it does not end")
	return 0
}

func (s *swarm) complete() bool {
	for _, node := range s.nodes {
		if node.picker != nil && node.picker.Remaining() > 0 {
			return false
		}
	}
	return true
}

func (s *swarm) announce() {
	for _, a := range s.waiting {
		for id, node := range s.nodes {
			if node.picker != nil && picker.Peer(id) != a.node {
				node.picker.Have(a.node, a.chunk)
			}
		}
	}
	s.waiting = s.waiting[:0]
}

// ask fills the windows of a downloader.
func (s *swarm) ask(id picker.Peer, ticks float64) {
	node := s.nodes[id]
	if node.picker == nil {
		return
	}
	for other := range s.nodes {
		peer := picker.Peer(other)
		node.picker.SetRate(peer, float64(node.arrived[peer])/ticks)
		for node.picker.Assigned(peer) < s.window {
			pick, ok := node.picker.Pick(peer)
			if !ok {
				break
			}
			if pick.Kind == picker.Steal {
				s.cancel(id, pick.From, pick.Chunk)
			}
			s.nodes[other].requests[id] = append(s.nodes[other].requests[id], pick.Chunk)
		}
	}
}

func (s *swarm) cancel(id, at picker.Peer, chunk int) {
	queue := &s.nodes[at].requests[id]
	for i, asked := range *queue {
		if asked == chunk {
			*queue = append((*queue)[:i:i], (*queue)[i+1:]...)
			return
		}
	}
}

// serve uploads what a node can in one tick.
func (s *swarm) serve(id picker.Peer) {
	node := s.nodes[id]
	for idle, sent := 0, 0; sent < s.upload && idle < len(s.nodes); {
		node.turn = (node.turn + 1) % len(s.nodes)
		queue := &node.requests[node.turn]
		if len(*queue) == 0 {
			idle++
			continue
		}
		chunk := (*queue)[0]
		*queue = (*queue)[1:]
		idle = 0
		sent++
		node.uploaded++
		s.deliver(id, picker.Peer(node.turn), chunk)
	}
}

func (s *swarm) deliver(from, to picker.Peer, chunk int) {
	node := s.nodes[to]
	node.arrived[from]++
	node.order = append(node.order, chunk)
	for _, other := range node.picker.Done(chunk) {
		s.cancel(to, other, chunk)
	}
	s.waiting = append(s.waiting, announcement{to, chunk})
}

// Each chunk leaves the only seed about once and spreads from there: that is
// what rarest first is for. Everybody is then done in little more than the time
// the seed needs to upload the file once, not four times.
func TestChunksLeaveTheSeedOnce(t *testing.T) {
	const chunks = 1024
	s := newSwarm(1, 4, chunks)
	ticks := s.run(t)
	share := float64(s.nodes[0].uploaded) / chunks
	slowdown := float64(ticks*s.upload) / chunks
	t.Logf("the seed uploaded %.2f files, in %.2f times the time for one", share, slowdown)
	if share > 1.3 {
		t.Errorf("the seed uploaded the file %.2f times, want at most 1.3", share)
	}
	if slowdown > 1.4 {
		t.Errorf("%d ticks are %.2f times what the seed needs, want at most 1.4", ticks, slowdown)
	}
}

// With equal seeds, each gives its part, in long runs, and next to nothing is
// fetched twice.
func TestSeedsShareTheWork(t *testing.T) {
	const chunks, seeds = 4096, 4
	s := newSwarm(seeds, 1, chunks)
	s.run(t)
	downloader := s.nodes[seeds]
	for id := range seeds {
		if got := downloader.arrived[picker.Peer(id)]; got < chunks/seeds*9/10 || got > chunks/seeds*11/10 {
			t.Errorf("%d chunks from seed %d, want about %d", got, id, chunks/seeds)
		}
	}
	if got := len(downloader.order); got > chunks+chunks/100 {
		t.Errorf("%d chunks fetched for a file of %d", got, chunks)
	}
}

// Runs are what makes the disk's work sequential.
func TestRunsAreLong(t *testing.T) {
	const chunks, peers = 4096, 4
	p := picker.New(picker.Config{Chunks: chunks, Wanted: content.FullBitmap(chunks), Seed: 1})
	for id := range picker.Peer(peers) {
		p.Join(id, content.FullBitmap(chunks))
	}
	runs, last := 0, [peers]int{}
	for i := range chunks {
		pick, _ := p.Pick(picker.Peer(i % peers))
		if pick.Chunk != last[i%peers]+1 {
			runs++
		}
		last[i%peers] = pick.Chunk
		p.Done(pick.Chunk)
	}
	t.Logf("%d runs of %d chunks", runs, chunks/runs)
	if chunks/runs < 32 {
		t.Errorf("%d runs of %d chunks on average, want at least 32", runs, chunks/runs)
	}
}
