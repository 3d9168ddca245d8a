package change_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/catalog"
	"shoal/internal/catalog/change"
)

// fake is a catalogue in memory, without conflicts.
type fake struct {
	mu     sync.Mutex // guards the rest
	names  map[string]shoal.Entry
	trash  map[string]shoal.Entry
	writes []int // entries of each write
	fail   error // of the next writes
}

func newFake() *fake {
	return &fake{names: make(map[string]shoal.Entry), trash: make(map[string]shoal.Entry)}
}

func (f *fake) Resolve(ctx context.Context, ref string) (shoal.Entry, error) {
	if id, err := shoal.ParseFileID(ref); err == nil {
		all, _ := f.Of(ctx, id)
		if len(all) > 0 {
			return all[0], nil
		}
	}
	e, ok, _ := f.Named(ctx, ref)
	if !ok {
		return shoal.Entry{}, fmt.Errorf("%q: %w", ref, shoal.NotFound)
	}
	return e, nil
}

func (f *fake) Named(_ context.Context, name string) (shoal.Entry, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.names[name]
	return e, ok, nil
}

func (f *fake) Of(_ context.Context, id shoal.FileID) (all []shoal.Entry, _ error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(f.names)) {
		if f.names[name].ID == id {
			all = append(all, f.names[name])
		}
	}
	return all, nil
}

func (f *fake) FromTrash(_ context.Context, ref string) (shoal.Removed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.trash[ref]
	if !ok {
		return shoal.Removed{}, fmt.Errorf("%q: %w", ref, shoal.NotFound)
	}
	return shoal.Removed{Entry: e}, nil
}

func (f *fake) Change(_ context.Context, puts, drops []shoal.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	if len(puts)+len(drops) == 0 {
		return nil
	}
	f.writes = append(f.writes, len(puts)+len(drops))
	for _, e := range drops {
		if f.names[e.Name].ID == e.ID {
			f.trash[e.Name] = e
			delete(f.names, e.Name)
		}
	}
	for _, e := range puts {
		f.names[e.Name] = e
	}
	return nil
}

// changer changes the names of a fake. after is nil, or called with each Op.
func changer(f *fake, after func(change.Op) error) *change.Changer {
	return change.New(change.Config{
		Catalog: f, MayWrite: func() error { return nil },
		Unnamed: func(_ context.Context, id shoal.FileID) (shoal.Entry, error) {
			if id[0] == 0xcc {
				return shoal.Entry{ID: id, Size: 7}, nil
			}
			return shoal.Entry{}, shoal.NotFound
		},
		After: func(ctx context.Context, op change.Op) (shoal.Entry, error) {
			if after != nil {
				if err := after(op); err != nil {
					return op.Entry, err
				}
			}
			if op.Name != "" {
				return f.Resolve(ctx, op.Name)
			}
			return op.Entry, nil
		},
	})
}

func named(name string, file byte) shoal.Entry {
	return shoal.Entry{ID: shoal.FileID{file}, Name: name, Size: int64(file)}
}

func moving(ref, name string) shoal.ChangeItem {
	return shoal.ChangeItem{Move: &shoal.MoveRequest{Ref: ref, Name: name}}
}

func removing(ref string) shoal.ChangeItem {
	return shoal.ChangeItem{Remove: &shoal.RemoveRequest{Ref: ref}}
}

func undeleting(ref, name string) shoal.ChangeItem {
	return shoal.ChangeItem{Undelete: &shoal.UndeleteRequest{Ref: ref, Name: name}}
}

// outcome is the name or the code of the failure that a change ended with.
func outcome(e shoal.Entry, err error) string {
	if err != nil {
		return shoal.CodeOf(err).Word()
	}
	return e.Name
}

