package join_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/membership/join"
	"shoal/internal/membership/roster"
	"shoal/internal/membership/ticket"
	"shoal/internal/network"
	"shoal/internal/network/memnet"
	"shoal/internal/network/wire"
)

// gate is a node that has made a ticket.
type gate struct {
	host   *memnet.Host
	ticket ticket.Ticket

	mu       sync.Mutex
	book     ticket.Book
	admitted []shoal.NodeID
}

func newGate(t *testing.T, net *memnet.Net, expires time.Time) *gate {
	t.Helper()
	g := &gate{host: net.Host("gate")}
	g.ticket = ticket.Ticket{
		Shoal: g.host.ID(), Issuer: g.host.ID(), Secret: [ticket.SecretSize]byte{7}, Role: roster.Member, Expires: expires,
		Addrs: []string{"/memory/nowhere", strings.TrimSuffix(g.host.Addrs()[0], "/p2p/"+string(g.host.ID()))},
	}
	if err := g.book.Add(time.Time{}, ticket.Invitation{Key: ticket.KeyOf(g.ticket.Secret), Role: roster.Member, Expires: expires, Left: 1}); err != nil {
		t.Fatal(err)
	}
	inviter := join.Inviter{Shoal: g.host.ID(), Self: g.host.ID(), Find: g.find, Admit: g.admit}
	g.host.Handle(wire.JoinProtocol, func(s network.Stream) { _ = inviter.Serve(t.Context(), s) })
	t.Cleanup(func() { _ = g.host.Close() })
	return g
}

func (g *gate) find(id string, joiner shoal.NodeID) (ticket.Invitation, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.book.Find(time.Now(), id, joiner)
}

func (g *gate) admit(_ context.Context, id string, joiner shoal.NodeID) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, _, err := g.book.Redeem(time.Now(), id, joiner); err != nil {
		return err
	}
	g.admitted = append(g.admitted, joiner)
	return nil
}

func TestJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(1)
		g := newGate(t, net, time.Now().Add(time.Hour))
		first, second := net.Host("first"), net.Host("second")
		defer first.Close()
		defer second.Close()
		if err := join.Join(t.Context(), first, g.ticket); err != nil {
			t.Fatal(err)
		}
		if len(g.admitted) != 1 || g.admitted[0] != first.ID() {
			t.Errorf("admitted %v, want %v", g.admitted, first.ID())
		}
		if err := join.Join(t.Context(), first, g.ticket); err != nil {
			t.Errorf("once more, for the answer may have been lost: %v", err)
		}
		err := join.Join(t.Context(), second, g.ticket)
		if !errors.Is(err, shoal.Unauthorised) || !strings.Contains(err.Error(), "has been used") || shoal.HintOf(err) == "" {
			t.Errorf("a second one: %v with hint %q", err, shoal.HintOf(err))
		}
	})
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(1)
		g := newGate(t, net, time.Now().Add(time.Hour))
		h := net.Host("joiner")
		defer h.Close()
		guessed, elsewhere, gone := g.ticket, g.ticket, g.ticket
		guessed.Secret[0]++
		elsewhere.Shoal = h.ID()
		gone.Addrs = gone.Addrs[:1]
		if err := join.Join(t.Context(), h, guessed); !errors.Is(err, shoal.Unauthorised) {
			t.Errorf("with a guessed secret: %v", err)
		}
		if err := join.Join(t.Context(), h, elsewhere); !errors.Is(err, shoal.Unauthorised) {
			t.Errorf("into another shoal: %v", err)
		}
		far := net.Host("far")
		defer far.Close()
		if err := join.Join(t.Context(), far, gone); !errors.Is(err, shoal.Network) || shoal.HintOf(err) == "" {
			t.Errorf("nobody there: %v", err)
		}
		<-time.After(time.Hour)
		if err := join.Join(t.Context(), h, g.ticket); !errors.Is(err, shoal.Unauthorised) || !strings.Contains(err.Error(), "expired") {
			t.Errorf("too late: %v", err)
		}
		if len(g.admitted) > 0 {
			t.Errorf("admitted %v", g.admitted)
		}
	})
}

// What was overheard of a join cannot be said again: the challenge is another.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(1)
		g := newGate(t, net, time.Now().Add(time.Hour))
		h := net.Host("thief")
		defer h.Close()
		if _, err := h.Connect(t.Context(), g.host.Addrs()[0]); err != nil {
			t.Fatal(err)
		}
		key := ticket.KeyOf(g.ticket.Secret)
		overheard := key.Proof(g.host.ID(), g.host.ID(), h.ID(), [ticket.ChallengeSize]byte{1})
		stream, err := h.Open(t.Context(), g.host.ID(), wire.JoinProtocol)
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Reset()
		for _, frame := range [][]byte{
			wire.AppendFrame(nil, wire.TypeKnock, []byte(key.ID())), wire.AppendFrame(nil, wire.TypeProof, overheard[:]),
		} {
			if _, err := stream.Write(frame); err != nil {
				t.Fatal(err)
			}
		}
		for buf := make([]byte, 256); err == nil; {
			_, err = stream.Read(buf)
		}
		if len(g.admitted) > 0 {
			t.Error("a proof was taken for another challenge")
		}
	})
}
