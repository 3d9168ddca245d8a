package roster_test

import (
	"errors"
	"testing"

	"shoal"
	"shoal/internal/membership/roster"
)

func TestRolesHaveNames(t *testing.T) {
	for want, role := range map[string]roster.Role{"reader": roster.Reader, "member": roster.Member, "admin": roster.Admin} {
		if got := role.String(); got != want {
			t.Errorf("role %d is called %q, want %q", role, got, want)
		}
		if got, err := roster.ParseRole(want); got != role || err != nil {
			t.Errorf("%q is role %v, %v; want %v", want, got, err, role)
		}
	}
	for _, text := range []string{"stranger", "owner", ""} {
		if role, err := roster.ParseRole(text); !errors.Is(err, shoal.Usage) {
			t.Errorf("%q is role %v, %v; want shoal.Usage", text, role, err)
		}
	}
	if got := roster.Stranger.String(); got != "stranger" {
		t.Errorf("a stranger is called %q", got)
	}
	for want, state := range map[string]roster.State{
		"active": roster.Active, "draining": roster.Draining, "removed": roster.Removed, "revoked": roster.Revoked,
	} {
		if got := state.String(); got != want {
			t.Errorf("state %d is called %q, want %q", state, got, want)
		}
	}
}

// Readers, members and admins that are active or draining are spoken with; members and
// admins that are active and have room store.
func TestPresentAndStores(t *testing.T) {
	for role := roster.Stranger; role <= roster.Admin; role++ {
		for state := roster.Active; state <= roster.Revoked; state++ {
			for _, allotment := range []int64{0, 1} {
				n := roster.Node{Role: role, State: state, Self: roster.Self{Allotment: allotment}}
				if want := role != roster.Stranger && (state == roster.Active || state == roster.Draining); n.Present() != want {
					t.Errorf("%v, %v: present %v, want %v", role, state, n.Present(), want)
				}
				if want := (role == roster.Member || role == roster.Admin) && state == roster.Active && allotment == 1; n.Stores() != want {
					t.Errorf("%v, %v, %d bytes: stores %v, want %v", role, state, allotment, n.Stores(), want)
				}
			}
		}
	}
}
