package cli

import (
	"fmt"
	"strings"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/quota"
)

// parseChunkSize reads what --chunk-size says; nothing is 0, which leaves the
// choice to the node.
func parseChunkSize(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := quota.ParseSize(text)
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

// parseRate reads what --upload-limit says, in bytes per second; nothing is 0,
// which is no limit.
func parseRate(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := quota.ParseSize(strings.TrimSuffix(text, "/s"))
	if err != nil || n == 0 {
		return 0, shoal.WithHint(fmt.Errorf("--upload-limit %q is not a size: %w", text, shoal.Usage),
			"say how much a second, such as 10MB or 500KiB")
	}
	return n, nil
}
