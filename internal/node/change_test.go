package node

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"shoal"
	"shoal/internal/catalog"
)

func moving(ref, name string) shoal.ChangeItem {
	return shoal.ChangeItem{Move: &shoal.MoveRequest{Ref: ref, Name: name}}
}

func removing(ref string) shoal.ChangeItem {
	return shoal.ChangeItem{Remove: &shoal.RemoveRequest{Ref: ref}}
}

func undeleting(ref, name string) shoal.ChangeItem {
	return shoal.ChangeItem{Undelete: &shoal.UndeleteRequest{Ref: ref, Name: name}}
}

// change has a node do several things, and gives what became of each: the name,
// or the code of the failure.
func (n *Node) change(t *testing.T, items ...shoal.ChangeItem) []string {
	t.Helper()
	ends := make([]string, len(items))
	err := n.Change(t.Context(), shoal.ChangeRequest{Items: items}, func(e shoal.Event) {
		if ends[e.Item] = e.Name; e.Type == shoal.EventFailed {
			ends[e.Item] = shoal.CodeOf(e.Err).Word()
		}
	})
	if slices.Contains(ends, "") {
		t.Fatalf("not all has ended: %q, %v", ends, err)
	}
	return ends
}

func (n *Node) names(t *testing.T) (names []string) {
	t.Helper()
	entries, err := n.List(t.Context(), shoal.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}

// What is to be done comes out as if one thing was done after the other.
func TestChangesAreInOrder(t *testing.T) {
	n := open(t, configOf(t, "alone"))
	ids := make(map[string]string)
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		path, _ := write(t, byte(i), 1000)
		ids[name] = n.add(t, path, name).ID.String()
	}
	twin, _ := write(t, 3, 1000)
	n.add(t, twin, "twin of d")
	for _, step := range []struct {
		name  string
		items []shoal.ChangeItem
		ends  []string
		left  []string
	}{
		{"a chain", []shoal.ChangeItem{moving("b", "x"), moving("a", "b"), moving("b", "dir/")}, []string{"x", "b", "dir/b"}, []string{"c", "d", "dir/b", "e", "twin of d", "x"}},
		{"two to one name", []shoal.ChangeItem{moving("c", "z"), moving("x", "z"), moving("e", "e")}, []string{"z", "exists", "e"}, []string{"d", "dir/b", "e", "twin of d", "x", "z"}},
		{"there and back", []shoal.ChangeItem{removing("z"), undeleting("z", "c"), removing("c"), removing("c")}, []string{"z", "c", "c", "not_found"}, []string{"d", "dir/b", "e", "twin of d", "x"}},
		{"by id", []shoal.ChangeItem{removing("d"), undeleting("d", ""), removing(ids["d"]), undeleting("twin of d", ""), moving(ids["d"], "d")}, []string{"d", "d", "d", "twin of d", "d"}, []string{"d", "dir/b", "e", "x"}},
		{"what cannot be", []shoal.ChangeItem{removing("x"), {}, {Move: &shoal.MoveRequest{Ref: "e", Name: "../e", Force: true}}, moving("e", "f")}, []string{"x", "usage", "usage", "f"}, []string{"d", "dir/b", "f"}},
	} {
		if ends := n.change(t, step.items...); !slices.Equal(ends, step.ends) {
			t.Errorf("%s: ended in %q, want %q", step.name, ends, step.ends)
		}
		if left := n.names(t); !slices.Equal(left, step.left) {
			t.Errorf("%s: left %q, want %q", step.name, left, step.left)
		}
	}
	if err := n.Change(t.Context(), shoal.ChangeRequest{Items: []shoal.ChangeItem{moving("x", "y")}}, nil); !errors.Is(err, shoal.NotFound) {
		t.Errorf("one that fails alone: %v", err)
	}
}

// Many changes are few batches of the journal, each of which costs a sync on every
// node.
func TestManyChangesAreFewBatches(t *testing.T) {
	n := open(t, configOf(t, "alone"))
	path, _ := write(t, 1, 1000)
	e := n.add(t, path, "first")
	const many = 5 * catalog.MaxPut // moves of them are more than one round
	var there, back, gone, again []shoal.ChangeItem
	for i := range many {
		name := fmt.Sprintf("dir/%d", i)
		if err := n.catalog.Put(t.Context(), shoal.Entry{ID: e.ID, Name: name, Size: e.Size, ChunkSize: e.ChunkSize, Copies: 1}); err != nil {
			t.Fatal(err)
		}
		there, back = append(there, moving(name, "to/")), append(back, moving(fmt.Sprintf("to/%d", i), "dir/"))
		gone, again = append(gone, removing(name)), append(again, undeleting(name, ""))
	}
	for _, step := range []struct {
		items []shoal.ChangeItem
		most  uint64 // batches
	}{{there, 10}, {back, 10}, {gone, 5}, {again, 5}} {
		before := n.journal.Upto(n.self())
		n.change(t, step.items...)
		if batches := n.journal.Upto(n.self()) - before; batches > step.most {
			t.Errorf("%d changes are %d batches, want %d at most", many, batches, step.most)
		}
	}
	if left := n.names(t); len(left) != many+1 {
		t.Errorf("%d names are left of %d", len(left), many+1)
	}
}
