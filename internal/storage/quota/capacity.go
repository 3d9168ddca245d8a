package quota

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"shoal"
)

// Capacity is how much a node may store: a number of bytes, or a part of its
// disk. The zero value is as much as the disk has.
type Capacity struct {
	bytes   int64 // nothing, or more than 0; 0 if there is no such limit
	percent int   // of the disk, up to 100; 0 if there is no such limit
}

// nothing is the number of bytes of a node that may not store any; for New, 0
// stands for no limit.
const nothing = -1

// ParseCapacity reads a size as ParseSize does ("500G", "64MiB"), a part of the
// disk in whole percent ("80%"), or the empty text, which is the zero value. "0"
// is nothing at all, as for a node that only helps others find each other.
// Errors are shoal.Usage, with a hint.
func ParseCapacity(text string) (Capacity, error) {
	if text == "" {
		return Capacity{}, nil
	}
	if number, ok := strings.CutSuffix(text, "%"); ok {
		percent, err := strconv.ParseUint(number, 10, 8)
		if err != nil || percent < 1 || percent > 100 {
			return Capacity{}, refuse(text)
		}
		return Capacity{percent: int(percent)}, nil
	}
	size, err := ParseSize(text)
	switch {
	case err != nil:
		return Capacity{}, refuse(text)
	case size == 0:
		return Capacity{bytes: nothing}, nil
	}
	return Capacity{bytes: size}, nil
}

func refuse(text string) error {
	return shoal.WithHint(fmt.Errorf("capacity %.100q is neither a size nor a part of the disk: %w", text, shoal.Usage),
		"write it as 500G, 1500MB or 2TiB, as 1% to 100%, or as 0 to store nothing")
}

// Limit is the capacity as New takes it, on a disk of diskBytes in all: bytes,
// where 0 is no limit and less is nothing.
func (c Capacity) Limit(diskBytes int64) int64 {
	if c.percent == 0 {
		return c.bytes
	}
	limit := diskBytes/100*int64(c.percent) + diskBytes%100*int64(c.percent)/100
	if limit <= 0 {
		return nothing
	}
	return limit
}

// String is a text that ParseCapacity reads back.
func (c Capacity) String() string {
	switch {
	case c.percent > 0:
		return strconv.Itoa(c.percent) + "%"
	case c.bytes == nothing:
		return "0"
	case c.bytes == 0:
		return ""
	}
	return formatSize(c.bytes)
}

// units are the letters of the powers of 1024, and of 1000.
const units = "KMGTP"

// ParseSize reads a number of bytes: digits, and a unit or none, in either case.
// K, M, G, T and P, with or without iB, are powers of 1024; KB, MB and so on are
// powers of 1000 (as in GNU coreutils). Errors are shoal.Usage.
func ParseSize(text string) (int64, error) {
	digits := strings.TrimRight(text, units+"iB"+strings.ToLower(units)+"Ib")
	n, err := strconv.ParseUint(digits, 10, 63)
	factor, ok := unit(strings.ToUpper(text[len(digits):]))
	if err != nil || !ok {
		return 0, fmt.Errorf("%.100q is not a size such as 500G, 1500MB or 2TiB: %w", text, shoal.Usage)
	}
	high, low := bits.Mul64(n, factor)
	if high != 0 || low > math.MaxInt64 {
		return 0, fmt.Errorf("%.100q is more than any disk has: %w", text, shoal.Usage)
	}
	return int64(low), nil
}

// unit is how many bytes a unit, in upper case, has.
func unit(text string) (uint64, bool) {
	letter, base := text, uint64(1024)
	switch {
	case text == "" || text == "B":
		return 1, true
	case strings.HasSuffix(text, "IB"):
		letter = strings.TrimSuffix(text, "IB")
	case strings.HasSuffix(text, "B"):
		letter, base = strings.TrimSuffix(text, "B"), 1000
	}
	power := strings.Index(units, letter)
	if power < 0 || len(letter) != 1 {
		return 0, false
	}
	factor := base
	for range power {
		factor *= base
	}
	return factor, true
}

// formatSize writes a size exactly, in the largest unit of which it is a
// multiple.
func formatSize(bytes int64) string {
	power := min(bits.TrailingZeros64(uint64(bytes))/10, len(units))
	if power == 0 {
		return strconv.FormatInt(bytes, 10)
	}
	return strconv.FormatInt(bytes>>(10*power), 10) + units[power-1:power] + "iB"
}
