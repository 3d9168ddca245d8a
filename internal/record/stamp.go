package record

import (
	"fmt"
	"time"
)

// counterBits of a stamp count what happens within one millisecond.
const counterBits = 16

// Stamp is a time on the hybrid logical clock: milliseconds since 1970 in the
// upper 48 bits, a counter in the lower 16. A later stamp was either made by a
// later clock or by someone who had seen the earlier one (Kulkarni et al.,
// "Logical Physical Clocks", OPODIS 2014).
type Stamp uint64

// StampAt is the first stamp of t's millisecond. Times before 1970 count as
// 1970, and those beyond the year 10889 as that.
func StampAt(t time.Time) Stamp {
	const latest = 1<<(64-counterBits) - 1
	return Stamp(min(max(t.UnixMilli(), 0), latest)) << counterBits
}

// Time is the stamp's millisecond, as its author's clock had it.
func (s Stamp) Time() time.Time { return time.UnixMilli(int64(s >> counterBits)).UTC() }

// MaxAhead is how far in the future a stamp may be. It is generous on purpose:
// a node whose clock is a year off is still heard, and because everyone's
// clock moves with what it hears, later writes win over its all the same. The
// bound keeps a liar from using up the numbers.
const MaxAhead = 400 * 24 * time.Hour

// Clock makes stamps. It is not safe for use by several goroutines at once.
// The zero Clock is ready.
type Clock struct {
	last Stamp
}

// Next is a stamp later than all that were made or heard.
func (c *Clock) Next(wall time.Time) Stamp {
	c.last = max(c.last+1, StampAt(wall))
	return c.last
}

// Hear takes in a stamp that somebody else made. One more than MaxAhead after
// wall is ErrAhead, and the clock stays as it is.
func (c *Clock) Hear(s Stamp, wall time.Time) error {
	if limit := StampAt(wall.Add(MaxAhead)); s > limit {
		return fmt.Errorf("stamp of %s: %w", s.Time().Format(time.DateOnly), ErrAhead)
	}
	c.last = max(c.last, s)
	return nil
}

// Last is the latest stamp made or heard.
func (c *Clock) Last() Stamp { return c.last }
