package main

import (
	"fmt"
	"slices"
	"time"
)

// contestant does its work once and says how long it took.
type contestant func() (time.Duration, error)

// match is how long two took for the same work, round by round.
type match struct{ ours, theirs []time.Duration }

// duel has two work in turns, so that the machine's moods meet both. Who begins
// changes from round to round, and the first round does not count.
func (b *bench) duel(ours, theirs contestant) (match, error) {
	var m match
	for round := range b.rounds + 1 {
		first, second := ours, theirs
		if round%2 == 1 {
			first, second = theirs, ours
		}
		a, err := first()
		if err != nil {
			return match{}, err
		}
		z, err := second()
		if err != nil {
			return match{}, err
		}
		if round%2 == 1 {
			a, z = z, a
		}
		if round > 0 {
			m.ours, m.theirs = append(m.ours, a), append(m.theirs, z)
		}
	}
	return m, nil
}

// ratio is how fast we are for each unit of their speed, by the medians.
func (m match) ratio() float64 { return median(m.theirs).Seconds() / median(m.ours).Seconds() }

// spread is the least and the most ratio of a round.
func (m match) spread() (least, most float64) {
	ratios := make([]float64, len(m.ours))
	for i := range ratios {
		ratios[i] = m.theirs[i].Seconds() / m.ours[i].Seconds()
	}
	return slices.Min(ratios), slices.Max(ratios)
}

// result compares the rates of moving that many bytes: ours is to be at least
// least of theirs.
func (m match) result(bytes int64, least float64) result {
	low, high := m.spread()
	return result{
		Ours: rate(bytes, median(m.ours)), Theirs: rate(bytes, median(m.theirs)),
		Ratio: m.ratio(), Spread: []float64{low, high},
		OurSeconds: inSeconds(m.ours), TheirSeconds: inSeconds(m.theirs),
		Met: m.ratio() >= least,
	}
}

// median is the middle one, the upper of two.
func median(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[len(times)/2]
}

func inSeconds(times []time.Duration) []float64 {
	seconds := make([]float64, len(times))
	for i, t := range times {
		seconds[i] = t.Seconds()
	}
	return seconds
}

func rate(bytes int64, d time.Duration) string {
	return fmt.Sprintf("%.0f MB/s", float64(bytes)/1e6/d.Seconds())
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1e3) }

// timed runs what and says how long it took.
func timed(what func() error) (time.Duration, error) {
	start := time.Now()
	err := what()
	return time.Since(start), err
}
