package picker

import "time"

// round is one measurement of a peer's rate.
type round struct {
	start       time.Time
	from, until int64 // of the bytes received since the beginning
	starved     bool  // the window was half empty at some time, so this is less than the peer can do
}

// over reports whether enough has come in, or enough time has passed.
func (r *round) over(now time.Time, received int64) bool {
	elapsed := now.Sub(r.start)
	return received >= r.until && elapsed >= minRound || elapsed >= maxRound
}

// rate is in bytes a second. A round that took no time has none.
func (r *round) rate(now time.Time, received int64) float64 {
	elapsed := now.Sub(r.start)
	if elapsed <= 0 {
		return 0
	}
	return float64(received-r.from) / elapsed.Seconds()
}

// latency is the least time seen between asking for something and its first
// byte. One request is timed at a time, as in RFC 6298, 3.
type latency struct {
	least  time.Duration // zero: not known
	timing bool
	asked  time.Time
	first  int64 // the request's first byte
}

// sent begins to time a request whose first byte is at offset.
func (l *latency) sent(now time.Time, offset int64) {
	if !l.timing {
		l.timing, l.asked, l.first = true, now, offset
	}
}

func (l *latency) received(now time.Time, received int64) {
	if !l.timing || received <= l.first {
		return
	}
	l.timing = false
	if sample := now.Sub(l.asked); l.least == 0 || sample < l.least {
		l.least = sample
	}
}

// forget stops timing: the request will not be answered.
func (l *latency) forget() { l.timing = false }
