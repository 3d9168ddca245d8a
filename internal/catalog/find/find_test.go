package find_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/catalog/find"
	"shoal/internal/network"
	"shoal/internal/network/ask"
	"shoal/internal/network/memnet"
	"shoal/internal/network/wire"
)

// names is a catalogue in memory, in the order of the names.
type names []shoal.Entry

func (n names) Resolve(_ context.Context, ref string) (shoal.Entry, error) {
	for _, e := range n {
		if e.Name == ref || e.ID.String() == ref {
			return e, nil
		}
	}
	err := fmt.Errorf("%q: %w", ref, shoal.NotFound)
	if slices.ContainsFunc(n, func(e shoal.Entry) bool { return strings.HasPrefix(e.Name, ref+"/") }) {
		return shoal.Entry{}, shoal.WithHint(err, ref+"/ is all that is below it")
	}
	return shoal.Entry{}, err
}

func (n names) Match(_ context.Context, name, after string, limit int) (found []shoal.Entry, _ error) {
	for _, e := range n {
		if e.Name == name || strings.HasSuffix(name, "/") && strings.HasPrefix(e.Name, name) && e.Name > after && len(found) < limit {
			found = append(found, e)
		}
	}
	return found, nil
}

func (n names) List(ctx context.Context, req shoal.ListRequest) ([]shoal.Entry, error) {
	return n.Match(ctx, req.Prefix, req.After, shoal.MaxList)
}

func entry(name string, file byte) shoal.Entry {
	return shoal.Entry{ID: shoal.FileID{0xab, file}, Name: name, Size: 3000, ChunkSize: 1024, Added: time.Unix(int64(file), 0).UTC()}
}

// lab is a finder without names, and nodes that have some.
type lab struct {
	*find.Finder
	peers map[string]shoal.NodeID
}

// on runs a test in virtual time with nodes that have names.
func on(t *testing.T, nodes map[string]names, test func(t *testing.T, l lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(1)
		home := net.Host("home")
		defer home.Close()
		l := lab{peers: make(map[string]shoal.NodeID)}
		var peers []shoal.NodeID
		for name, has := range nodes {
			h := net.Host(name)
			defer h.Close()
			if name != "silent" {
				server := ask.NewServer(find.Kind(), find.AtOnce, slog.New(slog.DiscardHandler), finder(h, has, nil).Answer)
				h.Handle(wire.FindProtocol, func(s network.Stream) { server.Serve(t.Context(), s) })
			} else {
				h.Handle(wire.FindProtocol, func(s network.Stream) { _, _ = s.Read(make([]byte, 1<<20)) })
			}
			if _, err := home.Connect(t.Context(), h.Addrs()[0]); err != nil {
				t.Fatal(err)
			}
			l.peers[name], peers = h.ID(), append(peers, h.ID())
		}
		l.Finder = finder(home, names{entry("here", 1)}, peers)
		test(t, l)
	})
}

// finder makes a finder. Of the files with an odd number a node has two chunks, of the
// others none.
func finder(h network.Host, has names, peers []shoal.NodeID) *find.Finder {
	return find.New(find.Config{
		Catalog: has, Opener: h, Log: slog.New(slog.DiscardHandler),
		Peers: func(context.Context) []shoal.NodeID { return peers }, Connected: func() int { return len(peers) },
		Present: func(_ context.Context, id shoal.FileID) int { return int(id[1]%2) * 2 },
	})
}

