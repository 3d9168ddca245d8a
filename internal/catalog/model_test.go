package catalog_test

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/catalog/merge"
	"shoal/internal/journal"
	"shoal/internal/record"
)

// with is the name with one more version.
func with(n merge.Name, v merge.Version) merge.Name {
	return merge.NameOf(append(slices.Clone(n), v)...)
}

// modelOf is what the records a node has mean, without a database: the entries
// that can be seen, by name.
func modelOf(ctx context.Context, n *node) (map[string]shoal.Entry, error) {
	names := make(map[string]merge.Name)
	puts := make(map[merge.Dot]merge.Put)
	for item, err := range n.journal.Replay(ctx, 0) {
		if err != nil {
			return nil, err
		}
		for _, r := range item.Records {
			dot := merge.Dot{Stamp: r.Stamp, Author: item.Author}
			if put, err := merge.ParsePut(r.Body); r.Kind == record.KindPut && err == nil {
				names[put.Name], puts[dot] = with(names[put.Name], put.Version(dot)), put
			}
			if drop, err := merge.ParseDrop(r.Body); r.Kind == record.KindDrop && err == nil {
				names[drop.Name] = with(names[drop.Name], drop.Version(dot))
			}
		}
	}
	model := make(map[string]shoal.Entry)
	show := func(name string, v merge.Version, conflict bool) {
		p := puts[v.Dot]
		model[name] = shoal.Entry{
			ID: p.File, Name: name, Size: p.Size, ChunkSize: int(p.ChunkSize), Copies: p.Copies, Added: p.Added, By: v.Author, Conflict: conflict,
		}
	}
	for name, n := range names {
		m, ok := n.Meaning()
		if !ok {
			continue
		}
		show(name, m.Current, false)
		for _, v := range m.Conflicts {
			show(merge.ConflictName(name, v.Dot), v, true)
		}
	}
	return model, nil
}

// shoalOf is a few nodes that write, and hear of each other now and then.
type shoalOf struct {
	ctx   context.Context
	nodes []*node
}

var (
	someNames = rapid.SampledFrom([]string{"a", "b", "a/b", "a/B c.txt", "a/bc/d.txt", "ä/Öl.PDF", "c%d_e", "long/name of a holiday photo.jpg"})
	someFiles = rapid.IntRange(0, 5)
)

func (s *shoalOf) one(t *rapid.T, label string) *node {
	return s.nodes[rapid.IntRange(0, len(s.nodes)-1).Draw(t, label)]
}

func (s *shoalOf) Put(t *rapid.T) {
	var batch []shoal.Entry
	for range rapid.IntRange(1, 3).Draw(t, "entries") {
		batch = append(batch, entry(someNames.Draw(t, "name"), someFiles.Draw(t, "file")))
	}
	if err := s.one(t, "node").Put(s.ctx, batch...); err != nil {
		t.Fatal(err)
	}
}

func (s *shoalOf) Drop(t *rapid.T) {
	n := s.one(t, "node")
	seen, err := n.List(s.ctx, shoal.ListRequest{})
	if err != nil || len(seen) == 0 {
		return
	}
	e := rapid.SampledFrom(seen).Draw(t, "entry")
	if err := n.Drop(s.ctx, e); err != nil {
		t.Fatal(err)
	}
	if left, err := n.List(s.ctx, shoal.ListRequest{Prefix: e.Name}); err != nil || slices.Contains(left, e) {
		t.Fatalf("what was removed is still there: %v, %v", left, err)
	}
}

func (s *shoalOf) Move(t *rapid.T) {
	n := s.one(t, "node")
	seen, err := n.List(s.ctx, shoal.ListRequest{})
	if err != nil || len(seen) == 0 {
		return
	}
	if err := n.Move(s.ctx, rapid.SampledFrom(seen).Draw(t, "entry"), someNames.Draw(t, "name")); err != nil {
		t.Fatal(err)
	}
}

func (s *shoalOf) Hear(t *rapid.T) {
	from, to := s.one(t, "from"), s.one(t, "to")
	var batches []journal.Piece
	for data, err := range from.journal.After(s.ctx, to.journal.Vector()) {
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, data)
	}
	if rapid.Bool().Draw(t, "cut short") {
		batches = batches[:len(batches)/2]
	}
	if _, err := to.journal.Take(s.ctx, batches); err != nil {
		t.Fatal(err)
	}
}

