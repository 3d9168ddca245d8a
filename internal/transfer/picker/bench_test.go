package picker_test

import (
	"math/rand/v2"
	"testing"

	"shoal/internal/content"
	"shoal/internal/transfer/picker"
)

const (
	benchChunks = 262_144 // 64 GiB in chunks of 256 KiB
	benchPeers  = 64
	benchWindow = 16 // chunks that each peer has assigned
)

// BenchmarkPick measures a pick together with what a fetch does for each: the
// chunk that the peer was asked for longest ago arrives and is done. When the
// file is complete it begins again with all of it wanted, off the clock.
func BenchmarkPick(b *testing.B) {
	for _, scenario := range []struct {
		name string
		have func(random *rand.Rand, peer int) content.Bitmap
	}{
		{"seeds", func(*rand.Rand, int) content.Bitmap { return content.FullBitmap(benchChunks) }},
		{"half-partial", func(random *rand.Rand, peer int) content.Bitmap {
			if peer%2 == 0 {
				return content.FullBitmap(benchChunks)
			}
			return sparse(random, 0.5)
		}},
		{"all-partial", func(random *rand.Rand, _ int) content.Bitmap { return sparse(random, 0.5) }},
		{"sparse", func(random *rand.Rand, _ int) content.Bitmap { return sparse(random, 0.01) }},
		{"sparse-and-seeds", func(random *rand.Rand, peer int) content.Bitmap {
			if peer%2 == 0 {
				return content.FullBitmap(benchChunks)
			}
			return sparse(random, 0.01)
		}},
		{"disjoint", func(_ *rand.Rand, peer int) content.Bitmap { return slab(peer, benchPeers) }},
	} {
		b.Run(scenario.name, func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 2))
			haves := make([]content.Bitmap, benchPeers)
			for i := range haves {
				haves[i] = scenario.have(random, i)
			}
			benchmarkPick(b, union(haves), haves)
		})
	}
}

// BenchmarkPickLate is of the last chunks of a file: one in a thousand is left.
func BenchmarkPickLate(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	haves := make([]content.Bitmap, benchPeers)
	for i := range haves {
		haves[i] = sparse(random, 0.5)
	}
	benchmarkPick(b, sparse(random, 0.001), haves)
}

func benchmarkPick(b *testing.B, wanted content.Bitmap, haves []content.Bitmap) {
	run := newBenchRun(wanted, haves)
	b.ReportAllocs()
	for b.Loop() {
		if !run.step() {
			b.StopTimer()
			run = newBenchRun(wanted, haves)
			b.StartTimer()
		}
	}
}

// BenchmarkPickPastDeadlines is of a stream for which everything urgent has
// been asked for already.
func BenchmarkPickPastDeadlines(b *testing.B) {
	haves := make([]content.Bitmap, benchPeers)
	for i := range haves {
		haves[i] = content.FullBitmap(benchChunks)
	}
	run := newBenchRun(haves[0], haves)
	var ahead []int
	for i := range 256 {
		ahead = append(ahead, i)
	}
	run.picker.Deadlines(ahead)
	for i := range ahead {
		run.picker.SetRate(picker.Peer(i%benchPeers), 1e6)
		run.picker.Pick(picker.Peer(i % benchPeers))
	}
	b.ReportAllocs()
	for b.Loop() {
		pick, _ := run.picker.Pick(0)
		run.picker.Release(0, pick.Chunk)
	}
}

// BenchmarkPickNothing is the worst case. Half of the file is free in as many
// levels as there are peers, and the peer that picks has the other half; it is
// fast and idle, and the slow peers have nothing assigned that it has; and
// before each pick something becomes free, so that what was found the last
// time does not count.
func BenchmarkPickNothing(b *testing.B) {
	wanted, have := content.NewBitmap(benchChunks), content.NewBitmap(benchChunks)
	for i := range benchChunks / 2 {
		wanted.Set(2 * i)
		have.Set(2*i + 1)
	}
	p := picker.New(picker.Config{Chunks: benchChunks, Wanted: wanted, Seed: 1})
	p.Join(0, have)
	p.SetRate(0, 1e9)
	for i := 1; i < benchPeers; i++ {
		nested := content.NewBitmap(benchChunks)
		for chunk := range wanted.All {
			if chunk/2%benchPeers < i {
				nested.Set(chunk)
			}
		}
		p.Join(picker.Peer(i), nested)
		p.SetRate(picker.Peer(i), 1e6)
		for range benchWindow {
			p.Pick(picker.Peer(i))
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		pick, _ := p.Pick(1)
		p.Release(1, pick.Chunk)
		if _, ok := p.Pick(0); ok {
			b.Fatal("picked what it does not have")
		}
	}
}

func BenchmarkJoinLeave(b *testing.B) {
	for _, share := range []float64{1, 0.5, 0.01} {
		b.Run(map[float64]string{1: "seed", 0.5: "half", 0.01: "sparse"}[share], func(b *testing.B) {
			have := sparse(rand.New(rand.NewPCG(1, 2)), share)
			p := picker.New(picker.Config{Chunks: benchChunks, Wanted: content.FullBitmap(benchChunks)})
			b.ReportAllocs()
			for b.Loop() {
				p.Join(1, have)
				p.Leave(1)
			}
		})
	}
}

// benchRun is a transfer whose peers are asked in turn.
type benchRun struct {
	picker *picker.Picker
	queues [benchPeers][]int
	turn   int
}

func newBenchRun(wanted content.Bitmap, haves []content.Bitmap) *benchRun {
	r := &benchRun{picker: picker.New(picker.Config{Chunks: benchChunks, Wanted: wanted, Seed: 1})}
	for i, have := range haves {
		r.picker.Join(picker.Peer(i), have)
		r.queues[i] = make([]int, 0, benchWindow+1)
	}
	return r
}

// step is one pick by the next peer, after its oldest chunk was done if its
// queue is full. It is false when nothing is left to do.
func (r *benchRun) step() bool {
	r.turn = (r.turn + 1) % benchPeers
	queue := r.queues[r.turn]
	pick, ok := r.picker.Pick(picker.Peer(r.turn))
	if ok {
		queue = append(queue, pick.Chunk)
	}
	if len(queue) > benchWindow || !ok && len(queue) > 0 {
		r.picker.Done(queue[0])
		queue = append(queue[:0], queue[1:]...)
	}
	r.queues[r.turn] = queue
	return r.picker.Remaining() > 0
}

func union(haves []content.Bitmap) content.Bitmap {
	all := content.NewBitmap(benchChunks)
	for _, have := range haves {
		all.Union(have)
	}
	return all
}

// sparse returns a random share of the file.
func sparse(random *rand.Rand, share float64) content.Bitmap {
	b := content.NewBitmap(benchChunks)
	for i := range benchChunks {
		if random.Float64() < share {
			b.Set(i)
		}
	}
	return b
}

// slab returns one of count equal parts of the file.
func slab(part, count int) content.Bitmap {
	b := content.NewBitmap(benchChunks)
	for i := range benchChunks / count {
		b.Set(part*benchChunks/count + i)
	}
	return b
}
