package quota_test

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/storage/quota"
)

const disk = 1_000_001 // bytes of a disk, for percentages

func TestParseCapacity(t *testing.T) {
	for text, want := range map[string]struct {
		limit int64
		again string // what String gives
	}{
		"":                    {0, ""},
		"0":                   {-1, "0"},
		"0G":                  {-1, "0"},
		"1":                   {1, "1"},
		"1000":                {1000, "1000"},
		"1023B":               {1023, "1023"},
		"2k":                  {2 << 10, "2KiB"},
		"500G":                {500 << 30, "500GiB"},
		"500GB":               {500e9, "488281250KiB"},
		"64MiB":               {64 << 20, "64MiB"},
		"1536mib":             {1536 << 20, "1536MiB"},
		"3Tib":                {3 << 40, "3TiB"},
		"7P":                  {7 << 50, "7PiB"},
		"9223372036854775807": {math.MaxInt64, "9223372036854775807"},
		"1%":                  {10_000, "1%"},
		"80%":                 {800_000, "80%"},
		"100%":                {disk, "100%"},
	} {
		got, err := quota.ParseCapacity(text)
		if err != nil || got.Limit(disk) != want.limit || got.String() != want.again {
			t.Errorf("ParseCapacity(%q) is %d bytes, %q, %v; want %d, %q", text, got.Limit(disk), got, err, want.limit, want.again)
		}
	}
}

func TestParseCapacityRefuses(t *testing.T) {
	for _, text := range []string{
		" ", "G", "%", "-1", "+1", "-5%", "0%", "101%", "300%", "1.5%", "1.5G", "1e3", "0x10", "1 G", "1G ", "1,000", "1_000", "1Gi",
		"1iB", "1KK", "1KBB", "1E", "1Z", "١", "80%%", "9223372036854775808", "8388608T", "99999999999P", "1GG", strings.Repeat("9", 5000),
	} {
		got, err := quota.ParseCapacity(text)
		if shoal.CodeOf(err) != shoal.Usage || shoal.HintOf(err) == "" || len(err.Error()) > 300 {
			t.Errorf("ParseCapacity(%.20q) is %v, %v with hint %q; want %v with a hint", text, got, err, shoal.HintOf(err), shoal.Usage)
		}
	}
}

// A part of a disk is exact to the byte, however large the disk, and never 0,
// which would be no limit.
func TestPercent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(0, math.MaxInt64).Draw(t, "disk")
		percent := rapid.Int64Range(1, 100).Draw(t, "percent")
		capacity, err := quota.ParseCapacity(fmt.Sprintf("%d%%", percent))
		if err != nil {
			t.Fatal(err)
		}
		product := new(big.Int).Mul(big.NewInt(size), big.NewInt(percent))
		want := product.Div(product, big.NewInt(100)).Int64()
		if want == 0 {
			want = -1
		}
		if got := capacity.Limit(size); got != want {
			t.Fatalf("%d%% of %d is %d, want %d", percent, size, got, want)
		}
	})
}

// FuzzCapacity: what can be read can be written and read again, and means the
// same.
func FuzzCapacity(f *testing.F) {
	for _, text := range []string{"", "0", "500G", "1500MB", "64MiB", "80%", "100%", "0%", "9223372036854775807", "8191P", "1.5T", "1e3"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		capacity, err := quota.ParseCapacity(text)
		if err != nil {
			if shoal.CodeOf(err) != shoal.Usage || shoal.HintOf(err) == "" {
				t.Errorf("%q: error %v with hint %q", text, err, shoal.HintOf(err))
			}
			return
		}
		again, err := quota.ParseCapacity(capacity.String())
		if err != nil || again != capacity {
			t.Errorf("%q is %v, read again %v, %v", text, capacity, again, err)
		}
		if limit := capacity.Limit(disk); limit < -1 || limit == 0 && text != "" {
			t.Errorf("%q is a limit of %d", text, limit)
		}
	})
}
