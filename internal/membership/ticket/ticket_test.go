package ticket_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"shoal"
	"shoal/internal/membership/roster"
	"shoal/internal/membership/ticket"
	"shoal/internal/record"
)

func nodeOf(n byte) shoal.NodeID {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
	return record.NodeOf(key.Public().(ed25519.PublicKey))
}

func sample() ticket.Ticket {
	return ticket.Ticket{
		Shoal: nodeOf(1), Issuer: nodeOf(2), Addrs: []string{"/ip4/10.0.0.1/tcp/4001", "/ip6/::1/tcp/4001"},
		Secret: [ticket.SecretSize]byte{1, 2, 3}, Role: roster.Member, Expires: time.Unix(1_800_000_000, 0).UTC(),
	}
}

func textOf(t testing.TB, tk ticket.Ticket) string {
	t.Helper()
	text, err := tk.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTicketComesBack(t *testing.T) {
	text := textOf(t, sample())
	got, err := ticket.Parse("  " + text + "\n")
	if diff := cmp.Diff(sample(), got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if strings.ContainsAny(text, " /+=_:") {
		t.Errorf("%q cannot be taken by a double click", text)
	}
}

func TestDamagedTicketsAreTold(t *testing.T) {
	text := textOf(t, sample())
	for what, bad := range map[string]string{
		"nothing": "", "a link": "shoal:abc", "half of it": text[:len(text)/2], "without its end": text[:len(text)-1],
		"one letter wrong": text[:40] + "a" + text[41:], "twice": text + text,
	} {
		if bad == text {
			continue
		}
		if _, err := ticket.Parse(bad); !errors.Is(err, shoal.Usage) || shoal.HintOf(err) == "" {
			t.Errorf("%s: error %v with hint %q", what, err, shoal.HintOf(err))
		}
	}
}

func TestBook(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	key := ticket.KeyOf(sample().Secret)
	var b ticket.Book
	if err := b.Add(now, ticket.Invitation{Key: key, Role: roster.Member, Expires: now.Add(time.Hour), Left: 2}); err != nil {
		t.Fatal(err)
	}
	for i, n := range []byte{5, 5, 6, 5} { // who comes twice uses it once, also when it is used up
		_, findErr := b.Find(now, key.ID(), nodeOf(n))
		_, again, err := b.Redeem(now, key.ID(), nodeOf(n))
		if err := errors.Join(findErr, err); err != nil || again != (i%2 == 1) {
			t.Fatalf("node %d: again %v, %v", n, again, err)
		}
	}
	for what, use := range map[string]struct {
		now    time.Time
		id     string
		joiner byte
	}{"used up": {now, key.ID(), 7}, "expired": {now.Add(time.Hour), key.ID(), 5}, "unknown": {now, "0000", 5}} {
		_, findErr := b.Find(use.now, use.id, nodeOf(use.joiner))
		_, _, err := b.Redeem(use.now, use.id, nodeOf(use.joiner))
		if !errors.Is(findErr, shoal.Unauthorised) || !errors.Is(err, shoal.Unauthorised) {
			t.Errorf("%s: %v and %v, want shoal.Unauthorised", what, findErr, err)
		}
	}
	if err := b.Add(now, ticket.Invitation{Key: ticket.Key{1}, Expires: now.Add(time.Hour), Left: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Find(now, key.ID(), nodeOf(5)); err != nil {
		t.Errorf("when another was made it is not known any more: %v", err)
	}
	for what, bad := range map[string]ticket.Invitation{
		"no uses": {Expires: now.Add(1)}, "expired": {Left: 1, Expires: now}, "too many uses": {Left: ticket.MaxInvites + 1, Expires: now.Add(1)},
	} {
		if err := b.Add(now, bad); !errors.Is(err, shoal.Usage) {
			t.Errorf("%s: %v, want shoal.Usage", what, err)
		}
	}
}

// A proof is for one inviter, joiner, shoal and challenge.
func TestProofIsBound(t *testing.T) {
	key := ticket.KeyOf(sample().Secret)
	challenge := [ticket.ChallengeSize]byte{1}
	seen := map[[32]byte]bool{key.Proof(nodeOf(1), nodeOf(2), nodeOf(3), challenge): true}
	for _, other := range [][32]byte{
		key.Proof(nodeOf(9), nodeOf(2), nodeOf(3), challenge), key.Proof(nodeOf(1), nodeOf(9), nodeOf(3), challenge),
		key.Proof(nodeOf(1), nodeOf(2), nodeOf(9), challenge), key.Proof(nodeOf(1), nodeOf(2), nodeOf(3), [32]byte{2}),
		ticket.KeyOf([ticket.SecretSize]byte{9}).Proof(nodeOf(1), nodeOf(2), nodeOf(3), challenge),
	} {
		if seen[other] {
			t.Error("two proofs are the same")
		}
		seen[other] = true
	}
}

// FuzzParse: what is taken for a ticket is written the same.
func FuzzParse(f *testing.F) {
	f.Add(textOf(f, sample()))
	f.Add("shoal-ticket-aaaa")
	f.Fuzz(func(t *testing.T, text string) {
		tk, err := ticket.Parse(text)
		if err != nil {
			return
		}
		again, err := tk.Text()
		if err != nil || again != strings.TrimSpace(text) {
			t.Fatalf("%q became %q, %v", text, again, err)
		}
	})
}
