package apitest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"shoal"
)

// Subject is what the suite checks: Node, which is Fake itself or leads to it.
type Subject struct {
	Node shoal.Node
	Fake *Node
}

// Run checks that a subject does what shoal.Node promises and what its Fake
// does. fresh makes a new subject, and registers with t what must be undone.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	for name, check := range map[string]func(*testing.T, Subject){
		"add":                 checkAdd,
		"add with a failure":  checkAddPartly,
		"add nothing":         checkAddNothing,
		"get":                 checkGet,
		"get a folder":        checkGetFolder,
		"refs":                checkRefs,
		"list":                checkList,
		"info, peers, status": checkAccounts,
		"remove and link":     checkRemoveAndLink,
		"search":              checkSearch,
		"move":                checkMove,
		"trash":               checkTrash,
		"change":              checkChange,
		"verify":              checkVerify,
		"read":                checkRead,
		"read what is rotten": checkReadRotten,
		"every code":          checkCodes,
		"cancel":              checkCancel,
		"many at once":        checkMany,
	} {
		t.Run(name, func(t *testing.T) { check(t, fresh(t)) })
	}
}

// diary collects events and holds them to their promise.
type diary struct {
	t      *testing.T
	events []shoal.Event
}

func (d *diary) watch(e shoal.Event) {
	if want := uint64(len(d.events) + 1); e.Seq != want {
		d.t.Errorf("event %q has seq %d, want %d", e.Type, e.Seq, want)
	}
	d.events = append(d.events, e)
}

// last is the last event of a type, or a zero one.
func (d *diary) last(kind shoal.EventType) shoal.Event {
	for _, event := range slices.Backward(d.events) {
		if event.Type == kind {
			return event
		}
	}
	return shoal.Event{}
}

// wantCode stops the test unless err has the code.
func wantCode(t *testing.T, err error, want shoal.Code) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %v", want)
	}
	if got := shoal.CodeOf(err); got != want {
		t.Fatalf("error %q has code %v, want %v", err, got, want)
	}
}

