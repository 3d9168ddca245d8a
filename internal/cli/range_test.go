package cli

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"shoal"
)

func TestParseRange(t *testing.T) {
	for text, want := range map[string]string{
		"0-0":                    "0+1",
		"2-4":                    "2+3",
		"2-":                     "2+8",
		"-3":                     "7+3",
		"-99":                    "0+10",
		"-0":                     "10+0",
		"5-99":                   "5+5",
		"0-":                     "0+10",
		"10-":                    "usage",
		"4-3":                    "usage",
		"":                       "usage",
		"-":                      "usage",
		"3":                      "usage",
		"1-2-3":                  "usage",
		"a-b":                    "usage",
		"+1-2":                   "usage",
		" 1-2":                   "usage",
		"0x1-2":                  "usage",
		"0-99999999999999999999": "usage",
	} {
		got := "usage"
		r, err := parseRange(text)
		if err == nil {
			var offset, length int64
			if offset, length, err = r.within(10); err == nil {
				got = fmt.Sprintf("%d+%d", offset, length)
			}
		}
		if got != want || err != nil && shoal.CodeOf(err) != shoal.Usage {
			t.Errorf("%q of 10 bytes: %s, %v; want %s", text, got, err, want)
		}
	}
}

// Whatever the range and the size, it lies within the file.
func TestRangeIsWithin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Int64Min(0)
		fileSize := number.Draw(t, "size")
		first, last := number.Draw(t, "first"), number.Draw(t, "last")
		text := rapid.SampledFrom([]string{
			fmt.Sprintf("%d-%d", first, last), fmt.Sprintf("%d-", first), fmt.Sprintf("-%d", last),
		}).Draw(t, "range")
		r, err := parseRange(text)
		if err != nil {
			return
		}
		offset, length, err := r.within(fileSize)
		if err != nil {
			return
		}
		if offset < 0 || length < 0 || offset > fileSize || length > fileSize-offset {
			t.Fatalf("%s of %d: %d bytes at %d", text, fileSize, length, offset)
		}
	})
}

// An empty file can be read whole, and nothing of it by number.
func TestRangeOfEmptyFile(t *testing.T) {
	if offset, length, err := (byteRange{0, -1}).within(0); offset != 0 || length != 0 || err != nil {
		t.Errorf("all of an empty file: %d bytes at %d, %v", length, offset, err)
	}
}

func FuzzParseRange(f *testing.F) {
	for _, seed := range []string{"0-1", "-5", "7-", "--", "9223372036854775807-"} {
		f.Add(seed, int64(100))
	}
	f.Fuzz(func(t *testing.T, text string, fileSize int64) {
		r, err := parseRange(text)
		if err != nil || fileSize < 0 {
			return
		}
		if offset, length, err := r.within(fileSize); err == nil && (offset < 0 || length < 0 || length > fileSize-offset) {
			t.Errorf("%q of %d: %d bytes at %d", text, fileSize, length, offset)
		}
	})
}
