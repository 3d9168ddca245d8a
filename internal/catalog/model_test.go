package catalog_test

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/catalog"
)

// model is a catalogue as anyone would write it: the entries in the order they
// were put.
type model []shoal.Entry

func (m *model) put(e shoal.Entry) {
	*m = slices.DeleteFunc(*m, func(old shoal.Entry) bool { return old.Name == e.Name && old.ID == e.ID })
	*m = append(*m, e)
}

func (m *model) remove(id shoal.FileID) (removed model) {
	removed = m.where(func(e shoal.Entry) bool { return e.ID == id })
	*m = m.where(func(e shoal.Entry) bool { return e.ID != id })
	return removed
}

// where gives the entries that are so, the oldest first.
func (m model) where(so func(shoal.Entry) bool) (found model) {
	for _, e := range m {
		if so(e) {
			found = append(found, e)
		}
	}
	return found
}

func (m model) newestFirst() model {
	turned := slices.Clone(m)
	slices.Reverse(turned)
	return turned
}

// latest gives the last entry of each name that is so, by name.
func (m model) latest(so func(name string) bool) (found model) {
	byName := map[string]shoal.Entry{}
	for _, e := range m {
		byName[e.Name] = e
	}
	for name, e := range byName {
		if so(name) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b shoal.Entry) int { return cmp.Compare(a.Name, b.Name) })
	return found
}

func (m model) first(n int) model { return m[:min(n, len(m))] }

func (m model) list(req shoal.ListRequest) model {
	return m.latest(func(name string) bool { return strings.HasPrefix(name, req.Prefix) && name > req.After }).first(req.Limit)
}

func (m model) match(name, after string, limit int) model {
	if strings.HasSuffix(name, "/") {
		return m.list(shoal.ListRequest{Prefix: name, After: after, Limit: limit})
	}
	if exact := m.latest(func(n string) bool { return n == name }); len(exact) > 0 {
		return exact
	}
	based := m.latest(func(n string) bool { return strings.HasSuffix(n, "/"+name) && !strings.Contains(name, "/") })
	if len(based) != 1 {
		return nil
	}
	return based
}

// resolve gives what ref may mean, the most likely rule first.
func (m model) resolve(ref string) (shoal.Entry, shoal.Code) {
	byID := m.where(func(e shoal.Entry) bool { return e.ID.String() == strings.ToLower(ref) }).newestFirst()
	byName := m.where(func(e shoal.Entry) bool { return e.Name == ref }).newestFirst()
	byPrefix := m.where(func(e shoal.Entry) bool { return strings.HasPrefix(e.ID.String(), strings.ToLower(ref)) }).newestFirst()
	switch {
	case len(byID) > 0:
		return byID[0], 0
	case len(byName) > 0:
		return byName[0], 0
	case len(ref) < shoal.MinPrefix || len(byPrefix) == 0:
		return shoal.Entry{}, shoal.NotFound
	case len(byPrefix.where(func(e shoal.Entry) bool { return e.ID != byPrefix[0].ID })) > 0:
		return shoal.Entry{}, shoal.Usage
	}
	return byPrefix[0], 0
}

// Few names and files, so that they meet; some look like each other's ids.
var (
	someNames = rapid.SampledFrom([]string{
		"a", "b", "A", "a/b", "a/c", "a%b", "a_b", "axb", "ä/ö", "ä/b", "a/b c/d", "a\U0010ffff", "zz/c", "00000001",
		fileID(0).String(), fileID(1).String()[:10], fileID(1).String() + "/x", strings.ToUpper(fileID(2).String()),
	})
	someFiles = rapid.IntRange(0, 5)
	someRefs  = rapid.OneOf(someNames, rapid.Custom(func(t *rapid.T) string {
		digits := fileID(someFiles.Draw(t, "file")).String()
		if rapid.Bool().Draw(t, "upper") {
			digits = strings.ToUpper(digits)
		}
		return digits[:rapid.SampledFrom([]int{7, 8, 9, 40, 64}).Draw(t, "digits")]
	}))
)

// machine holds a catalogue against the model.
type machine struct {
	ctx   context.Context
	path  string
	c     *catalog.Catalog
	model model
}

