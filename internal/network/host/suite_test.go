package host_test

import (
	"crypto/ed25519"
	"testing"

	"go.uber.org/goleak"

	"shoal/internal/network"
	"shoal/internal/network/host"
	"shoal/internal/network/networktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newHost is a host that listens as told and closes when the test ends.
func newHost(tb testing.TB, listen ...string) *host.Host {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		tb.Fatal(err)
	}
	h, err := host.New(tb.Context(), host.Config{Identity: key, Listen: listen, UserAgent: "shoal/test"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := h.Close(); err != nil {
			tb.Error(err)
		}
	})
	return h
}

func pairOver(listen string) networktest.Pair {
	return func(tb testing.TB) (a, b network.Host) { return newHost(tb, listen), newHost(tb, listen) }
}

const (
	loopbackTCP  = "/ip4/127.0.0.1/tcp/0"
	loopbackQUIC = "/ip4/127.0.0.1/udp/0/quic-v1"
)

func TestHostOverTCP(t *testing.T)  { networktest.Run(t, pairOver(loopbackTCP)) }
func TestHostOverQUIC(t *testing.T) { networktest.Run(t, pairOver(loopbackQUIC)) }

func BenchmarkHostOverTCP(b *testing.B)  { networktest.Bench(b, pairOver(loopbackTCP)) }
func BenchmarkHostOverQUIC(b *testing.B) { networktest.Bench(b, pairOver(loopbackQUIC)) }