// Many changes at once have the outcome of one after the other, whatever depends on
// whatever.
func TestManyIsOneAfterTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		together, apart := newFake(), newFake()
		for i, name := range []string{"a", "b", "c", "d/a", "d/e"} {
			e := named(name, byte(i%3+1))
			together.names[name], apart.names[name] = e, e
		}
		ref := rapid.SampledFrom([]string{"a", "b", "c", "d/a", "d/e", "f", shoal.FileID{1}.String(), shoal.FileID{2}.String()})
		name := rapid.SampledFrom([]string{"a", "b", "c", "d/", "f", "g", ""})
		items := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) shoal.ChangeItem {
			switch rapid.IntRange(0, 6).Draw(t, "kind") {
			case 0, 1:
				return removing(ref.Draw(t, "ref"))
			case 2, 3:
				return undeleting(ref.Draw(t, "ref"), name.Draw(t, "name"))
			}
			item := moving(ref.Draw(t, "ref"), name.Draw(t, "name"))
			item.Move.Force = rapid.Bool().Draw(t, "force")
			return item
		}), 0, 12).Draw(t, "items")
		got, want := make([]string, len(items)), make([]string, len(items))
		changer(together, nil).Many(t.Context(), items, func(i int, e shoal.Entry, err error) { got[i] = outcome(e, err) })
		one := changer(apart, nil)
		for i, item := range items {
			want[i] = outcome(one.One(t.Context(), item))
		}
		if !slices.Equal(got, want) || !maps.Equal(together.names, apart.names) {
			t.Errorf("ended in %q with %v, want %q with %v", got, together.names, want, apart.names)
		}
	})
}

// Independent changes are few writes, each within the bound of the catalogue.
func TestManyIsFewWrites(t *testing.T) {
	f := newFake()
	var items []shoal.ChangeItem
	const many = 10 * catalog.MaxPut
	for i := range many {
		e := named(fmt.Sprint(i), 1)
		f.names[e.Name] = e
		items = append(items, moving(e.Name, "to/"))
	}
	var under, most int // changes that are made and not yet told of
	var mu sync.Mutex   // guards both
	c := changer(f, func(change.Op) error {
		mu.Lock()
		defer mu.Unlock()
		under++
		most = max(most, under)
		return nil
	})
	c.Many(t.Context(), items, func(i int, e shoal.Entry, err error) {
		if under--; err != nil || e.Name != fmt.Sprintf("to/%d", i) {
			t.Errorf("%d: %q, %v", i, e.Name, err)
		}
	})
	if most > many/2 {
		t.Errorf("%d changes were made before the first was told of, want groups", most)
	}
	if len(f.writes) > 2*many/catalog.MaxPut+1 || slices.Max(f.writes) > catalog.MaxPut {
		t.Errorf("%d changes are writes of %v entries", many, f.writes)
	}
}

// A write that fails is the outcome of each change in it; After is not called.
func TestFailedWrite(t *testing.T) {
	f := newFake()
	f.names["a"], f.names["b"], f.fail = named("a", 1), named("b", 2), shoal.NoSpace
	c := changer(f, func(op change.Op) error {
		t.Errorf("after %+v", op)
		return nil
	})
	ends := 0
	c.Many(t.Context(), []shoal.ChangeItem{moving("a", "x"), removing("b")}, func(i int, _ shoal.Entry, err error) {
		want := []string{"rename a: ", "remove b: "}[i]
		if ends++; !errors.Is(err, shoal.NoSpace) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%d ended with %v, want %q", i, err, want)
		}
	})
	if ends != 2 {
		t.Errorf("%d ended, want 2", ends)
	}
	if _, err := c.One(t.Context(), removing("b")); !errors.Is(err, shoal.NoSpace) || !strings.HasPrefix(err.Error(), "remove b: ") {
		t.Errorf("one alone: %v", err)
	}
}

