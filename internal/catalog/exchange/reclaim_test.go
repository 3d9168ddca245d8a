package exchange_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/catalog/exchange"
	"shoal/internal/journal"
	"shoal/internal/network"
	"shoal/internal/network/memnet"
	"shoal/internal/network/wire"
	"shoal/internal/record"
)

// forgetful starts a node that has forgotten what the n-th node has said, and hears
// nobody else. It speaks on no stream by itself.
func forgetful(t *testing.T, net *memnet.Net, n byte) *node {
	t.Helper()
	own := &node{host: net.Host("forgetful")}
	var err error
	own.journal, err = journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"), journal.Config{
		Shoal: nodeOf(1), Key: keyOf(n), Now: time.Now, Apply: own.apply,
		Admits: func(b record.Batch) error {
			if b.Author != nodeOf(n) {
				return errors.New("a stranger")
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(own.host.Close(), own.journal.Close()); err != nil {
			t.Error(err)
		}
	})
	own.exchange = exchange.New(own.host, own.journal, nil)
	return own
}

// What was forgotten comes back from one who has heard it, whoever that is, and
// nothing of others with it.
func TestReclaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(1)
		a, b := start(t, net, 1, nil), start(t, net, 2, nil)
		a.say(t, "one", "two", "three")
		b.say(t, "of b")
		connect(t, a, b)
		after(5 * time.Second)
		a.stop()
		lost := forgetful(t, net, 1)
		connect(t, lost, b)
		for range 2 { // there is nothing more the second time
			if err := lost.exchange.Reclaim(t.Context(), b.host.ID(), nodeOf(1)); err != nil {
				t.Fatal(err)
			}
			lost.wants(t, "one", "two", "three")
		}
	})
}

// From one who has as little, from one who does not know this node, and from one
// who says nothing, there is nothing to be had.
func TestReclaimInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(1)
		lost, empty := forgetful(t, net, 1), start(t, net, 2, nil)
		connect(t, lost, empty)
		if err := lost.exchange.Reclaim(t.Context(), empty.host.ID(), nodeOf(1)); err != nil {
			t.Errorf("from one who has heard nothing: %v", err)
		}
		for name, test := range map[string]struct {
			serve func(network.Stream)
			want  error
		}{
			"stern": {func(s network.Stream) {
				_, _ = wire.ReadHeader(s, new([wire.HeaderSize]byte))
				_, _ = s.Write(wire.Goodbye{Reason: wire.ReasonUnauthorised, Text: "you are not on this shoal's roster"}.Append(nil))
				_ = s.Close()
			}, shoal.Unauthorised},
			"silent": {func(network.Stream) {}, nil},
			"liar": {func(s network.Stream) {
				forged, err := record.Sign(nodeOf(9), keyOf(1), record.Batch{Author: nodeOf(1), Seq: 1, Records: []record.Record{{Stamp: 1, Kind: 200}}})
				if err != nil {
					t.Error(err)
				}
				_, _ = s.Write(wire.AppendBatches(nil, []wire.Batch{{Data: forged}}))
			}, record.ErrForged},
		} {
			host := net.Host(name)
			host.Handle(wire.LogProtocol, test.serve)
			if _, err := lost.host.Connect(t.Context(), host.Addrs()[0]); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := lost.exchange.Reclaim(ctx, host.ID(), nodeOf(1)); err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("from one who is %s: %v, want %v", name, err, test.want)
			}
			cancel()
			if err := host.Close(); err != nil {
				t.Error(err)
			}
		}
		lost.wants(t)
	})
}
