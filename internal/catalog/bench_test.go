package catalog_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"shoal"
	"shoal/internal/journal"
)

// million is a catalogue of so many entries in batches of 64, as a person who
// adds folders makes them. It takes a while to make.
func million(b *testing.B, entries int) *node {
	b.Helper()
	c := open(b)
	for i := 0; i < entries; i += 64 {
		var batch []shoal.Entry
		for j := i; j < min(i+64, entries); j++ {
			batch = append(batch, entry(someName(j), j))
		}
		if err := c.Put(b.Context(), batch...); err != nil {
			b.Fatal(err)
		}
	}
	return c
}

// someName is a name such as people give, all different.
func someName(i int) string {
	words := []string{"photo", "report", "holiday", "invoice", "music", "backup", "draft", "final", "summer", "winter", "alpha", "beta"}
	endings := []string{"jpg", "pdf", "txt", "mp4", "zip"}
	return fmt.Sprintf("%s/%s-%d/%s_%07d.%s", words[i%12], words[i/7%12], i/1000, words[i/3%12], i, endings[i%5])
}

// BenchmarkFirstSync is what a newcomer needs to take in all that another has
// said: 100,000 entries, or as many as SHOAL_ENTRIES says.
func BenchmarkFirstSync(b *testing.B) {
	entries := benchEntries(b)
	c := million(b, entries)
	for b.Loop() {
		start := time.Now()
		newcomer := openAt(b, 2, b.TempDir())
		var batches []journal.Piece
		size := 0
		take := func() {
			if _, err := newcomer.journal.Take(b.Context(), batches); err != nil {
				b.Fatal(err)
			}
			batches, size = nil, 0
		}
		for data, err := range c.journal.After(b.Context(), nil) {
			if err != nil {
				b.Fatal(err)
			}
			if batches, size = append(batches, data), size+len(data.Data); size > 512<<10 {
				take()
			}
		}
		take()
		b.ReportMetric(float64(entries)/time.Since(start).Seconds(), "entries/s")
	}
}

func benchEntries(b *testing.B) int {
	entries := 100_000
	if text := os.Getenv("SHOAL_ENTRIES"); text != "" {
		if _, err := fmt.Sscan(text, &entries); err != nil {
			b.Fatal(err)
		}
	}
	return entries
}

// BenchmarkSearch is what a person waits for who looks for something among
// 100,000 entries, or as many as SHOAL_ENTRIES says.
func BenchmarkSearch(b *testing.B) {
	c := million(b, benchEntries(b))
	for name, req := range map[string]shoal.SearchRequest{
		"common":  {Text: "holiday", Limit: 100},
		"two":     {Text: "winter invoice", Limit: 100},
		"rare":    {Text: "_0012345", Limit: 100},
		"none":    {Text: "no such thing", Limit: 100},
		"short":   {Text: "zq", Limit: 100},
		"start":   {Text: "photo/wint*", Limit: 100},
		"type":    {Types: []string{"pdf"}, Limit: 100},
		"filters": {Text: "summer", Types: []string{"pdf"}, MinSize: 1000, Since: time.UnixMilli(1_700_000_010_000), Limit: 100},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := c.Search(b.Context(), req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPut is one entry at a time, durably.
func BenchmarkPut(b *testing.B) {
	c := open(b)
	i := 0
	for b.Loop() {
		i++
		if err := c.Put(b.Context(), entry(someName(i), i)); err != nil {
			b.Fatal(err)
		}
	}
}
