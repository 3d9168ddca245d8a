package cli

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"shoal"
	"shoal/internal/content"
)

// parseSize reads a number of bytes: digits, and a unit. K, M, G and T are
// powers of 1024 with or without iB behind them, and powers of 1000 with B.
func parseSize(text string) (int64, error) {
	malformed := fmt.Errorf("a size is a number and a unit, such as 256KiB, 4M (of 1024) or 1MB (of 1000), not %q: %w", text, shoal.Usage)
	digits := strings.TrimRight(text, "KMGTkmgtiBb")
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return 0, malformed
	}
	factor, ok := unit(text[len(digits):])
	if !ok {
		return 0, malformed
	}
	high, low := bits.Mul64(n, factor)
	if high != 0 || int64(low) < 0 {
		return 0, fmt.Errorf("the size %s is beyond all files: %w", text, shoal.Usage)
	}
	return int64(low), nil
}

// unit is how many bytes a unit has.
func unit(text string) (uint64, bool) {
	prefix, base := strings.ToUpper(text), uint64(1024)
	switch {
	case prefix == "" || prefix == "B":
		return 1, true
	case strings.HasSuffix(prefix, "IB"):
		prefix = strings.TrimSuffix(prefix, "IB")
	case strings.HasSuffix(prefix, "B"):
		prefix, base = strings.TrimSuffix(prefix, "B"), 1000
	}
	power := strings.Index("KMGT", prefix)
	if power < 0 || len(prefix) != 1 {
		return 0, false
	}
	factor := base
	for range power {
		factor *= base
	}
	return factor, true
}

// parseChunkSize reads what --chunk-size says; nothing is 0, which leaves the
// choice to the node.
func parseChunkSize(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := parseSize(text)
	if err != nil {
		return 0, fmt.Errorf("--chunk-size: %w", err)
	}
	chunkSize, err := content.ParseChunkSize(n)
	if err != nil {
		return 0, shoal.WithHint(fmt.Errorf("--chunk-size %s: %w", text, err),
			fmt.Sprintf("allowed is any power of two from %s to %s, such as 1MiB",
				binarySize(int(content.MinChunkSize)), binarySize(int(content.MaxChunkSize))))
	}
	return int(chunkSize), nil
}
