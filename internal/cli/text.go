package cli

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"

	"shoal"
)

func size(n int64) string { return shoal.FormatSize(n) }

// binarySize is a number of bytes that is a power of two, such as a chunk's.
func binarySize(n int) string {
	return strings.Replace(humanize.IBytes(uint64(max(n, 0))), ".0 ", " ", 1)
}

// rate is a number of bytes per second.
func rate(perSecond float64) string { return size(int64(perSecond)) + "/s" }

// count is a number of things: no files, 1 file, 1,204 files.
func count(n int, thing string) string {
	switch n {
	case 0:
		return "no " + thing + "s"
	case 1:
		return "1 " + thing
	}
	return number(n) + " " + thing + "s"
}

// some is a number of things out of all: 12 of 1,204 files.
func some(n, all int, thing string) string { return number(n) + " of " + count(all, thing) }

// number is a number with its thousands apart.
func number(n int) string { return humanize.Comma(int64(n)) }

// ago is how long before now something was.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return humanize.RelTime(t, now, "ago", "from now")
}

// span is a length of time in the one or two units that matter.
func span(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "<1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d/time.Millisecond)
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return fmt.Sprintf("%d h %02d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d d %d h", d/day, d%day/time.Hour)
}

// left is how long something will go on: rounded up, for nobody believes in 0
// seconds, and in whole ones, for it is a guess.
func left(d time.Duration) string {
	seconds := max((d+time.Second-1)/time.Second, 1)
	if seconds < 60 {
		return fmt.Sprintf("%d s left", seconds)
	}
	return span(seconds*time.Second) + " left"
}

// clean makes text from elsewhere safe to show: a peer chooses its own name,
// and characters that steer a terminal or turn the direction of writing must
// not reach one.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
}

// sentence is an error as one line, though it may be several joined.
func sentence(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// meter is a bar of ten cells that shows have of all.
func meter(have, all int) string {
	const cells = 10
	full := cells
	if all > 0 {
		full = min(have*cells/all, cells)
	}
	return strings.Repeat("█", full) + strings.Repeat("░", cells-full)
}
