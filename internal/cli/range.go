package cli

import (
	"fmt"
	"strconv"
	"strings"

	"shoal"
)

// byteRange is a part of a file: from first to last, both included, counted
// from 0 as HTTP does (RFC 9110 section 14.1.2). A last of -1 is the end; a
// first of -1 means the last bytes of the file, as many as last says.
type byteRange struct{ first, last int64 }

// parseRange reads FIRST-LAST, FIRST- or -COUNT.
func parseRange(text string) (byteRange, error) {
	malformed := fmt.Errorf("a range is FIRST-LAST, FIRST- or -COUNT in bytes, not %q: %w", text, shoal.Usage)
	before, after, ok := strings.Cut(text, "-")
	if !ok || before == "" && after == "" {
		return byteRange{}, malformed
	}
	r := byteRange{-1, -1}
	for _, half := range []struct {
		text string
		to   *int64
	}{{before, &r.first}, {after, &r.last}} {
		if half.text == "" {
			continue
		}
		n, err := strconv.ParseUint(half.text, 10, 63)
		if err != nil {
			return byteRange{}, malformed
		}
		*half.to = int64(n)
	}
	if r.first >= 0 && r.last >= 0 && r.last < r.first {
		return byteRange{}, fmt.Errorf("the range %s ends before it begins: %w", text, shoal.Usage)
	}
	return r, nil
}

// within is where the range begins in a file of that size, and how many bytes
// it has. A range that begins behind the end is an error; one that ends there
// is cut.
func (r byteRange) within(fileSize int64) (offset, length int64, err error) {
	switch {
	case r.first < 0:
		length = min(r.last, fileSize)
		return fileSize - length, length, nil
	case r.first > 0 && r.first >= fileSize:
		return 0, 0, fmt.Errorf("the range begins at byte %d, and the file has %d: %w", r.first, fileSize, shoal.Usage)
	case r.last < 0:
		return r.first, fileSize - r.first, nil
	}
	return r.first, min(r.last, fileSize-1) + 1 - r.first, nil
}
