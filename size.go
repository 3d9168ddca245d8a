package shoal

import (
	"fmt"
	"math"
)

// FormatSize returns n bytes as people read them, in powers of ten as disks are sold and
// with two digits at least: 512 B, 1.5 kB, 83 MB, 512 GB. A negative n is written as 0 B.
func FormatSize(n int64) string {
	const step = 1000
	if n < step {
		return fmt.Sprintf("%d B", max(n, 0))
	}
	value, unit := float64(n), ""
	for _, unit = range []string{"kB", "MB", "GB", "TB", "PB", "EB"} {
		if value /= step; value < step {
			break
		}
	}
	if tenths := math.Round(10 * value); tenths < 100 {
		return fmt.Sprintf("%.1f %s", tenths/10, unit)
	}
	return fmt.Sprintf("%.0f %s", math.Round(value), unit)
}
