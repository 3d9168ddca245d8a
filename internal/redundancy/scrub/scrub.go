// Package scrub decides what of a store is read again next, and when, so that all
// of it is within a period and the work is spread evenly: a copy that rots where
// nobody reads it is no copy, and the time to find out is before the other is
// needed.
//
// It is pure: it reads nothing, and knows no clock but the one it is given.
package scrub

import (
	"encoding/hex"
	"fmt"
	"time"

	"shoal"
)

// DefaultPeriod is how long it takes to read everything once. Garage takes 25 to
// 35 days, Ceph a week; two copies on disks that each lose a sector a year or so
// do not ask for more.
const DefaultPeriod = 30 * 24 * time.Hour

// Parts is how many parts a store is cut into, by the first byte of the file's id.
// The ids are hashes, so each part is about as large as any other.
const Parts = 256

// Part is the files whose ids begin with one byte.
type Part uint8

// Of is the part of a file.
func Of(file shoal.FileID) Part { return Part(file[0]) }

// Log is when each part was last read as a whole. It is JSON in a file.
type Log [Parts]time.Time

// NewLog is the log of a store in which everything was verified a moment ago, when
// it was written. It spreads the parts over the period to come.
func NewLog(now time.Time, period time.Duration) *Log {
	var l Log
	for part := range l {
		l[part] = now.Add(-period / Parts * time.Duration(part))
	}
	return &l
}

// Next is the part to read next, and when that is due: so that all parts are read
// in the period, one after the other. What is overdue was due before now. Times
// ahead of now, of a clock that was put back, count as now.
func (l *Log) Next(now time.Time, period time.Duration) (Part, time.Time) {
	oldest := 0
	for part := range l {
		if l[part].Before(l[oldest]) {
			oldest = part
		}
	}
	return Part(oldest), earlier(l[oldest], now).Add(period - Slot(period))
}

// Slot is how long the reading of one part may take.
func Slot(period time.Duration) time.Duration { return period / Parts }

// Done notes that a part has been read.
func (l *Log) Done(part Part, now time.Time) { l[part] = now }

// Coverage is the share of the parts that were read within the period, and when
// the one was read that was for longest not.
func (l *Log) Coverage(now time.Time, period time.Duration) (share float64, oldest time.Time) {
	covered := 0
	oldest = now
	for part := range l {
		at := earlier(l[part], now)
		if now.Sub(at) <= period {
			covered++
		}
		oldest = earlier(at, oldest)
	}
	return float64(covered) / Parts, oldest
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// The bounds of the rate, in bytes a second. The least keeps a store that grows
// from falling behind, the most leaves the disk to others.
const (
	LeastRate = 1 << 20
	MostRate  = 64 << 20
)

// Rate is how fast to read a part of so many bytes: so that it takes half its
// slot. Who is behind by more than a tenth of the period reads as fast as may be.
func Rate(bytes int64, period time.Duration, behind time.Duration) int {
	if behind > period/10 {
		return MostRate
	}
	half := Slot(period).Seconds() / 2
	return int(min(max(float64(bytes)/max(half, 1e-3), LeastRate), MostRate))
}

// String is the two hex digits with which the part's ids begin.
func (p Part) String() string { return hex.EncodeToString([]byte{byte(p)}) }

// Check is an error for a log that cannot be right: one that is all zero.
func (l *Log) Check() error {
	for part := range l {
		if l[part].IsZero() {
			return fmt.Errorf("part %v has no time: %w", Part(part), shoal.Integrity)
		}
	}
	return nil
}
