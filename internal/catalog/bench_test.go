package catalog_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"shoal"
)

// BenchmarkPut is 32 callers that put one entry at a time, durably.
func BenchmarkPut(b *testing.B) {
	c := open(b)
	var n atomic.Int64
	b.SetParallelism(16) // for each of the cores; 32 on the two of the test machine
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := int(n.Add(1))
			if err := c.Put(b.Context(), entry(fmt.Sprintf("file-%d", i), i)); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkRead is what a page, a name and a prefix cost among 100,000 entries.
func BenchmarkRead(b *testing.B) {
	c := open(b)
	entries := fill(b, c, 100_000)
	middle := entries[len(entries)/2]
	for name, read := range map[string]func() error{
		"list-100": func() error {
			_, err := c.List(b.Context(), shoal.ListRequest{After: middle.Name, Limit: 100})
			return err
		},
		"list-10000":  func() error { _, err := c.List(b.Context(), shoal.ListRequest{After: middle.Name}); return err },
		"list-folder": func() error { _, err := c.List(b.Context(), shoal.ListRequest{Prefix: "folder-00777/"}); return err },
		"by-name":     func() error { _, err := c.Resolve(b.Context(), middle.Name); return err },
		"by-prefix":   func() error { _, err := c.Resolve(b.Context(), middle.ID.String()[:12]); return err },
		"match-base":  func() error { _, err := c.Match(b.Context(), "file-42.bin", "", 1); return err },
		"len":         func() error { _, err := c.Len(b.Context()); return err },
		"check":       func() error { return c.Check(b.Context()) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpen is what a node with 100,000 entries waits for its catalogue.
func BenchmarkOpen(b *testing.B) {
	path := b.TempDir() + "/catalog.db"
	c := openAt(b, path)
	fill(b, c, 100_000)
	for b.Loop() {
		if err := openAt(b, path).Close(); err != nil {
			b.Fatal(err)
		}
	}
}
