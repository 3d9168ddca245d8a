package quota

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"shoal"
)

// Capacity is how much a node may store: a number of bytes, or a part of its
// disk. The zero value is as much as the disk has.
type Capacity struct {
	bytes   int64
	percent float64
}

// ParseCapacity reads a size ("500G", "1.5TiB", "1000000"), a part of the disk
// ("80%"), or nothing, which is the zero value. "0" is none at all, as a node
// that only helps others find each other has. Errors are shoal.Usage.
func ParseCapacity(text string) (Capacity, error) {
	if text == "" {
		return Capacity{}, nil
	}
	if number, ok := strings.CutSuffix(text, "%"); ok {
		percent, err := strconv.ParseFloat(number, 64)
		if err != nil || !(percent > 0 && percent <= 100) {
			return Capacity{}, fmt.Errorf("capacity %q is not a part of the disk from above 0%% to 100%%: %w", text, shoal.Usage)
		}
		return Capacity{percent: percent}, nil
	}
	bytes, err := humanize.ParseBytes(text)
	if err != nil || bytes > math.MaxInt64 {
		return Capacity{}, fmt.Errorf("capacity %q is not a size like 500G or a part of the disk like 80%%: %w", text, shoal.Usage)
	}
	if bytes == 0 {
		return Capacity{bytes: none}, nil
	}
	return Capacity{bytes: int64(bytes)}, nil
}

// none is a capacity of nothing; zero stands for no quota.
const none = -1

// Limit is the capacity as New takes it, on a disk of diskBytes.
func (c Capacity) Limit(diskBytes int64) int64 {
	if c.percent > 0 {
		return int64(c.percent / 100 * float64(diskBytes))
	}
	return c.bytes
}

// String is a text that ParseCapacity reads back.
func (c Capacity) String() string {
	switch {
	case c.percent > 0:
		return strconv.FormatFloat(c.percent, 'g', -1, 64) + "%"
	case c.bytes == none:
		return "0"
	case c.bytes == 0:
		return ""
	}
	return strconv.FormatInt(c.bytes, 10)
}
