package placement_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"lukechampine.com/blake3"
	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/redundancy/placement"
)

// fileID is the id of the n-th file.
func fileID(n int) shoal.FileID {
	return blake3.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// nodes of such weights.
func nodes(weights ...int64) []placement.Node {
	all := make([]placement.Node, len(weights))
	for i, w := range weights {
		all[i] = placement.Node{ID: shoal.NodeID(fmt.Sprintf("node-%03d", i)), Weight: w}
	}
	return all
}

func equal(n int) []placement.Node { return nodes(slices.Repeat([]int64{1 << 40}, n)...) }

// files is a number of files of so many chunks.
type files struct{ many, chunks int }

// layouts is the holders of every chunk of the files.
func (f files) layouts(m *placement.Map, copies int) [][]shoal.NodeID {
	var all [][]shoal.NodeID
	for n := range f.many {
		l := m.File(fileID(n), f.chunks, copies)
		for c := range f.chunks {
			all = append(all, l.Holders(c))
		}
	}
	return all
}

// load is how many copies each node holds.
func load(layouts [][]shoal.NodeID) map[shoal.NodeID]int {
	held := make(map[shoal.NodeID]int)
	for _, holders := range layouts {
		for _, node := range holders {
			held[node]++
		}
	}
	return held
}

func TestLoadIsEven(t *testing.T) {
	for _, f := range []files{{1, 10_000}, {10_000, 1}, {2500, 4}, {100, 100}} {
		held := load(f.layouts(placement.New(equal(10)), 2))
		most := 0
		for _, n := range held {
			most = max(most, n)
		}
		if mean := float64(f.many*f.chunks*2) / 10; float64(most) > 1.1*mean {
			t.Errorf("%d files of %d chunks: the fullest node has %d, the mean is %.0f", f.many, f.chunks, most, mean)
		}
	}
}

// Every node gets its share of what is there, but nobody more than one copy of
// everything.
func TestWeightsAreFollowed(t *testing.T) {
	heavy := slices.Repeat([]int64{1 << 30}, 50)
	heavy[7], heavy[8] = 3<<30, 2<<30
	for _, weights := range [][]int64{
		{3, 2, 1}, {4, 3, 3}, {2, 1, 1, 1}, {10, 1, 1, 1, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, {100, 100, 100, 1}, heavy,
	} {
		for _, copies := range []int{1, 2, 3} {
			for _, f := range []files{{1, 100_000}, {25_000, 1}, {12_000, 2}} {
				if len(weights) > 32 && f.many == 1 {
					continue // one file lies on 32 nodes only
				}
				checkShares(t, weights, copies, f)
			}
		}
	}
}

func checkShares(t *testing.T, weights []int64, copies int, f files) {
	t.Helper()
	all := nodes(weights...)
	held := load(f.layouts(placement.New(all), copies))
	placed := float64(f.many * f.chunks)
	shares := fair(weights, copies)
	for i, n := range all {
		got, want := float64(held[n.ID])/placed, shares[i]
		// Beside the bound of 5 %, three standard deviations of chance.
		if slack := 0.05*want + 3*math.Sqrt(want*(1-want)/placed); math.Abs(got-want) > slack {
			t.Errorf("weights %v, %d copies, %+v: node %d holds %.4f of all, want %.4f", weights, copies, f, i, got, want)
		}
	}
}

// fair is the share of all chunks that each node should hold, worked out apart.
func fair(weights []int64, copies int) []float64 {
	shares := make([]float64, len(weights))
	for range len(weights) + 1 {
		rest, total := float64(copies), 0.0
		for i, w := range weights {
			if shares[i] >= 1 {
				rest--
			} else {
				total += float64(w)
			}
		}
		for i, w := range weights {
			if shares[i] < 1 {
				shares[i] = min(rest*float64(w)/total, 1)
			}
		}
	}
	return shares
}

// What moves when a node comes or goes is little more than what must.
func TestLittleMoves(t *testing.T) {
	for _, n := range []int{4, 5, 10, 40} {
		all := equal(n)
		for _, f := range []files{{1, 20_000}, {4000, 1}, {4000, 4}, {500, 40}} {
			before := f.layouts(placement.New(all), 2)
			without := f.layouts(placement.New(all[:n-1]), 2)
			must, moved := load(before)[all[n-1].ID], changes(before, without)
			if float64(moved) > 1.2*float64(must) {
				t.Errorf("%d nodes, %d files of %d chunks: %d copies move when one goes, %d must: %.2f", n, f.many, f.chunks, moved, must, float64(moved)/float64(must))
			}
		}
	}
}

// changes is how many copies are on another node than before.
func changes(before, after [][]shoal.NodeID) (moved int) {
	for i := range before {
		for _, node := range after[i] {
			if !slices.Contains(before[i], node) {
				moved++
			}
		}
	}
	return moved
}

func TestLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Int64Range(-1, math.MaxInt64), 0, 60).Draw(t, "weights")
		all := nodes(weights...)
		zones := rapid.IntRange(1, 4).Draw(t, "zones")
		for i := range all {
			all[i].Zone = fmt.Sprint(rapid.IntRange(1, zones).Draw(t, "zone"))
		}
		m := placement.New(all)
		chunks, copies := rapid.IntRange(0, 80).Draw(t, "chunks"), rapid.IntRange(1, 5).Draw(t, "copies")
		file := fileID(rapid.IntRange(0, 1000).Draw(t, "file"))
		l := m.File(file, chunks, copies)
		shuffled := slices.Clone(all)
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(all), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		again := placement.New(append(shuffled, shuffled...))
		if m.Digest() != again.Digest() {
			t.Fatal("the order of the nodes matters to the digest")
		}
		on := make(map[shoal.NodeID]bool)
		for c := range chunks {
			checkChunk(t, m, l, c, copies)
			if !slices.Equal(l.Holders(c), again.File(file, chunks, copies).Holders(c)) {
				t.Fatal("the order of the nodes matters")
			}
			for _, node := range l.Holders(c) {
				on[node] = true
			}
		}
		if want := min(4, m.Len()); chunks >= 4 && len(on) < want {
			t.Fatalf("%d chunks lie on %d nodes, want %d", chunks, len(on), want)
		}
	})
}

