// Package networktest is the promise of network.Host as a test: every host
// passes it, over sockets or in memory.
//
// It does not test what a host adds to the interface.
package networktest

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"shoal"
	"shoal/internal/network"
)

// Pair makes two hosts that can reach each other and know nothing of each
// other yet. They are closed when the test ends, by Pair's own cleanup.
type Pair func(tb testing.TB) (a, b network.Host)

// Patience is how long anything that is bound to happen may take.
const Patience = 20 * time.Second

const protocol = "/networktest/1"

// Run runs the whole suite.
func Run(t *testing.T, pair Pair) {
	t.Run("Streams", func(t *testing.T) { runStreams(t, pair) })
	t.Run("Endings", func(t *testing.T) { runEndings(t, pair) })
	t.Run("Flow", func(t *testing.T) { runFlow(t, pair) })
	t.Run("Connections", func(t *testing.T) { runConnections(t, pair) })
}

// all runs each test with a fresh pair.
func all(t *testing.T, pair Pair, tests map[string]func(t *testing.T, a, b network.Host)) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t)
			test(t, a, b)
		})
	}
}

// patient is a context that ends the test before it hangs.
func patient(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(tb.Context(), Patience)
	tb.Cleanup(cancel)
	return ctx
}

func connect(tb testing.TB, from, to network.Host) {
	tb.Helper()
	id, err := from.Connect(patient(tb), to.Addrs()[0])
	if err != nil {
		tb.Fatal(err)
	}
	if id != to.ID() {
		tb.Fatalf("connected to %s, want %s", id, to.ID())
	}
}

// open connects and opens a stream with a deadline.
func open(tb testing.TB, from, to network.Host) network.Stream {
	tb.Helper()
	connect(tb, from, to)
	return openAgain(tb, from, to, protocol)
}

// openAgain opens one more stream over the connection that is there.
func openAgain(tb testing.TB, from, to network.Host, name string) network.Stream {
	tb.Helper()
	s, err := from.Open(patient(tb), to.ID(), name)
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.SetDeadline(time.Now().Add(Patience)); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Reset)
	return s
}

// hand has the streams to h handed over rather than served: the test takes
// them from the channel, and must end them.
func hand(tb testing.TB, h network.Host) <-chan network.Stream {
	streams := make(chan network.Stream)
	over := make(chan struct{})
	tb.Cleanup(func() { close(over) })
	h.Handle(protocol, func(s network.Stream) {
		_ = s.SetDeadline(time.Now().Add(Patience))
		select {
		case streams <- s:
		case <-over:
			s.Reset()
		}
	})
	return streams
}

func take[T any](tb testing.TB, from <-chan T) T {
	tb.Helper()
	select {
	case value := <-from:
		return value
	case <-patient(tb).Done():
		tb.Fatal("waited in vain")
		panic("unreachable")
	}
}

func echo(s network.Stream) {
	if _, err := io.Copy(s, s); err != nil {
		s.Reset()
		return
	}
	_ = s.Close()
}

func mustWrite(tb testing.TB, s io.Writer, data string) {
	tb.Helper()
	if n, err := io.WriteString(s, data); err != nil || n != len(data) {
		tb.Fatalf("wrote %d of %d bytes: %v", n, len(data), err)
	}
}

// mustRead reads exactly what is wanted.
func mustRead(tb testing.TB, s io.Reader, want string) {
	tb.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(s, got); err != nil || string(got) != want {
		tb.Fatalf("read %q and %v, want %q", got, err, want)
	}
}

// mustEnd reads what is wanted and the end after it.
func mustEnd(tb testing.TB, s io.Reader, want string) {
	tb.Helper()
	if got, err := io.ReadAll(s); err != nil || string(got) != want {
		tb.Fatalf("read %q and %v, want %q and the end", got, err, want)
	}
}

// mustFail checks that err is want and a shoal.Network error.
func mustFail(tb testing.TB, err, want error) {
	tb.Helper()
	if !errors.Is(err, want) {
		tb.Errorf("got the error %v, want %v", err, want)
	}
	if code := shoal.CodeOf(err); code != shoal.Network {
		tb.Errorf("the error %v has the code %q, want %q", err, code.Word(), shoal.Network.Word())
	}
}

// untilFails writes until that fails, as it must in the end.
func untilFails(s io.Writer) error {
	data := make([]byte, 64<<10)
	for {
		if _, err := s.Write(data); err != nil {
			return err
		}
	}
}
