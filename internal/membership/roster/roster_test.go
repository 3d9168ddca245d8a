package roster_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/membership/roster"
	"shoal/internal/record"
)

func nodeOf(n byte) shoal.NodeID {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
	return record.NodeOf(key.Public().(ed25519.PublicKey))
}

// founder founded the shoal of all tests.
const founder = byte(0)

// said is a batch by which a node says one thing.
func said(t testing.TB, author byte, seq uint64, stamp record.Stamp, body any) record.Batch {
	t.Helper()
	r, err := roster.Record(stamp, body)
	if err != nil {
		t.Fatal(err)
	}
	return record.Batch{Author: nodeOf(author), Seq: seq, Records: []record.Record{r}}
}

func admit(n byte, role roster.Role) roster.Admit { return roster.Admit{Node: nodeOf(n), Role: role} }

func state(n byte, s roster.State, upto uint64) roster.Set {
	return roster.Set{Node: nodeOf(n), HasState: true, State: s, Upto: upto}
}

// say is who says what, in the order of their stamps.
type say struct {
	by   byte
	body any
}

// rosterOf is what comes of it; each author's batches are numbered from 1.
func rosterOf(t testing.TB, all ...say) *roster.Roster {
	t.Helper()
	r := roster.New(nodeOf(founder))
	seqs := make(map[byte]uint64)
	for i, s := range all {
		seqs[s.by]++
		r.Add(said(t, s.by, seqs[s.by], record.Stamp(100+i), s.body))
	}
	return r
}

func wantNode(t *testing.T, r *roster.Roster, n byte, role roster.Role, s roster.State) {
	t.Helper()
	if got := r.Node(nodeOf(n)); got.Role != role || got.State != s {
		t.Errorf("node %d is %v and %v, want %v and %v", n, got.Role, got.State, role, s)
	}
}

func TestWhoMayAdmit(t *testing.T) {
	r := rosterOf(t,
		say{founder, admit(1, roster.Admin)}, say{founder, admit(2, roster.Member)}, say{founder, admit(3, roster.Reader)},
		say{1, admit(4, roster.Admin)}, say{2, admit(5, roster.Member)}, say{2, admit(6, roster.Admin)},
		say{3, admit(7, roster.Reader)}, say{9, admit(8, roster.Member)}, say{2, admit(2, roster.Admin)},
	)
	for n, want := range map[byte]roster.Role{
		founder: roster.Admin, 1: roster.Admin, 2: roster.Member, 3: roster.Reader, 4: roster.Admin, 5: roster.Member,
		6: roster.Stranger, 7: roster.Stranger, 8: roster.Stranger,
	} {
		wantNode(t, r, n, want, roster.Active)
	}
}

func TestWhoMayChangeWhom(t *testing.T) {
	base := []say{{founder, admit(1, roster.Admin)}, {founder, admit(2, roster.Admin)}, {founder, admit(3, roster.Member)}, {founder, admit(4, roster.Member)}}
	for what, test := range map[string]struct {
		by   byte
		body roster.Set
		want roster.State
	}{
		"a senior admin revokes":           {1, state(2, roster.Revoked, 0), roster.Revoked},
		"a junior admin cannot":            {2, state(1, roster.Revoked, 0), roster.Active},
		"but can remove":                   {2, state(1, roster.Removed, 0), roster.Removed},
		"nobody revokes the founder":       {1, state(founder, roster.Revoked, 0), roster.Active},
		"a member drains itself":           {3, state(3, roster.Draining, 0), roster.Draining},
		"a member does not remove another": {3, state(4, roster.Removed, 0), roster.Active},
		"an admin does not revoke itself":  {1, state(1, roster.Revoked, 0), roster.Active},
	} {
		t.Run(what, func(t *testing.T) {
			may := rosterOf(t, base...).May(nodeOf(test.by), test.body)
			r := rosterOf(t, append(slices.Clone(base), say{test.by, test.body})...)
			if got := r.Node(test.body.Node).State; got != test.want || may != (got == test.body.State) {
				t.Errorf("it is %v, want %v; that it may be said is %v", got, test.want, may)
			}
		})
	}
}

func TestFounderIsNotLockedOut(t *testing.T) {
	r := rosterOf(t, say{founder, admit(1, roster.Admin)}, say{1, state(founder, roster.Removed, 0)})
	wantNode(t, r, founder, roster.Admin, roster.Removed)
	r = rosterOf(t, say{founder, admit(1, roster.Admin)}, say{1, state(founder, roster.Removed, 0)},
		say{founder, state(1, roster.Revoked, 1)}, say{founder, state(founder, roster.Active, 0)})
	wantNode(t, r, founder, roster.Admin, roster.Active)
	wantNode(t, r, 1, roster.Admin, roster.Revoked)
}

