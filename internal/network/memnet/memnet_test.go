package memnet_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/network"
	"shoal/internal/network/memnet"
	"shoal/internal/network/networktest"
)

func newPair(tb testing.TB) (n *memnet.Net, a, b *memnet.Host) {
	n = memnet.New(1)
	a, b = n.Host("a"), n.Host("b")
	tb.Cleanup(func() {
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			tb.Error(err)
		}
	})
	return n, a, b
}

func pair(tb testing.TB) (a, b network.Host) {
	_, x, y := newPair(tb)
	return x, y
}

func TestHost(t *testing.T) { networktest.Run(t, pair) }

func BenchmarkHost(b *testing.B) { networktest.Bench(b, pair) }

const protocol = "/test/1"

// talk has b send what say says, and returns what a reads of it.
func talk(t *testing.T, a, b network.Host, say []byte) ([]byte, error) {
	t.Helper()
	b.Handle(protocol, func(s network.Stream) {
		if _, err := s.Write(say); err == nil {
			_ = s.Close()
		}
	})
	if _, err := a.Connect(t.Context(), b.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	s, err := a.Open(t.Context(), b.ID(), protocol)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Reset()
	return io.ReadAll(s)
}

func TestDelayAndBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := newPair(t)
		n.Shape(b, a, memnet.Link{Delay: 30 * time.Millisecond, Bandwidth: 1000})
		start := time.Now()
		got, err := talk(t, a, b, make([]byte, 2000))
		if err != nil || len(got) != 2000 {
			t.Fatalf("read %d bytes, %v", len(got), err)
		}
		// Connecting takes one delay, the bytes two seconds and another.
		if took := time.Since(start); took != 2060*time.Millisecond {
			t.Errorf("2,000 bytes at 1,000 bytes/s over 30 ms took %v", took)
		}
	})
}

func TestPartitionLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := newPair(t)
		if _, err := a.Connect(t.Context(), b.Addrs()[0]); err != nil {
			t.Fatal(err)
		}
		n.Shape(b, a, memnet.Link{Down: true})
		time.AfterFunc(time.Minute, func() { n.Shape(b, a, memnet.Link{}) })
		start := time.Now()
		got, err := talk(t, a, b, []byte("late"))
		if err != nil || string(got) != "late" || time.Since(start) != time.Minute {
			t.Errorf("read %q after %v: %v", got, time.Since(start), err)
		}
	})
}

func TestCorruptFlipsBits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := newPair(t)
		n.Shape(b, a, memnet.Link{Corrupt: 1})
		said := bytes.Repeat([]byte("x"), 1000)
		got, err := talk(t, a, b, said)
		if err != nil || len(got) != len(said) || bytes.Equal(got, said) {
			t.Errorf("read %d bytes, %v; they should be as many and not the same", len(got), err)
		}
	})
}

func TestCutInTheMidstOfAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := newPair(t)
		n.Shape(b, a, memnet.Link{CutAfter: 400})
		if got, err := talk(t, a, b, make([]byte, 1000)); !errors.Is(err, network.ErrReset) || len(got) > 400 {
			t.Errorf("read %d bytes, %v, want at most 400 and a reset", len(got), err)
		}
		if len(a.Peers()) != 0 {
			t.Error("the connection is still there")
		}
		if got, err := talk(t, a, b, []byte("again")); err != nil || string(got) != "again" {
			t.Errorf("after it was cut, read %q, %v", got, err)
		}
	})
}

func TestCutBreaksStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := newPair(t)
		b.Handle(protocol, func(s network.Stream) { _, _ = io.Copy(io.Discard, s) })
		if _, err := a.Connect(t.Context(), b.Addrs()[0]); err != nil {
			t.Fatal(err)
		}
		s, err := a.Open(t.Context(), b.ID(), protocol)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { n.Cut(a, b) })
		if _, err := s.Read(make([]byte, 1)); !errors.Is(err, network.ErrReset) {
			t.Errorf("read: %v, want a reset", err)
		}
	})
}

func TestIdsFollowFromTheSeed(t *testing.T) {
	ids := fmt.Sprint(memnet.New(7).Host("a").ID())
	if again := fmt.Sprint(memnet.New(7).Host("a").ID()); ids != again {
		t.Errorf("the same seed and name give %s and %s", ids, again)
	}
}
