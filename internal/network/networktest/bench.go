package networktest

import (
	"io"
	"sync"
	"testing"
	"time"

	"shoal/internal/network"
)

// Bench measures how many bytes per second go from b to a, as they do when a
// downloads, over one stream and over four.
func Bench(b *testing.B, pair Pair) {
	b.Run("OneStream", func(b *testing.B) { BenchStreams(b, pair, 1) })
	b.Run("FourStreams", func(b *testing.B) { BenchStreams(b, pair, 4) })
}

// BenchStreams is Bench with a number of streams.
func BenchStreams(b *testing.B, pair Pair, streams int) {
	near, far := pair(b)
	supply := hand(b, far)
	connect(b, near, far)
	sinks := make([]network.Stream, streams)
	sources := make([]network.Stream, streams)
	for i := range streams {
		sinks[i] = openAgain(b, near, far, protocol)
		mustWrite(b, sinks[i], "go")
		sources[i] = take(b, supply)
		mustRead(b, sources[i], "go")
		_ = sinks[i].SetDeadline(time.Time{})
		_ = sources[i].SetDeadline(time.Time{})
	}
	Pump(b, sources, sinks)
}

// Pump writes the benchmark's bytes to the sources, in turns, and ends when
// the last has come out of the sinks.
func Pump[W io.Writer, R io.Reader](b *testing.B, sources []W, sinks []R) {
	const block = 1 << 20
	b.SetBytes(block)
	var reading sync.WaitGroup
	share := func(i int) int64 { return int64((b.N + len(sinks) - 1 - i) / len(sinks) * block) }
	b.ResetTimer()
	var writing sync.WaitGroup
	for i := range sources {
		reading.Go(func() {
			if _, err := io.CopyBuffer(onlyWriter{io.Discard}, io.LimitReader(sinks[i], share(i)), make([]byte, 256<<10)); err != nil {
				b.Error(err)
			}
		})
		writing.Go(func() {
			data := make([]byte, block)
			for range share(i) / block {
				if _, err := sources[i].Write(data); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	writing.Wait()
	reading.Wait()
}

// onlyWriter hides ReadFrom, by which io.Discard would choose small buffers.
type onlyWriter struct{ io.Writer }