func TestRemovedMayComeBackAndRevokedMayNot(t *testing.T) {
	for _, s := range []roster.State{roster.Removed, roster.Revoked} {
		want := roster.Active
		if s == roster.Revoked {
			want = roster.Revoked
		}
		r := rosterOf(t, say{founder, admit(1, roster.Member)}, say{founder, state(1, s, 0)}, say{founder, admit(1, roster.Member)})
		wantNode(t, r, 1, roster.Member, want)
	}
}

// Whom a junior admin has removed is not demoted by being let in again, were it
// by a member; whom a senior one has removed is.
func TestRemovedAdminIsNotDemotedByAJunior(t *testing.T) {
	base := []say{{founder, admit(1, roster.Admin)}, {founder, admit(2, roster.Admin)}, {founder, admit(3, roster.Member)}}
	for what, test := range map[string]struct {
		says  []say
		about byte
		want  roster.Role
	}{
		"the founder, by a member":         {[]say{{1, state(founder, roster.Removed, 0)}, {3, admit(founder, roster.Reader)}}, founder, roster.Admin},
		"the founder, by the junior":       {[]say{{1, state(founder, roster.Removed, 0)}, {1, admit(founder, roster.Member)}}, founder, roster.Admin},
		"a senior admin":                   {[]say{{2, state(1, roster.Removed, 0)}, {2, admit(1, roster.Member)}}, 1, roster.Admin},
		"a junior admin":                   {[]say{{1, state(2, roster.Removed, 0)}, {3, admit(2, roster.Member)}}, 2, roster.Member},
		"a junior admin, removed twice":    {[]say{{founder, state(1, roster.Removed, 0)}, {2, state(1, roster.Removed, 0)}, {3, admit(1, roster.Member)}}, 1, roster.Member},
		"a member, as less than it was":    {[]say{{1, state(3, roster.Removed, 0)}, {1, admit(3, roster.Reader)}}, 3, roster.Reader},
		"an admin that was back meanwhile": {[]say{{1, state(2, roster.Removed, 0)}, {1, state(2, roster.Active, 0)}, {1, admit(2, roster.Reader)}}, 2, roster.Admin},
	} {
		t.Run(what, func(t *testing.T) {
			wantNode(t, rosterOf(t, append(slices.Clone(base), test.says...)...), test.about, test.want, roster.Active)
		})
	}
}

// A revoked admin that puts old stamps under new batches changes nothing.
func TestBackDatedAdmission(t *testing.T) {
	r := rosterOf(t, say{founder, admit(1, roster.Admin)}, say{1, admit(2, roster.Member)}, say{founder, state(1, roster.Revoked, 1)})
	wantNode(t, r, 2, roster.Member, roster.Active)
	r.Add(said(t, 1, 2, 101, admit(3, roster.Admin)))
	wantNode(t, r, 3, roster.Stranger, roster.Active)
	late := said(t, 1, 2, 101, admit(3, roster.Admin))
	if err := r.Hears(late); !errors.Is(err, shoal.Unauthorised) {
		t.Errorf("the journal would take it: %v", err)
	}
	if got := r.Cut(); got[nodeOf(1)] != 1 || len(got) != 1 {
		t.Errorf("cut is %v", got)
	}
}

// Nobody becomes senior to the one that let them in, whatever the stamp.
func TestBackDatedSeniority(t *testing.T) {
	r := roster.New(nodeOf(founder))
	r.Add(said(t, founder, 1, 100, admit(1, roster.Admin)), said(t, founder, 2, 200, admit(2, roster.Admin)))
	r.Add(said(t, 2, 1, 201, admit(3, roster.Admin)), said(t, 2, 2, 50, admit(4, roster.Admin)))
	r.Add(said(t, 3, 1, 300, state(1, roster.Revoked, 0)), said(t, 4, 1, 301, state(1, roster.Revoked, 0)))
	wantNode(t, r, 1, roster.Admin, roster.Active)
}

