package membership_test

import (
	"errors"
	"testing"
	"time"

	"shoal"
)

// A person may do to nodes what the roles allow, and is told why not.
func TestWhoMayChangeWhom(t *testing.T) {
	virtually(t, func(t *testing.T, l lab) {
		a := l.found("a")
		b := l.joins("b", a)
		within(t, 10*time.Second, "they know each other", func() bool { return a.Node(b.Self()).Name == "b" && b.Node(a.Self()).Name == "a" })
		_, err := b.SetNode(t.Context(), "a", shoal.NodeChange{State: "removed"})
		refused(t, err, shoal.Unauthorised, "shoal nodes")
		_, err = a.SetNode(t.Context(), "a", shoal.NodeChange{State: "revoked"})
		refused(t, err, shoal.Unauthorised, "another admin")
		_, err = b.Invite(t.Context(), shoal.InviteRequest{Role: "admin"})
		refused(t, err, shoal.Unauthorised, "shoal nodes")
		for what, change := range map[string]shoal.NodeChange{"state": {State: "lazy"}, "role": {Role: "king"}, "maintenance": {Maintenance: new(60 * 24 * time.Hour)}} {
			if _, err := a.SetNode(t.Context(), "b", change); !errors.Is(err, shoal.Usage) {
				t.Errorf("a %s that cannot be: %v", what, err)
			}
		}
		for ref, want := range map[string]error{"nobody": shoal.NotFound, "": shoal.NotFound, "b": nil, string(b.Self()): nil, string(b.Self()[40:]): nil} {
			if m, err := a.SetNode(t.Context(), ref, shoal.NodeChange{Role: "reader"}); !errors.Is(err, want) || err == nil && (m.ID != b.Self() || m.Role != "reader") {
				t.Errorf("%q: %+v, %v", ref, m, err)
			}
		}
		within(t, 10*time.Second, "it hears that it is a reader", func() bool { return errors.Is(b.MayWrite(), shoal.Unauthorised) })
		refused(t, b.MayWrite(), shoal.Unauthorised, "makes it a member")
		_, err = b.Invite(t.Context(), shoal.InviteRequest{})
		refused(t, err, shoal.Unauthorised, "makes it a member")
		if _, err = a.SetNode(t.Context(), "b", shoal.NodeChange{State: "revoked"}); err != nil {
			t.Error(err)
		}
		if m, err := a.SetNode(t.Context(), "b", shoal.NodeChange{State: "revoked"}); err != nil || m.State != "revoked" {
			t.Errorf("again: %+v, %v", m, err)
		}
		_, err = a.SetNode(t.Context(), "b", shoal.NodeChange{State: "active"})
		refused(t, err, shoal.Unauthorised, "--new-identity")
		if a.copies.looks == 0 {
			t.Error("who keeps copies was not told")
		}
	})
}

// A node that keeps what others lack is not removed, unless it must be.
func TestANodeThatIsNeeded(t *testing.T) {
	virtually(t, func(t *testing.T, l lab) {
		a := l.found("a")
		b := l.joins("b", a)
		within(t, 10*time.Second, "they know each other", func() bool { return a.Node(b.Self()).Name == "b" })
		_, err := a.SetNode(t.Context(), "b", shoal.NodeChange{State: "removed"})
		refused(t, err, shoal.BelowCopies, "drain --wait b")
		if _, err := a.SetNode(t.Context(), "b", shoal.NodeChange{State: "draining", Maintenance: new(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		a.copies.safe, a.copies.settled = false, true
		began := time.Now()
		_, err = a.SetNode(t.Context(), "b", shoal.NodeChange{State: "removed"})
		refused(t, err, shoal.BelowCopies, "--force")
		if took := time.Since(began); took < 10*time.Second || took > 20*time.Second {
			t.Errorf("it was sure after %v", took)
		}
		all, err := a.Nodes(t.Context())
		if err != nil || len(all) != 2 || all[0].Health != "self" || all[0].Free != 77 || !all[1].Needed || all[1].Empty || all[1].Health != "up" {
			t.Errorf("%+v, %v", all, err)
		}
		a.copies.safe = true
		if all, err = a.Nodes(t.Context()); err != nil || all[1].Needed || !all[1].Empty {
			t.Errorf("%+v, %v", all, err)
		}
		a.copies.err = shoal.Network
		if _, err := a.Nodes(t.Context()); !errors.Is(err, shoal.Network) {
			t.Errorf("nobody knows whether all is safe: %v", err)
		}
		a.copies.err = nil
		m, err := a.SetNode(t.Context(), "b", shoal.NodeChange{State: "removed"})
		if err != nil || m.State != "removed" || m.Health != "down" {
			t.Errorf("%+v, %v", m, err)
		}
	})
}

func TestInvitations(t *testing.T) {
	virtually(t, func(t *testing.T, l lab) {
		a := l.found("a")
		<-a.Joined()
		for what, req := range map[string]shoal.InviteRequest{
			"a role": {Role: "king"}, "its expiry": {Expires: 400 * 24 * time.Hour}, "an expiry that was": {Expires: -1}, "its uses": {Uses: -1},
		} {
			if _, err := a.Invite(t.Context(), req); !errors.Is(err, shoal.Usage) {
				t.Errorf("a ticket with %s that cannot be: %v", what, err)
			}
		}
		made, err := a.Invite(t.Context(), shoal.InviteRequest{Role: "reader", Uses: 2})
		if err != nil || made.Role != "reader" || made.Uses != 2 {
			t.Fatalf("%+v, %v", made, err)
		}
		for _, name := range []string{"b", "c", "d"} {
			cfg := l.config(name)
			cfg.Join = made.Ticket
			m, err := l.open(name, cfg)
			if name == "d" {
				if !errors.Is(err, shoal.Unauthorised) {
					t.Errorf("it was used a third time: %v", err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if role := a.Node(m.Self()).Role.String(); role != "reader" {
				t.Errorf("it was admitted as %s", role)
			}
			if err := errors.Join(m.journal.Close(), m.host.Close()); err != nil {
				t.Error(err)
			}
		}
	})
}