func (s *shoalOf) Wait(t *rapid.T) { s.one(t, "node").wait(time.Second) }

// Check holds each catalogue against what its records mean, and its search
// against a look at every name.
func (s *shoalOf) Check(t *rapid.T) {
	n := s.one(t, "checked")
	model, err := modelOf(s.ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := n.List(s.ctx, shoal.ListRequest{})
	if err != nil || !slices.IsSortedFunc(seen, func(a, b shoal.Entry) int { return strings.Compare(a.Name, b.Name) }) {
		t.Fatalf("list: %v, %v", seen, err)
	}
	got := make(map[string]shoal.Entry)
	for _, e := range seen {
		got[e.Name] = e
	}
	if diff := cmp.Diff(model, got); diff != "" {
		t.Fatalf("-model +catalogue:\n%s", diff)
	}
	checkSearch(t, n, seen)
}

func checkSearch(t *rapid.T, n *node, seen []shoal.Entry) {
	req := shoal.SearchRequest{
		Text:    rapid.SampledFrom([]string{"", "a", "B", "öl", "txt", "holiday photo", "photo HOLIDAY", "a/b*", "b*", "lo*", "%", "conflict", "x", `"`}).Draw(t, "text"),
		MinSize: rapid.Int64Range(0, 3).Draw(t, "min"),
		MaxSize: rapid.Int64Range(0, 4).Draw(t, "max"),
		Limit:   rapid.IntRange(1, 4).Draw(t, "limit"),
	}
	if rapid.Bool().Draw(t, "typed") {
		req.Types = []string{"txt", "PDF"}[:rapid.IntRange(1, 2).Draw(t, "types")]
	}
	var want, got []string
	for _, e := range seen {
		if answers(req, e) {
			want = append(want, e.Name)
		}
	}
	for {
		page, err := n.Search(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entries {
			got = append(got, e.Name)
		}
		if page.Next == "" {
			break
		}
		req.After = page.Next
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("search %+v, -want +got:\n%s", req, diff)
	}
}

// answers is a search as anyone would write it.
func answers(req shoal.SearchRequest, e shoal.Entry) bool {
	name, text := strings.ToLower(e.Name), strings.ToLower(req.Text)
	if start, ok := strings.CutSuffix(text, "*"); ok {
		if !strings.HasPrefix(name, start) && !strings.HasPrefix(path.Base(name), start) {
			return false
		}
		text = ""
	}
	for word := range strings.FieldsSeq(text) {
		if !strings.Contains(name, word) {
			return false
		}
	}
	typed := len(req.Types) == 0
	for _, ending := range req.Types {
		typed = typed || strings.HasSuffix(name, "."+strings.ToLower(ending))
	}
	return typed && e.Size >= req.MinSize && (req.MaxSize == 0 || e.Size <= req.MaxSize)
}

// checksOfOne is how many checks the same nodes serve, for opening them takes
// much longer than what is done with them.
const checksOfOne = 10

func TestAgainstModel(t *testing.T) {
	s := &shoalOf{ctx: t.Context()}
	checks := 0
	rapid.Check(t, func(rt *rapid.T) {
		if checks%checksOfOne == 0 {
			s.nodes = []*node{open(t), openAt(t, 2, t.TempDir()), openAt(t, 3, t.TempDir())}
		}
		checks++
		rt.Repeat(rapid.StateMachineActions(s))
		s.converge(rt)
		s.empty(rt)
	})
}

// empty removes everything, everywhere.
func (s *shoalOf) empty(t *rapid.T) {
	entries, err := s.nodes[0].List(s.ctx, shoal.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := s.nodes[0].Drop(s.ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	s.converge(t)
}

// converge has everyone hear of everyone, after which all have the same.
func (s *shoalOf) converge(t *rapid.T) {
	var lists []string
	for range 2 {
		for _, to := range s.nodes {
			for _, from := range s.nodes {
				var batches []journal.Piece
				for data, err := range from.journal.After(s.ctx, to.journal.Vector()) {
					if err != nil {
						t.Fatal(err)
					}
					batches = append(batches, data)
				}
				if _, err := to.journal.Take(s.ctx, batches); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, n := range s.nodes {
		entries, err := n.List(s.ctx, shoal.ListRequest{})
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, fmt.Sprint(entries))
	}
	if slices.Sort(lists); lists[0] != lists[len(lists)-1] {
		t.Fatalf("the nodes do not agree:\n%s", strings.Join(lists, "\n"))
	}
}