func (m *machine) Put(t *rapid.T) {
	batch := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) shoal.Entry {
		return entry(someNames.Draw(t, "name"), someFiles.Draw(t, "file"))
	}), 0, 4).Draw(t, "entries")
	for i := range batch {
		m.model.put(batch[i])
	}
	if err := m.c.Put(m.ctx, batch...); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) Remove(t *rapid.T) {
	id := fileID(someFiles.Draw(t, "file"))
	got, err := m.c.Remove(m.ctx, id)
	slices.SortFunc(got, func(a, b shoal.Entry) int { return cmp.Compare(a.Name, b.Name) })
	want := m.model.remove(id).latest(func(string) bool { return true })
	m.same(t, got, want, err)
}

func (m *machine) List(t *rapid.T) {
	req := shoal.ListRequest{
		Prefix: rapid.SampledFrom([]string{"", "a", "a/", "a%", "a_", "A", "ä", "\xc3", "z", "\xff"}).Draw(t, "prefix"),
		After:  rapid.OneOf(rapid.Just(""), someNames).Draw(t, "after"),
		Limit:  rapid.IntRange(1, 5).Draw(t, "limit"),
	}
	got, err := m.c.List(m.ctx, req)
	m.same(t, got, m.model.list(req), err)
}

func (m *machine) Match(t *rapid.T) {
	name := rapid.OneOf(someNames, rapid.SampledFrom([]string{"a/", "ä/", "/", "", "c", "d", "c/d", "x"})).Draw(t, "name")
	after := rapid.OneOf(rapid.Just(""), someNames).Draw(t, "after")
	limit := rapid.IntRange(1, 5).Draw(t, "limit")
	got, err := m.c.Match(m.ctx, name, after, limit)
	m.same(t, got, m.model.match(name, after, limit), err)
}

func (m *machine) Resolve(t *rapid.T) {
	ref := someRefs.Draw(t, "ref")
	want, code := m.model.resolve(ref)
	got, err := m.c.Resolve(m.ctx, ref)
	if code != 0 {
		if shoal.CodeOf(err) != code || shoal.HintOf(err) == "" {
			t.Fatalf("Resolve(%q): error %v with hint %q, want %v with a hint", ref, err, shoal.HintOf(err), code)
		}
		return
	}
	m.same(t, []shoal.Entry{got}, []shoal.Entry{want}, err)
}

func (m *machine) Versions(t *rapid.T) {
	name := someNames.Draw(t, "name")
	got, err := m.c.Versions(m.ctx, name)
	m.same(t, got, m.model.where(func(e shoal.Entry) bool { return e.Name == name }).newestFirst(), err)
}

func (m *machine) Names(t *rapid.T) {
	id := fileID(someFiles.Draw(t, "file"))
	got, err := m.c.Names(m.ctx, id)
	var want []string
	for _, e := range m.model.where(func(e shoal.Entry) bool { return e.ID == id }).newestFirst() {
		want = append(want, e.Name)
	}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("names %q, %v; want %q", got, err, want)
	}
}

func (m *machine) Reopen(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "seldom") != 0 {
		return // it takes much longer than the others
	}
	if err := m.c.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if m.c, err = catalog.Open(m.ctx, m.path); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) Check(t *rapid.T) {
	if n, err := m.c.Len(m.ctx); err != nil || n != len(m.model) {
		t.Fatalf("Len is %d, %v; want %d", n, err, len(m.model))
	}
}

func (m *machine) same(t *rapid.T, got, want []shoal.Entry, err error) {
	if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Fatalf("error %v; -want +got:\n%s", err, diff)
	}
}

func TestAgainstModel(t *testing.T) {
	m := &machine{ctx: t.Context(), path: filepath.Join(t.TempDir(), "catalog.db")}
	var err error
	if m.c, err = catalog.Open(m.ctx, m.path); err != nil {
		t.Fatal(err)
	}
	defer func() { m.c.Close() }()
	rapid.Check(t, func(t *rapid.T) {
		for _, e := range m.model {
			if _, err := m.c.Remove(m.ctx, e.ID); err != nil {
				t.Fatal(err)
			}
		}
		m.model = nil
		t.Repeat(rapid.StateMachineActions(m))
	})
}