// A file without chunks, one of which no copies are wanted, and any file where there
// are no nodes, have no holders.
func TestNothingToPlace(t *testing.T) {
	for what, l := range map[string]*placement.Layout{
		"no chunks": placement.New(equal(3)).File(fileID(1), 0, 2), "no copies": placement.New(equal(3)).File(fileID(1), 2, 0),
		"no nodes": placement.New(nil).File(fileID(1), 2, 2), "no weight": placement.New(nodes(0, -1)).File(fileID(1), 2, 2),
	} {
		if l.Copies() != 0 || l.Order(0) != nil || len(l.Holders(0)) != 0 || l.Holds("node-000", 0) {
			t.Errorf("%s: %d copies, in the order %v", what, l.Copies(), l.Order(0))
		}
	}
}

// Four chunks in one copy lie on four nodes, and so does a file of which only two nodes
// would have got something.
func TestSmallFilesAreSpread(t *testing.T) {
	for _, weights := range [][]int64{{1, 1, 1, 1}, {1000, 1000, 1, 1}, {1000, 1, 1, 1}} {
		m := placement.New(nodes(weights...))
		for n := range 200 {
			var all [][]shoal.NodeID
			for c := range 4 {
				all = append(all, m.File(fileID(n), 4, 1).Holders(c))
			}
			if on := load(all); len(on) != 4 {
				t.Fatalf("weights %v: file %d lies on %d nodes", weights, n, len(on))
			}
		}
	}
}

// Chances that are all but one, so that a rate is beyond all numbers, are no trouble.
func TestNearlyCertain(t *testing.T) {
	const w = 1 << 33
	for _, weights := range [][]int64{{1 << 40, w, w, w, 1}, {1 << 40, w, w, w, w, 1}} {
		m, copies := placement.New(nodes(weights...)), len(weights)-1
		for n := range 100 {
			holders := m.File(fileID(n), 1, copies).Holders(0)
			if slices.Contains(holders, "node-00"+shoal.NodeID('0'+rune(copies))) || len(holders) != copies {
				t.Fatalf("file %d of weights %v is held by %v", n, weights, holders)
			}
		}
	}
}

func checkChunk(t *rapid.T, m *placement.Map, l *placement.Layout, chunk, copies int) {
	holders, order := l.Holders(chunk), l.Order(chunk)
	if want := min(copies, m.Len()); len(holders) != want {
		t.Fatalf("%d holders, want %d", len(holders), want)
	}
	if len(order) != m.Len() || !slices.Equal(order[:len(holders)], holders) {
		t.Fatalf("order %v of holders %v", order, holders)
	}
	for i, node := range order {
		if slices.Contains(order[:i], node) || !m.Has(node) {
			t.Fatalf("%s is there twice, or should not be", node)
		}
		if l.Holds(node, chunk) != slices.Contains(holders, node) {
			t.Fatal("Holds does not agree with Holders")
		}
	}
	if len(m.Nodes()) <= placement.MaxSpread && chunk >= 4 { // a small file's cover may give up a zone
		checkZones(t, m, holders)
	}
}

// checkZones wants copies in as many zones as can be.
func checkZones(t *rapid.T, m *placement.Map, holders []shoal.NodeID) {
	all, used := make(map[string]bool), make(map[string]bool)
	for _, n := range m.Nodes() {
		all[n.Zone] = true
		if slices.Contains(holders, n.ID) {
			used[n.Zone] = true
		}
	}
	if want := min(len(all), len(holders)); len(used) < want {
		t.Fatalf("copies in %d zones, want %d", len(used), want)
	}
}

func BenchmarkFile(b *testing.B) {
	for _, size := range []struct{ nodes, chunks int }{{10, 1}, {10, 4}, {10, 4096}, {1000, 4}, {1000, 4096}} {
		b.Run(fmt.Sprintf("nodes=%d/chunks=%d", size.nodes, size.chunks), func(b *testing.B) {
			m := placement.New(equal(size.nodes))
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				m.File(fileID(n), size.chunks, 2)
			}
		})
	}
}