// After is told what the change was, and its error is the change's.
func TestAfter(t *testing.T) {
	f := newFake()
	f.names["a"], f.names["d/b"], f.names["c"] = named("a", 1), named("d/b", 1), named("c", 2)
	var ops []change.Op
	c := changer(f, func(op change.Op) error {
		if ops = append(ops, op); op.Entry.ID[0] == 2 {
			return shoal.NoSpace
		}
		return nil
	})
	for i, item := range []shoal.ChangeItem{
		moving("a", "a"), moving("d/b", "e/"), removing("a"), undeleting("a", "x"), removing(shoal.FileID{1}.String()), removing("c"),
		removing(shoal.FileID{0xcc}.String()),
	} {
		if _, err := c.One(t.Context(), item); (err != nil) != (i == 5) {
			t.Errorf("%d: %v", i, err)
		}
	}
	for i, want := range []struct {
		name    string
		removal bool
		whole   bool
		size    int
	}{{"", false, false, 0}, {"e/b", false, false, 2}, {"", true, false, 1}, {"x", false, false, 1}, {"", true, true, 2}, {"", true, false, 1}, {"", true, true, 0}} {
		op := ops[i]
		if op.Name != want.name || (op.Remove != nil) != want.removal || op.Whole() != want.whole || len(op.Puts)+len(op.Drops) != want.size {
			t.Errorf("%d: %+v, want %+v", i, op, want)
		}
	}
}

// Refused changes write nothing and say what can be done.
func TestRefusals(t *testing.T) {
	f := newFake()
	f.names["a"], f.names["b"] = named("a", 1), named("b", 2)
	f.trash["a"] = named("a", 3)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		item shoal.ChangeItem
		want error
		hint string
	}{
		{t.Context(), shoal.ChangeItem{}, shoal.Usage, ""},
		{t.Context(), shoal.ChangeItem{Move: &shoal.MoveRequest{}, Remove: &shoal.RemoveRequest{}}, shoal.Usage, ""},
		{t.Context(), moving("a", "b"), shoal.Exists, "--force"},
		{t.Context(), moving("a", "../b"), shoal.Usage, "a name is like"},
		{t.Context(), moving("a", shoal.Link{ID: shoal.FileID{1}, Size: 1}.String()), shoal.Usage, ""},
		{t.Context(), moving(shoal.FileID{0xcc}.String(), "c"), shoal.NotFound, "shoal get"},
		{t.Context(), moving("none", "c"), shoal.NotFound, ""},
		{t.Context(), undeleting("a", ""), shoal.Exists, "--as NAME"},
		{t.Context(), undeleting("none", ""), shoal.NotFound, ""},
		{ended, removing("a"), context.Canceled, ""},
	} {
		if _, err := changer(f, nil).One(c.ctx, c.item); !errors.Is(err, c.want) || !strings.Contains(shoal.HintOf(err), c.hint) {
			t.Errorf("%+v: %v with hint %q, want %v with %q", c.item, err, shoal.HintOf(err), c.want, c.hint)
		}
	}
	reader := change.New(change.Config{Catalog: f, MayWrite: func() error { return shoal.Unauthorised }})
	for _, item := range []shoal.ChangeItem{moving("a", "c"), removing("a"), undeleting("a", "c")} {
		if _, err := reader.One(t.Context(), item); !errors.Is(err, shoal.Unauthorised) {
			t.Errorf("%+v of a reader: %v", item, err)
		}
	}
	if len(f.writes) > 0 {
		t.Errorf("%v entries were written", f.writes)
	}
}

// A reference may be a link, or a name that only begins like one.
func TestFind(t *testing.T) {
	f := newFake()
	odd := "shoal:notes"
	f.names["a"], f.names[odd] = named("a", 1), named(odd, 2)
	c := changer(f, nil)
	for ref, want := range map[string]string{
		"a": "a", odd: odd, shoal.Link{ID: shoal.FileID{1}, Size: 1, Name: path.Base("x/y")}.String(): "a", shoal.FileID{0xcc}.String(): "",
	} {
		if e, err := c.Find(t.Context(), ref); err != nil || e.Name != want {
			t.Errorf("%q: %+v, %v, want %q", ref, e, err, want)
		}
	}
	for ref, want := range map[string]error{"shoal:other": shoal.Usage, "none": shoal.NotFound, shoal.FileID{9}.String(): shoal.NotFound} {
		if e, err := c.Find(t.Context(), ref); !errors.Is(err, want) {
			t.Errorf("%q: %+v, %v, want %v", ref, e, err, want)
		}
	}
}
