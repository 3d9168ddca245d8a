package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"shoal"
)

// day is what people mean by one; no clock is put forward here.
const day = 24 * time.Hour

// parseSpan reads a length of time as a person gives it: as time.ParseDuration
// does, and in days, such as 7d or 1d12h. None is negative. Errors are
// shoal.Usage.
func parseSpan(text string) (time.Duration, error) {
	wrong := fmt.Errorf("%q is no span of time, such as 30m, 12h or 7d: %w", text, shoal.Usage)
	days, rest, ok := strings.Cut(text, "d")
	if !ok {
		days, rest = "0", text
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, wrong
	}
	span := time.Duration(0)
	if rest != "" || !ok {
		if span, err = time.ParseDuration(rest); err != nil || span < 0 || rest[0] == '+' {
			return 0, wrong
		}
	}
	if span > math.MaxInt64-time.Duration(n)*day {
		return 0, wrong
	}
	return span + time.Duration(n)*day, nil
}

// timespan is a flag that takes a length of time.
type timespan time.Duration

// spanFlag adds a flag that takes a length of time.
func spanFlag(flags *pflag.FlagSet, to *time.Duration, name string, usual time.Duration, usage string) {
	*to = usual
	flags.Var((*timespan)(to), name, usage)
}

func (t *timespan) Set(text string) error {
	span, err := parseSpan(text)
	if err == nil {
		*t = timespan(span)
	}
	return err
}

func (t *timespan) Type() string { return "duration" }

// String is empty for none, so that the help shows no default where there is none.
func (t *timespan) String() string {
	if *t == 0 {
		return ""
	}
	return strings.Replace(strings.Replace(time.Duration(*t).String(), "m0s", "m", 1), "h0m", "h", 1)
}