func TestResolve(t *testing.T) {
	nodes := map[string]names{
		"one":    {entry("a", 3), entry("gone", 4), entry("here", 5)},
		"two":    {entry("a", 7), entry("b", 9)},
		"silent": nil,
	}
	link := func(file byte, name string) string {
		return shoal.Link{ID: shoal.FileID{0xab, file}, Name: name, Size: 1, Addrs: []string{"/ip4/192.0.2.1/tcp/1/p2p/x"}}.String()
	}
	on(t, nodes, func(t *testing.T, l lab) {
		for _, c := range []struct {
			ref     string
			file    byte
			name    string
			size    int64
			sources []string
			addrs   int
			err     error
		}{
			{"here", 1, "here", 3000, nil, 0, nil}, // known here: nobody is asked
			{"a", 7, "a", 3000, []string{"two"}, 0, nil},
			{entry("", 9).ID.String(), 9, "b", 3000, []string{"two"}, 0, nil},
			{entry("", 11).ID.String(), 11, "", -1, nil, 0, nil},
			{"gone", 0, "", 0, nil, 0, shoal.NotFound},
			{"none", 0, "", 0, nil, 0, shoal.NotFound},
			{link(11, "named"), 11, "named", 1, nil, 1, nil},
			{link(1, ""), 1, "here", 3000, nil, 1, nil},
			{link(1, "other"), 1, "other", 3000, nil, 1, nil},
			{"shoal:nothing", 0, "", 0, nil, 0, shoal.Usage},
		} {
			began := time.Now()
			got, addrs, err := l.Resolve(t.Context(), c.ref)
			if took := time.Since(began); took > find.Timeout {
				t.Errorf("%s: it took %v", c.ref, took)
			}
			if !errors.Is(err, c.err) {
				t.Errorf("%s: %v, want %v", c.ref, err, c.err)
			}
			if err != nil {
				continue
			}
			var sources []shoal.NodeID
			for _, name := range c.sources {
				sources = append(sources, l.peers[name])
			}
			if got.Entry.ID[1] != c.file || got.Entry.Name != c.name || got.Entry.Size != c.size || !slices.Equal(got.Sources, sources) || len(addrs) != c.addrs {
				t.Errorf("%s: %+v at %v, want %+v", c.ref, got, addrs, c)
			}
		}
		if _, _, err := l.Resolve(t.Context(), "none"); !strings.Contains(err.Error(), "any of 3 connected peers") || shoal.HintOf(err) == "" {
			t.Errorf("%v with hint %q", err, shoal.HintOf(err))
		}
	})
}

// A folder is all files below it, of which this node and the others each know some,
// and however many those are.
func TestFolder(t *testing.T) {
	const many = wire.MaxFound + 100
	long := names{}
	for i := range many {
		long = append(long, entry(fmt.Sprintf("photos/2024/%05d", i), 3))
	}
	on(t, map[string]names{"one": long, "two": {entry("photos/2024/a", 5), entry("photos/b", 5)}}, func(t *testing.T, l lab) {
		items, err := l.Folder(t.Context(), "photos/2024/")
		if err != nil || len(items) != many+1 {
			t.Fatalf("%d files, %v, want %d", len(items), err, many+1)
		}
		first, last := items[0], items[many]
		if first.Inside != "2024/00000" || last.Inside != "2024/a" || !slices.Equal(last.Sources, []shoal.NodeID{l.peers["two"]}) {
			t.Errorf("from %+v to %+v", first, last)
		}
		if _, err := l.Folder(t.Context(), "music/"); !errors.Is(err, shoal.NotFound) {
			t.Errorf("of nothing: %v", err)
		}
	})
}

// liar answers every question with the same entry.
type liar struct{ names }

func (l liar) Match(context.Context, string, string, int) ([]shoal.Entry, error) { return l.names, nil }

// What a peer tells counts only if it was asked for.
func TestOnlyWhatWasAskedForCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(1)
		home, other := net.Host("home"), net.Host("other")
		defer home.Close()
		defer other.Close()
		lies := find.New(find.Config{
			Catalog: liar{names{entry(".ssh/authorized_keys", 3)}}, Log: slog.New(slog.DiscardHandler),
			Present: func(context.Context, shoal.FileID) int { return 1 },
		})
		server := ask.NewServer(find.Kind(), find.AtOnce, slog.New(slog.DiscardHandler), lies.Answer)
		other.Handle(wire.FindProtocol, func(s network.Stream) { server.Serve(t.Context(), s) })
		if _, err := home.Connect(t.Context(), other.Addrs()[0]); err != nil {
			t.Fatal(err)
		}
		f := finder(home, nil, []shoal.NodeID{other.ID()})
		for _, ref := range []string{"a", entry("", 5).ID.String()} {
			if hits := f.Ask(t.Context(), ref); len(hits) > 0 {
				t.Errorf("for %s: %+v", ref, hits)
			}
		}
		if items, err := f.Folder(t.Context(), "photos/"); err == nil {
			t.Errorf("for photos/: %+v", items)
		}
	})
}
