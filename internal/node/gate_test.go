package node

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"shoal"
	"shoal/internal/membership/roster"
	"shoal/internal/membership/standing"
	"shoal/internal/network/wire"
)

// A node of another shoal is served nothing, whatever protocol it speaks, and is
// told why.
func TestStrangersAreServedNothing(t *testing.T) {
	virtually(t, func(t *testing.T) {
		a := alone(t, nil)
		stranger := stranger(t, a)
		path, _ := write(t, 1, 100_000)
		a.add(t, path, "secret.pdf")
		if _, err := stranger.host.Connect(t.Context(), a.host.Addrs()[0]); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for _, protocol := range []string{wire.ChunkProtocol, wire.FindProtocol, wire.LogProtocol, wire.BeatProtocol, wire.HoldProtocol} {
			wg.Go(func() {
				stream, err := stranger.host.Open(t.Context(), a.self(), protocol)
				if err != nil {
					t.Errorf("%s: %v", protocol, err)
					return
				}
				defer stream.Reset()
				if _, err := stream.Write(wire.Find{Ref: "secret.pdf"}.Append(nil)); err != nil {
					t.Errorf("%s: %v", protocol, err)
				}
				h, err := wire.ReadHeader(stream, new([wire.HeaderSize]byte))
				if err != nil || h.Type != wire.TypeGoodbye {
					t.Errorf("%s: %+v, %v, want a goodbye", protocol, h, err)
					return
				}
				body, err := wire.ReadBody(stream, h, nil)
				if err != nil {
					t.Errorf("%s: %v", protocol, err)
				}
				if bye, err := wire.ParseGoodbye(body); err != nil || bye.Reason != wire.ReasonUnauthorised {
					t.Errorf("%s: %+v, %v, want not authorised", protocol, bye, err)
				}
			})
		}
		wg.Wait()
		if err := get(t.Context(), stranger, a.link(t, "secret.pdf"), filepath.Join(t.TempDir(), "x")); !errors.Is(err, shoal.Unauthorised) {
			t.Errorf("get by link: %v, want not authorised", err)
		}
		if a.membership.Allows(stranger.self()) || len(a.neighbours()) != 0 {
			t.Error("the stranger is asked for files")
		}
	})
}

// What a node says of others is no reason to speak with those.
func TestHearsayOfStrangersIsNotFollowed(t *testing.T) {
	virtually(t, func(t *testing.T) {
		a := alone(t, nil)
		stranger := stranger(t, a)
		a.learn("", stranger.self(), stranger.host.Addrs())
		if _, err := a.dialSource(t.Context(), stranger.self()); !errors.Is(err, shoal.Unauthorised) {
			t.Errorf("dial a stranger: %v, want not authorised", err)
		}
		if _, err := a.host.Open(t.Context(), stranger.self(), wire.ChunkProtocol); err == nil {
			t.Error("the address of a stranger was learnt from others")
		}
	})
}

// A node that has joined may come to others before the word of it.
func TestTheGateWaitsForNews(t *testing.T) {
	virtually(t, func(t *testing.T) {
		a := alone(t, nil)
		late := stranger(t, a)
		if _, err := late.host.Connect(t.Context(), a.host.Addrs()[0]); err != nil {
			t.Fatal(err)
		}
		answer := make(chan error)
		go func() { answer <- late.askWelcome(t.Context(), a.self()) }()
		pass(standing.GateWait / 2)
		if err := a.council.Say(t.Context(), roster.Admit{Node: late.self(), Role: roster.Member}); err != nil {
			t.Fatal(err)
		}
		if err := <-answer; err != nil {
			t.Errorf("it was turned away although the news has come: %v", err)
		}
	})
}

// Nothing begins in a node that is being closed, and Close waits for what has.
func TestCallsEndBeforeTheNode(t *testing.T) {
	virtually(t, func(t *testing.T) {
		var c calls
		if !c.begin() {
			t.Fatal("nothing may begin")
		}
		closed := make(chan struct{})
		go func() {
			c.close()
			close(closed)
		}()
		await(t, "it is closed", func() bool {
			if c.begin() {
				c.end()
				return false
			}
			return true
		})
		select {
		case <-closed:
			t.Fatal("it did not wait for what runs")
		default:
		}
		c.end()
		<-closed
	})
}
