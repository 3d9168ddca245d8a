package membership_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/datadir"
	"shoal/internal/membership"
	"shoal/internal/membership/roster"
	"shoal/internal/membership/standing"
	"shoal/internal/network"
)

// refused fails unless an error has a code, and a hint that has a text in it.
func refused(t *testing.T, err error, code shoal.Code, hint string) {
	t.Helper()
	if !errors.Is(err, code) || !strings.Contains(shoal.HintOf(err), hint) || shoal.HintOf(err) == "" {
		t.Errorf("the error is %v, with hint %q; want %v, with %q", err, shoal.HintOf(err), code, hint)
	}
}

func TestAFolderBelongsToAShoal(t *testing.T) {
	virtually(t, func(t *testing.T, l lab) {
		a := l.found("a")
		b := l.joins("b", a)
		if got := b.Folder(); got.Shoal != a.Self() || got.Sponsor != a.Self() || got.Starts != 1 || !b.Present() {
			t.Errorf("it belongs to %+v", got)
		}
		b.stop()
		b = l.start("b", b.cfg) // with a ticket that was taken before
		if b.Folder().Starts != 2 || !b.Present() {
			t.Errorf("the second start: %+v", b.Folder())
		}
		if err := membership.MayPass(b.cfg.Data); err != nil {
			t.Error(err)
		}
		refused(t, membership.MayPass(t.TempDir()), shoal.Unauthorised, "shoal up --join")
	})
}

func TestAFolderOfAnotherShoal(t *testing.T) {
	virtually(t, func(t *testing.T, l lab) {
		a, b := l.found("a"), l.found("b")
		ticket := a.ticket()
		<-b.Joined()
		b.stop()
		cfg := b.cfg
		cfg.Join, cfg.Stores = ticket, func(context.Context) (bool, error) { return true, nil }
		_, err := l.open("b", cfg)
		refused(t, err, shoal.Exists, "--data")
		cfg.Stores = b.cfg.Stores
		if _, err := l.open("b", cfg); err == nil {
			t.Error("the old journal could not be deleted, and it has joined")
		}
		cfg.Forget = func() error {
			files, err := filepath.Glob(cfg.Journal + "*")
			for _, file := range files {
				err = errors.Join(err, os.Remove(file))
			}
			return err
		}
		b = l.start("b", cfg) // nothing was ever put into its shoal
		<-b.Joined()
		if b.Folder().Shoal != a.Self() {
			t.Errorf("it belongs to %+v", b.Folder())
		}
	})
}

// A shoal in which something was said is not left for another.
func TestAUsedShoalIsNotLeft(t *testing.T) {
	virtually(t, func(t *testing.T, l lab) {
		a, b := l.found("a"), l.found("b")
		l.joins("c", b).stop()
		b.stop()
		cfg := b.cfg
		cfg.Join = a.ticket()
		_, err := l.open("b", cfg)
		refused(t, err, shoal.Exists, "--data")
	})
}

func TestDamagedFiles(t *testing.T) {
	virtually(t, func(t *testing.T, l lab) {
		b := l.joins("b", l.found("a"))
		b.stop()
		folder, invites := filepath.Join(b.cfg.Data, datadir.Shoal), filepath.Join(b.cfg.Data, datadir.Invites)
		write := func(path, text string) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cfg := b.cfg
		cfg.Join = "no ticket"
		if _, err := l.open("b", cfg); !errors.Is(err, shoal.Usage) {
			t.Errorf("what is no ticket: %v", err)
		}
		cfg.Join = ""
		write(invites, "{")
		if _, err := l.open("b", cfg); err == nil || !strings.Contains(shoal.HintOf(err), "delete it") {
			t.Errorf("damaged tickets: %v", err)
		}
		if err := os.Remove(invites); err != nil {
			t.Fatal(err)
		}
		write(folder, "{}")
		_, err := l.open("b", cfg)
		refused(t, err, shoal.Integrity, "join again")
		if err := os.Remove(folder); err != nil {
			t.Fatal(err)
		}
		if _, err := l.open("b", cfg); err == nil || !strings.Contains(shoal.HintOf(err), "join again") {
			t.Errorf("the file is gone, and the journal another's: %v", err)
		}
	})
}

