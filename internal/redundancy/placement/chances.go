package placement

import (
	"math/bits"
	"slices"
)

// chances is with what chance each node is to be among n chosen: in proportion
// to its weight, but nobody more than certainly. What is more than certain for
// some is shared out among the others. Times one.
func (m *Map) chances(n int) []uint64 {
	chance := make([]uint64, len(m.hosts))
	rest, total := uint64(n), uint64(0)
	for _, h := range m.hosts {
		total += h.weight
	}
	for capped := true; capped; {
		capped = false
		for i, h := range m.hosts {
			if chance[i] == 0 && h.weight*rest >= total {
				chance[i], capped = one, true
				rest, total = rest-1, total-h.weight
			}
		}
	}
	for i, h := range m.hosts {
		if chance[i] == 0 {
			chance[i] = ratio(h.weight*rest, total)
		}
	}
	return chance
}

// ratio is a / b times one, for a of at most b: at most one.
func ratio(a, b uint64) uint64 {
	if a >= b {
		return one
	}
	quotient, _ := bits.Div64(a>>32, a<<32, b)
	return quotient
}

// brewer is the rate at which a node of some chance runs when there are still
// left to be chosen, and the chances of those who were not chosen yet add up to
// sum. So the chances come out exactly, though nobody is chosen twice (Brewer,
// Australian Journal of Statistics 17, 1975).
func brewer(chance, sum uint64, left int) uint64 {
	if left <= 1 {
		return chance
	}
	taken := uint64(left) * chance
	if chance >= sum || taken >= sum {
		return maxRate
	}
	high, low := bits.Mul64(chance, sum-chance)
	if high >= sum-taken {
		return maxRate
	}
	rate, _ := bits.Div64(high, low, sum-taken)
	return min(rate, maxRate)
}

// drawing is a race that goes on until everyone has arrived.
type drawing struct {
	racers []racer  // those who run
	chance []uint64 // by racer: of being among the first wanted
	zone   []int    // by racer
	wanted int
	seen   []int // zones of those who have arrived
}

// order has the racers arrive: the wanted first, as many zones among them as
// there are, by their chances; then the others. It appends the nodes of the first
// most to order; there are that many.
func (d *drawing) order(order []int, most int) []int {
	sum := uint64(d.wanted) * one
	d.seen = d.seen[:0]
	for picked := range most {
		winner := d.next(sum, d.wanted-picked)
		goOn(d.racers, winner)
		order = append(order, d.racers[winner].node)
		sum -= min(d.chance[winner], sum)
		d.remove(winner)
	}
	return order
}

// next is the place of the racer that arrives next, when the chances of those
// not yet chosen add up to sum, and left of them are still wanted.
func (d *drawing) next(sum uint64, left int) int {
	last, rate := uint64(0), uint64(0) // many have the same chance
	for i, chance := range d.chance {
		if i == 0 || chance != last {
			last, rate = chance, brewer(chance, sum, left)
		}
		d.racers[i].rate = rate
	}
	winner := -1
	if left > 0 {
		winner = d.first(true)
	}
	if winner < 0 {
		winner = d.first(false)
	}
	d.seen = append(d.seen, d.zone[winner])
	return winner
}

// first is the place of the racer that arrives first: of those in zones nobody
// has arrived from, if elsewhere is set, and then -1 if there are none. Ties go
// to the one whose variable is smaller.
func (d *drawing) first(elsewhere bool) int {
	best, bestTime := -1, uint64(0)
	for i, r := range d.racers {
		if elsewhere && slices.Contains(d.seen, d.zone[i]) {
			continue
		}
		t := r.time()
		if best < 0 || t < bestTime || t == bestTime && r.left < d.racers[best].left {
			best, bestTime = i, t
		}
	}
	return best
}

// remove takes a racer out.
func (d *drawing) remove(i int) {
	last := len(d.racers) - 1
	d.racers[i], d.chance[i], d.zone[i] = d.racers[last], d.chance[last], d.zone[last]
	d.racers, d.chance, d.zone = d.racers[:last], d.chance[:last], d.zone[:last]
}