// write makes a file and gives its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// same fails the test unless got is want, nil and empty slices being the same.
func same(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func checkAccounts(t *testing.T, s Subject) {
	s.Fake.Meet(shoal.Peer{
		ID: "12D3KooWPeer", Name: "pi4 ü", Addr: "/ip4/192.0.2.7/tcp/1", Direction: "in", Transport: "tcp",
		Latency: 3 * time.Millisecond, Since: Born(), BytesIn: 1 << 60, BytesOut: 5,
	})
	s.Fake.Worry("the disk is nearly full")
	entry := s.Fake.Put("a/b c.txt", make([]byte, 3*ChunkSize))
	s.Fake.Put("z", make([]byte, 3*ChunkSize))
	ctx := t.Context()

	want, _ := s.Fake.Status(ctx)
	got, err := s.Node.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	same(t, want, got)

	wantInfo, _ := s.Fake.Info(ctx, entry.Name)
	gotInfo, err := s.Node.Info(ctx, entry.Name)
	if err != nil {
		t.Fatal(err)
	}
	same(t, wantInfo, gotInfo)

	for _, limit := range []int{0, 1} {
		wantMoves, _ := s.Fake.Plan(ctx, limit)
		gotMoves, err := s.Node.Plan(ctx, limit)
		if err != nil {
			t.Fatal(err)
		}
		same(t, wantMoves, gotMoves)
	}
	if err := s.Node.Repair(ctx); err != nil {
		t.Error(err)
	}

	wantPeers, _ := s.Fake.Peers(ctx)
	gotPeers, err := s.Node.Peers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	same(t, wantPeers, gotPeers)
}

// checkCodes sees every kind of failure arrive whole, whatever was asked.
func checkCodes(t *testing.T, s Subject) {
	calls := map[string]func(context.Context) error{
		"add": func(ctx context.Context) error {
			return s.Node.Add(ctx, shoal.AddRequest{Items: make([]shoal.AddItem, 1)}, nil)
		},
		"get": func(ctx context.Context) error {
			return s.Node.Get(ctx, shoal.GetRequest{Items: make([]shoal.GetItem, 1)}, nil)
		},
		"open": func(ctx context.Context) error { _, err := s.Node.Open(ctx, "x"); return err },
		"list": func(ctx context.Context) error { _, err := s.Node.List(ctx, shoal.ListRequest{}); return err },
		"info": func(ctx context.Context) error { _, err := s.Node.Info(ctx, "x"); return err },
		"remove": func(ctx context.Context) error {
			_, err := s.Node.Remove(ctx, shoal.RemoveRequest{Ref: "x"})
			return err
		},
		"search": func(ctx context.Context) error { _, err := s.Node.Search(ctx, shoal.SearchRequest{}); return err },
		"move": func(ctx context.Context) error {
			_, err := s.Node.Move(ctx, shoal.MoveRequest{Ref: "x", Name: "y"})
			return err
		},
		"change": func(ctx context.Context) error {
			return s.Node.Change(ctx, shoal.ChangeRequest{Items: make([]shoal.ChangeItem, 1)}, nil)
		},
		"trash": func(ctx context.Context) error { _, err := s.Node.Trash(ctx, ""); return err },
		"undelete": func(ctx context.Context) error {
			_, err := s.Node.Undelete(ctx, shoal.UndeleteRequest{Ref: "x"})
			return err
		},
		"link":   func(ctx context.Context) error { _, err := s.Node.Link(ctx, "x"); return err },
		"plan":   func(ctx context.Context) error { _, err := s.Node.Plan(ctx, 0); return err },
		"repair": s.Node.Repair,
		"peers":  func(ctx context.Context) error { _, err := s.Node.Peers(ctx); return err },
		"status": func(ctx context.Context) error { _, err := s.Node.Status(ctx); return err },
		"verify": func(ctx context.Context) error { _, err := s.Node.Verify(ctx, "", nil); return err },
	}
	for _, code := range shoal.Codes() {
		broken := shoal.WithHint(fmt.Errorf("it broke (%s): %w", code.Word(), code), "mend it, \"now\" — ü")
		s.Fake.Break(broken)
		for name, call := range calls {
			err := call(t.Context())
			if err == nil {
				t.Errorf("%s: no error, want %v", name, broken)
				continue
			}
			if shoal.CodeOf(err) != code || err.Error() != broken.Error() || shoal.HintOf(err) != shoal.HintOf(broken) {
				t.Errorf("%s: %v (%v, hint %q), want %v", name, err, shoal.CodeOf(err), shoal.HintOf(err), broken)
			}
		}
	}
}

// checkCancel sees that work stops when nobody waits for it any more.
func checkCancel(t *testing.T, s Subject) {
	begun, ended := s.Fake.Stall()
	for name, call := range map[string]func(context.Context) error{
		"add": func(ctx context.Context) error {
			return s.Node.Add(ctx, shoal.AddRequest{Items: make([]shoal.AddItem, 1)}, nil)
		},
		"get": func(ctx context.Context) error {
			return s.Node.Get(ctx, shoal.GetRequest{Items: make([]shoal.GetItem, 1)}, nil)
		},
		"change": func(ctx context.Context) error {
			return s.Node.Change(ctx, shoal.ChangeRequest{Items: make([]shoal.ChangeItem, 1)}, nil)
		},
		"verify": func(ctx context.Context) error { _, err := s.Node.Verify(ctx, "", nil); return err },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		returned := make(chan error, 1)
		go func() { returned <- call(ctx) }()
		<-begun
		cancel()
		if err := <-returned; shoal.CodeOf(err) != shoal.Interrupted {
			t.Errorf("%s: %v, want an error with code interrupted", name, err)
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the node's own context ended with %v", name, err)
		}
	}
}