// At one stamp, too, nobody is senior to the one that let them in, nor is one of two
// whom nodes of the same rank let in.
func TestSeniorityAtOneStamp(t *testing.T) {
	later := byte(1) // a node whose records come after the founder's of the same stamp
	for nodeOf(later) < nodeOf(founder) {
		later++
	}
	r := roster.New(nodeOf(founder))
	r.Add(said(t, founder, 1, 200, admit(later, roster.Admin)), said(t, later, 1, 200, admit(100, roster.Admin)))
	r.Add(said(t, 100, 1, 300, state(later, roster.Revoked, 1)))
	wantNode(t, r, later, roster.Admin, roster.Active)
	r.Add(said(t, later, 2, 301, state(100, roster.Revoked, 1)))
	wantNode(t, r, 100, roster.Admin, roster.Revoked)

	r = roster.New(nodeOf(founder))
	r.Add(said(t, founder, 1, 100, admit(1, roster.Admin)), said(t, founder, 2, 101, admit(2, roster.Admin)))
	r.Add(said(t, 1, 1, 200, admit(3, roster.Admin)), said(t, 2, 1, 200, admit(4, roster.Admin)))
	r.Add(said(t, 3, 1, 300, state(4, roster.Revoked, 0)), said(t, 4, 1, 301, state(3, roster.Revoked, 0)))
	wantNode(t, r, 3, roster.Admin, roster.Active)
	wantNode(t, r, 4, roster.Admin, roster.Active)
}

// A revoked node is heard up to the batch that its revocation names.
func TestRevokedIsHeardUpToItsCut(t *testing.T) {
	r := rosterOf(t, say{founder, admit(1, roster.Member)}, say{founder, state(1, roster.Revoked, 3)})
	for seq, want := range map[uint64]bool{2: true, 3: true, 4: false} {
		err := r.Hears(record.Batch{Author: nodeOf(1), Seq: seq})
		if (err == nil) != want || err != nil && !errors.Is(err, shoal.Unauthorised) {
			t.Errorf("batch %d: %v", seq, err)
		}
	}
}

// Who may set a role, and maintenance, of whom.
func TestWhoMaySetRoleAndMaintenance(t *testing.T) {
	base := []say{
		{founder, admit(1, roster.Admin)},
		{founder, admit(2, roster.Admin)},
		{founder, admit(3, roster.Member)},
		{founder, admit(4, roster.Member)},
		{founder, admit(5, roster.Member)},
		{founder, state(5, roster.Removed, 0)},
		{founder, admit(6, roster.Member)},
		{founder, state(6, roster.Revoked, 0)},
	}
	for _, c := range []struct {
		by, of            byte
		role, maintenance bool
	}{
		{founder, 1, true, true},
		{1, 2, true, true},
		{1, 5, true, true},
		{2, 1, false, true},
		{1, founder, false, true},
		{1, 1, false, true},
		{3, 3, false, true},
		{3, 4, false, false},
		{4, 1, false, false},
		{5, 5, false, false},
		{5, 4, false, false},
		{founder, 6, false, false},
		{6, 6, false, false},
		{9, 3, false, false},
		{1, 9, false, false},
	} {
		r := rosterOf(t, base...)
		for _, role := range []roster.Role{roster.Stranger, roster.Reader, roster.Member, roster.Admin} {
			set := roster.Set{Node: nodeOf(c.of), HasRole: true, Role: role}
			if want := c.role && role != roster.Stranger; r.May(nodeOf(c.by), set) != want {
				t.Errorf("node %d may make node %d a %v: %v", c.by, c.of, role, !want)
			}
		}
		set := roster.Set{Node: nodeOf(c.of), HasMaintenance: true, Maintenance: time.Hour}
		if r.May(nodeOf(c.by), set) != c.maintenance {
			t.Errorf("node %d may put node %d in maintenance: %v", c.by, c.of, !c.maintenance)
		}
	}
}