// A node that was removed comes back with a new ticket, and a revoked one does not.
func TestWhoIsOut(t *testing.T) {
	for state, code := range map[string]shoal.Code{"removed": shoal.Network, "revoked": shoal.Unauthorised} {
		t.Run(state, func(t *testing.T) {
			virtually(t, func(t *testing.T, l lab) {
				a := l.found("a")
				b := l.joins("b", a)
				within(t, 10*time.Second, "it is known", func() bool { return a.Node(b.Self()).Name == "b" })
				if _, err := a.SetNode(t.Context(), "b", shoal.NodeChange{State: state, Force: true}); err != nil {
					t.Fatal(err)
				}
				within(t, 5*time.Second, "it hears that it is out", func() bool { return !b.Present() })
				within(t, 10*time.Second, "it is cut off", func() bool { return len(a.host.Peers()) == 0 })
				refused(t, b.MayWrite(), shoal.Unauthorised, map[string]string{"removed": "--join", "revoked": "--new-identity"}[state])
				b.stop()
				cfg := b.cfg
				cfg.Join = a.ticket()
				a.host.Disconnect(b.Self())
				a.stop()
				_, err := l.open("b", cfg) // nobody is there who takes the ticket
				refused(t, err, code, "")
				cfg.Join = ""
				if b, err = l.open("b", cfg); err != nil {
					t.Fatalf("without a ticket: %v", err)
				}
				if err := errors.Join(b.journal.Close(), b.host.Close()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestARemovedNodeComesBack(t *testing.T) {
	virtually(t, func(t *testing.T, l lab) {
		a := l.found("a")
		b := l.joins("b", a)
		if _, err := a.SetNode(t.Context(), string(b.Self()), shoal.NodeChange{State: "removed", Force: true}); err != nil {
			t.Fatal(err)
		}
		b.stop()
		if err := os.Remove(filepath.Join(b.cfg.Data, datadir.Shoal)); err != nil {
			t.Fatal(err)
		}
		again, cfg := b.cfg, b.cfg
		for range 2 { // another node has no more luck with it
			_, err := l.open("b", again)
			refused(t, err, shoal.Unauthorised, "shoal invite")
			again = l.config("b")
			again.Join = b.cfg.Join
		}
		cfg.Join = a.ticket()
		b = l.start("b", cfg)
		within(t, 10*time.Second, "it is back", func() bool { return b.Present() && a.Node(b.Self()).Present() })
	})
}

// stream is one of which only the peer matters.
type stream struct {
	network.Stream
	peer shoal.NodeID
	said []byte
}

func (s *stream) Peer() shoal.NodeID          { return s.peer }
func (s *stream) SetDeadline(time.Time) error { return nil }
func (s *stream) Close() error                { return nil }
func (s *stream) Write(data []byte) (int, error) {
	s.said = append(s.said, data...)
	return len(data), nil
}

func TestTheGate(t *testing.T) {
	virtually(t, func(t *testing.T, l lab) {
		a := l.found("a")
		<-a.Joined()
		stranger := idOf(l.config("x").Key)
		served := 0
		gate := a.Gate(t.Context(), func(network.Stream) { served++ })
		began, s := time.Now(), &stream{peer: stranger}
		gate(s)
		if took := time.Since(began); took != standing.GateWait || served != 0 || len(s.said) == 0 {
			t.Errorf("a stranger was turned away after %v with %d bytes; served %d", took, len(s.said), served)
		}
		go func() {
			<-time.After(time.Second)
			if err := a.Say(t.Context(), roster.Admit{Node: stranger, Role: roster.Member}); err != nil {
				t.Error(err)
			}
		}()
		for range 2 { // the second need not wait
			gate(&stream{peer: stranger})
		}
		if served != 2 || time.Since(began) != standing.GateWait+time.Second {
			t.Errorf("one that was admitted was served %d times, after %v", served, time.Since(began))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began = time.Now()
		a.Gate(ctx, func(network.Stream) { t.Error("served") })(&stream{peer: idOf(l.config("y").Key)})
		if time.Since(began) != 0 {
			t.Error("it waits, although the node is closing")
		}
		<-time.After(time.Minute) // the answer finds nobody
	})
}

// What a revoked node said after it was cut off does not count, for anybody.
func TestWhatARevokedNodeSaid(t *testing.T) {
	virtually(t, func(t *testing.T, l lab) {
		a := l.found("a")
		b, c := l.joins("b", a), l.joins("c", a)
		within(t, 10*time.Second, "all know all", func() bool { return c.Node(b.Self()).Name == "b" })
		upto := a.journal.Upto(b.Self())
		if err := b.Say(t.Context(), roster.Self{Name: "late"}); err != nil {
			t.Fatal(err)
		}
		within(t, 10*time.Second, "it is heard", func() bool { return a.journal.Upto(b.Self()) > upto && c.journal.Upto(b.Self()) > upto })
		if err := a.Say(t.Context(), roster.Set{Node: b.Self(), HasState: true, State: roster.Revoked, Upto: upto}); err != nil {
			t.Fatal(err)
		}
		within(t, 10*time.Second, "it is taken back", func() bool { return a.journal.Upto(b.Self()) == upto && c.journal.Upto(b.Self()) == upto })
		synctest.Wait()
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.voided == 0 {
			t.Error("the catalogue was not told")
		}
	})
}

// A node keeps its name, and remembers where the others are.
func TestANodeSaysWhatIsNew(t *testing.T) {
	virtually(t, func(t *testing.T, l lab) {
		a := l.found("a")
		b := l.joins("b", a)
		<-b.begun
		if got := b.book.Of(a.Self()); !slices.Equal(got, a.host.Addrs()) {
			t.Errorf("it remembers %v", got)
		}
		b.mu.Lock()
		b.name = "other"
		b.mu.Unlock()
		within(t, standing.BetweenWords+10*time.Second, "all hear the new name", func() bool { return a.Node(b.Self()).Name == "other" })
		if got := a.NameOf(b.Self()); got != "other" || a.NameOf("12D3KooWstranger") == "" {
			t.Errorf("it is called %q", got)
		}
		if got := b.AddrsOf(a.Self()); len(got) != 2 || got[0] != a.host.Addrs()[0] || got[1] != got[0] {
			t.Errorf("by roster and ticket it is at %v", got)
		}
		b.stop()
		if b.book.saved != 1 {
			t.Error("the address book was not saved")
		}
	})
}

// A founder without its journal gets back from its acquaintances what it said.
func TestALostFounder(t *testing.T) {
	virtually(t, func(t *testing.T, l lab) {
		a := l.found("a")
		b := l.joins("b", a)
		within(t, 10*time.Second, "it is known", func() bool { return a.Node(b.Self()).Name == "b" })
		upto := b.journal.Upto(a.Self())
		a.stop()
		files, err := filepath.Glob(a.cfg.Journal + "*")
		for _, file := range files {
			err = errors.Join(err, os.Remove(file))
		}
		if err != nil {
			t.Fatal(err)
		}
		back, err := l.open("a", a.cfg)
		if err != nil {
			t.Fatal(err)
		}
		if !back.Lost() || !slices.Contains(back.Sponsors(), b.host.Addrs()[0]) {
			t.Errorf("it does not look for %v in %v", b.host.Addrs(), back.Sponsors())
		}
		back.run()
		if err := back.MaySpeak(t.Context()); err != nil {
			t.Fatal(err)
		}
		if back.Lost() || back.Doubtful() || back.journal.Upto(a.Self()) < upto {
			t.Errorf("it has heard %d of its batches, of %d", back.journal.Upto(a.Self()), upto)
		}
	})
}

// A node that is closed before it may speak says so.
func TestMaySpeakEnds(t *testing.T) {
	virtually(t, func(t *testing.T, l lab) {
		m, err := l.open("a", l.config("a"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(shoal.Interrupted)
		if err := m.MaySpeak(ctx); !errors.Is(err, shoal.Interrupted) {
			t.Errorf("it may speak: %v", err)
		}
		if err := errors.Join(m.journal.Close(), m.host.Close()); err != nil {
			t.Error(err)
		}
	})
}

// A passing node has joined when it is on the roster, and says nothing.
func TestAPassingNode(t *testing.T) {
	virtually(t, func(t *testing.T, l lab) {
		a := l.found("a")
		b := l.joins("b", a)
		b.stop()
		cfg := b.cfg
		cfg.Join, cfg.Passing = "", true
		passing := l.start("b", cfg)
		<-passing.Joined()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := passing.Say(ctx, roster.Self{Name: "b"}); err == nil {
			t.Error("it speaks")
		}
	})
}

func TestCloned(t *testing.T) {
	if err := membership.Cloned(2, 1); err != nil {
		t.Errorf("the older one stops: %v", err)
	}
	refused(t, membership.Cloned(1, 2), shoal.Exists, "--new-identity")
	refused(t, membership.Cloned(1, 1), shoal.Exists, "--new-identity")
}
