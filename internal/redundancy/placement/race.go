package placement

import "math/bits"

// A race decides who is chosen. Each node draws an exponential variable for the
// thing to be placed, and runs at a rate: its time is variable / rate, and the
// first to arrive is chosen. Chances are in proportion to the rates, a node
// that joins or leaves changes nothing between the others, and what is left
// of the others' variables when the first has arrived is exponential again, so
// the race can go on at new rates (rendezvous hashing: Thaler and Ravishankar,
// IEEE/ACM Transactions on Networking, 1998; with weights, by logarithms:
// Schindelhauer and Schomaker, SPAA 2005).
//
// All numbers are fixed-point integers, so every processor decides alike.
type racer struct {
	left uint64 // of its variable, times 2^32
	rate uint64 // times 2^32
	node int    // index in the map
}

// one is 1 as a fixed-point number. No rate is above maxRate.
const (
	one     = 1 << 32
	maxRate = 1 << 44
)

// logarithm has log2(1 + i/tableSize), times one, for each i up to and with
// tableSize.
type logarithm []uint64

const tableBits = 10

func newLogarithm() logarithm {
	const size = 1 << tableBits
	table := make(logarithm, size+1)
	for i := range size {
		table[i] = exactLog2(1<<63 + uint64(i)<<(63-tableBits))
	}
	table[size] = one
	return table
}

// exactLog2 is the logarithm, times one, of a mantissa in [2^63, 2^64), which
// stands for [1, 2): a bit for each time it is squared, rounded down.
func exactLog2(mantissa uint64) (fraction uint64) {
	for range 32 {
		high, low := bits.Mul64(mantissa, mantissa)
		fraction <<= 1
		if high >= 1<<63 { // the square is 2 or more
			fraction |= 1
			mantissa = high
		} else {
			mantissa = high<<1 | low>>63
		}
	}
	return fraction
}

// exponential is the variable that a uniform 64-bit number stands for: -log2 of
// number / 2^64, times one, interpolated from the table. The base does not
// matter, as all have the same. At most 2^38.
func (l logarithm) exponential(uniform uint64) uint64 {
	uniform |= 1 // never zero
	zeros := bits.LeadingZeros64(uniform)
	mantissa := uniform << zeros << 1 // without its first bit
	at, rest := mantissa>>(64-tableBits), mantissa<<tableBits>>32
	fraction := l[at] + (l[at+1]-l[at])*rest>>32
	return uint64(zeros+1)<<32 - fraction
}

// time is when a racer arrives, times 2^25.
func (r racer) time() uint64 {
	if r.rate == 0 {
		return 1<<64 - 1
	}
	return r.left << 25 / r.rate // left is at most 2^38
}

// goOn takes from every racer what it had run when the one at that place
// arrived.
func goOn(racers []racer, winner int) {
	w := racers[winner]
	for i := range racers {
		if i == winner || w.rate == 0 {
			continue
		}
		// rate * (w.left / w.rate), without a detour over the rounded time
		high, low := bits.Mul64(racers[i].rate, w.left)
		run := uint64(1<<64 - 1)
		if high < w.rate {
			run, _ = bits.Div64(high, low, w.rate)
		}
		racers[i].left -= min(run, racers[i].left)
	}
}

// mix is splitmix64's finalizer (Steele, Lea and Flood, OOPSLA 2014): it makes of
// numbers that are alike ones that are not.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
