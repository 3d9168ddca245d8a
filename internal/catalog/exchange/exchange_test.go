package exchange_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
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

func keyOf(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func nodeOf(n byte) shoal.NodeID {
	return record.NodeOf(keyOf(n).Public().(ed25519.PublicKey))
}

// node is a journal, and the exchange that keeps it like the others'.
type node struct {
	host     *memnet.Host
	journal  *journal.Journal
	exchange *exchange.Exchange
	stop     func()

	mu    sync.Mutex
	heard []string
}

// start starts the n-th node. The ids of memnet's hosts are their own, and a
// journal's author need not be the host: all that counts is who has which
// stream.
func start(t *testing.T, net *memnet.Net, n byte, admits func(record.Batch) error) *node {
	t.Helper()
	own := &node{host: net.Host(fmt.Sprint(n))}
	var err error
	own.journal, err = journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"), journal.Config{
		Shoal: nodeOf(1), Key: keyOf(n), Now: time.Now, Admits: admits, Apply: own.apply,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	own.exchange = exchange.New(own.host, own.journal, nil)
	own.host.Handle(wire.LogProtocol, func(s network.Stream) { own.exchange.Serve(ctx, s) })
	unwatch := own.host.Watch(func(c network.Change) {
		if c.Connected {
			own.exchange.Keep(ctx, c.Peer)
		} else {
			own.exchange.Drop(c.Peer)
		}
	})
	own.stop = sync.OnceFunc(func() {
		cancel()
		unwatch()
		own.exchange.Close()
		if err := errors.Join(own.host.Close(), own.journal.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(own.stop)
	return own
}

func (n *node) apply(items []journal.Item) {
	n.mu.Lock()
	for _, item := range items {
		for _, r := range item.Records {
			n.heard = append(n.heard, string(r.Body))
		}
	}
	n.mu.Unlock()
	if n.exchange != nil {
		n.exchange.News(items)
	}
}

func (n *node) say(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		_, err := n.journal.Append(t.Context(), func(next func() record.Stamp) ([]record.Record, error) {
			return []record.Record{{Stamp: next(), Kind: 200, Body: []byte(text)}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (n *node) wants(t *testing.T, want ...string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	got := slices.Sorted(slices.Values(n.heard))
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("heard %d texts %.200q, want %d %.200q", len(got), got, len(want), want)
	}
}

func connect(t *testing.T, a, b *node) {
	t.Helper()
	if _, err := a.host.Connect(t.Context(), b.host.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
}

// after lets the nodes do what they do in that time.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestEveryoneHearsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(1)
		a, b, c := start(t, net, 1, nil), start(t, net, 2, nil), start(t, net, 3, nil)
		a.say(t, "before")
		connect(t, a, b)
		connect(t, b, c) // a and c hear of each other through b
		after(5 * time.Second)
		for _, n := range []*node{a, b, c} {
			n.wants(t, "before")
		}
		a.say(t, "from a")
		c.say(t, "from c", "again")
		after(100 * time.Millisecond)
		b.wants(t, "before", "from a", "from c", "again") // at once, from those who said it
		after(5 * time.Second)
		for _, n := range []*node{a, b, c} {
			n.wants(t, "before", "from a", "from c", "again")
		}
	})
}

func TestHealsAfterACut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(1)
		a, b := start(t, net, 1, nil), start(t, net, 2, nil)
		connect(t, a, b)
		after(time.Second)
		net.Cut(a.host, b.host)
		a.say(t, "left")
		b.say(t, "right")
		after(time.Minute)
		connect(t, a, b)
		after(5 * time.Second)
		a.wants(t, "left", "right")
		b.wants(t, "left", "right")
	})
}

// What may not be taken yet is asked for again when it may be.
func TestPutOffIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(1)
		var mu sync.Mutex
		known := false
		b := start(t, net, 2, func(batch record.Batch) error {
			mu.Lock()
			defer mu.Unlock()
			if !known && batch.Author == nodeOf(3) {
				return errors.New("not on the roster")
			}
			return nil
		})
		c := start(t, net, 3, nil)
		c.say(t, "from c")
		connect(t, b, c)
		after(time.Minute)
		b.wants(t)
		mu.Lock()
		known = true
		mu.Unlock()
		after(time.Minute)
		b.wants(t, "from c")
	})
}

func TestMuchToSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(1)
		a, b := start(t, net, 1, nil), start(t, net, 2, nil)
		var want []string
		for i := range 600 {
			want = append(want, fmt.Sprintf("%04d%4000d", i, i))
		}
		a.say(t, want...)
		connect(t, a, b)
		after(5 * time.Second)
		b.wants(t, want...)
	})
}

// A peer that breaks the protocol loses the stream, and nothing else happens.
func TestNonsense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(1)
		a, liar := start(t, net, 1, nil), net.Host("liar")
		defer liar.Close()
		if _, err := liar.Connect(t.Context(), a.host.Addrs()[0]); err != nil {
			t.Fatal(err)
		}
		forged, err := record.Sign(nodeOf(9), keyOf(3), record.Batch{Author: nodeOf(3), Seq: 1, Records: []record.Record{{Stamp: 1, Kind: 200}}})
		if err != nil {
			t.Fatal(err)
		}
		for what, frame := range map[string][]byte{
			"another shoal's batch": wire.AppendBatches(nil, []wire.Batch{{Data: forged}}),
			"an unknown frame":      {0x70, 0, 0, 0, 0, 0, 0, 0},
			"a short digest":        {byte(wire.TypeDigest), 0, 0, 0, 0, 0, 0, 1, 5},
			"a huge frame":          {byte(wire.TypeBatches), 0, 0, 0, 0xff, 0, 0, 0},
		} {
			stream, err := liar.Open(t.Context(), a.host.ID(), wire.LogProtocol)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Write(frame); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 1<<16)
			for err == nil { // the digest comes first, then the end
				_, err = stream.Read(buf)
			}
			stream.Reset()
			_ = what
		}
		a.wants(t)
	})
}