func TestHears(t *testing.T) {
	r := rosterOf(t, say{founder, admit(1, roster.Reader)}, say{founder, admit(2, roster.Member)})
	put := record.Record{Stamp: 500, Kind: record.KindPut}
	self, err := roster.Record(501, roster.Self{Name: "reader"})
	if err != nil {
		t.Fatal(err)
	}
	for what, test := range map[string]struct {
		batch record.Batch
		ok    bool
	}{
		"a stranger":                 {record.Batch{Author: nodeOf(9), Seq: 1, Records: []record.Record{put}}, false},
		"a reader who writes":        {record.Batch{Author: nodeOf(1), Seq: 1, Records: []record.Record{self, put}}, false},
		"a reader who says its name": {record.Batch{Author: nodeOf(1), Seq: 1, Records: []record.Record{self}}, true},
		"a member":                   {record.Batch{Author: nodeOf(2), Seq: 1, Records: []record.Record{put}}, true},
	} {
		if err := r.Hears(test.batch); (err == nil) != test.ok {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestTitles(t *testing.T) {
	r := rosterOf(t,
		say{founder, admit(1, roster.Member)}, say{founder, admit(2, roster.Member)}, say{founder, admit(3, roster.Member)},
		say{2, roster.Self{Name: "attic"}}, say{1, roster.Self{Name: "attic"}}, say{founder, roster.Self{Name: "attic-2"}},
	)
	for n, want := range map[byte]string{founder: "attic-2", 1: "attic", 2: "attic-3", 3: nodeOf(3).Short()} {
		if got := r.Node(nodeOf(n)).Title; got != want {
			t.Errorf("node %d is called %q, want %q", n, got, want)
		}
	}
}

func TestSelfComesBack(t *testing.T) {
	want := roster.Self{Name: "attic", Zone: "house", Allotment: 1 << 40, Addrs: []string{"/ip4/10.0.0.1/tcp/4001/p2p/x"}}
	r := rosterOf(t, say{founder, want})
	if diff := cmp.Diff(want, r.Node(nodeOf(founder)).Self); diff != "" {
		t.Error(diff)
	}
	for said, want := range map[time.Duration]time.Duration{30 * time.Minute: 30 * time.Minute, 0: 0, -1: 0, 1 << 62: 30 * 24 * time.Hour} {
		r = rosterOf(t, say{founder, roster.Set{Node: nodeOf(founder), HasMaintenance: true, Maintenance: said}})
		if got := r.Node(nodeOf(founder)).Maintenance; got != want {
			t.Errorf("in maintenance for %v, want %v", got, want)
		}
	}
	for _, bad := range []any{roster.Self{Name: "a\x1b[2J"}, roster.Self{Zone: "\u202e"}, roster.Self{Addrs: make([]string, 99)}, "nonsense", roster.Admit{Node: "x"}} {
		if _, err := roster.Record(1, bad); !errors.Is(err, shoal.Usage) {
			t.Errorf("%+v: %v, want shoal.Usage", bad, err)
		}
	}
}

// Whatever order the batches come in, however often, the roster is the same.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []record.Batch
		seqs := make(map[byte]uint64)
		node := rapid.ByteRange(0, 5)
		for range rapid.IntRange(1, 25).Draw(t, "records") {
			by, about := node.Draw(t, "by"), node.Draw(t, "about")
			body := rapid.SampledFrom([]any{
				admit(about, roster.Reader), admit(about, roster.Member), admit(about, roster.Admin),
				state(about, roster.Active, 0), state(about, roster.Removed, 0), state(about, roster.Revoked, rapid.Uint64Range(0, 4).Draw(t, "upto")),
				roster.Set{Node: nodeOf(about), HasRole: true, Role: roster.Member},
				roster.Self{Name: string('a' + rune(about))},
			}).Draw(t, "body")
			seqs[by]++
			r, err := roster.Record(record.Stamp(rapid.IntRange(1, 30).Draw(t, "stamp")), body)
			if err != nil {
				t.Fatal(err)
			}
			// An author never uses a stamp twice.
			if slices.ContainsFunc(all, func(b record.Batch) bool { return b.Author == nodeOf(by) && b.Records[0].Stamp == r.Stamp }) {
				continue
			}
			all = append(all, record.Batch{Author: nodeOf(by), Seq: seqs[by], Records: []record.Record{r}})
		}
		whole := roster.New(nodeOf(founder))
		whole.Add(all...)
		for seed := range uint64(4) {
			shuffled := append(slices.Clone(all), all...)
			rand.New(rand.NewPCG(seed, 0)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			single := roster.New(nodeOf(founder))
			for _, b := range shuffled {
				single.Add(b)
			}
			if diff := cmp.Diff(whole.Nodes(), single.Nodes(), cmpopts.IgnoreUnexported(roster.Node{})); diff != "" {
				t.Fatal(diff)
			}
		}
		if got := whole.Node(nodeOf(founder)); got.Role != roster.Admin || got.State == roster.Revoked {
			t.Fatalf("the founder is %v and %v", got.Role, got.State)
		}
	})
}

// FuzzRecord feeds foreign bytes to the decoders: whatever is taken is written
// the same.
func FuzzRecord(f *testing.F) {
	for _, body := range []any{admit(1, roster.Member), state(1, roster.Revoked, 5), roster.Self{Name: "a", Zone: "b", Addrs: []string{"/c"}}} {
		r, err := roster.Record(1, body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(r.Kind), r.Body)
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		r := roster.New(nodeOf(founder))
		r.Add(record.Batch{Author: nodeOf(founder), Seq: 1, Records: []record.Record{{Stamp: 5, Kind: record.Kind(kind), Body: body}}})
		own := r.Node(nodeOf(founder)).Self
		if _, err := roster.Record(1, own); err != nil {
			t.Fatalf("%+v was taken and cannot be written: %v", own, err)
		}
	})
}
