package apitest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"lukechampine.com/blake3"

	"shoal"
)

func checkAdd(t *testing.T, s Subject) {
	const name, text = "photos/grün & blau?.txt", "a file of two chunks"
	path := write(t, "x", strings.Repeat(text, 100))
	d := &diary{t: t}
	err := s.Node.Add(t.Context(), shoal.AddRequest{Items: []shoal.AddItem{{Path: path, Name: name}}}, d.watch)
	if err != nil {
		t.Fatal(err)
	}
	want := shoal.FileID(blake3.Sum256([]byte(strings.Repeat(text, 100))))
	if done := d.last(shoal.EventDone); done.Entry == nil || done.Entry.ID != want || done.Done != done.Total {
		t.Errorf("done: %+v, want an entry with id %v", done, want)
	}
	if len(d.events) != 3 {
		t.Errorf("%d events, want started, progress and done", len(d.events))
	}
	info, err := s.Node.Info(t.Context(), name)
	if err != nil || info.ID != want {
		t.Errorf("info: %v, %v", info.ID, err)
	}
}

func checkAddPartly(t *testing.T, s Subject) {
	good, gone := write(t, "good", "good"), filepath.Join(t.TempDir(), "gone")
	items := []shoal.AddItem{{Path: gone, Name: "gone"}, {Path: good, Name: "../up"}, {Path: good, Name: "good"}}
	d := &diary{t: t}
	wantCode(t, s.Node.Add(t.Context(), shoal.AddRequest{Items: items}, d.watch), shoal.Partial)
	var codes []shoal.Code
	for _, e := range d.events {
		if e.Type == shoal.EventFailed {
			codes = append(codes, shoal.CodeOf(e.Err))
		}
	}
	same(t, []shoal.Code{shoal.NotFound, shoal.Usage}, codes)
	if d.last(shoal.EventDone).Name != "good" {
		t.Error("the file after the failures was not added")
	}
	wantCode(t, s.Node.Add(t.Context(), shoal.AddRequest{Items: items[:1]}, nil), shoal.NotFound)
}

// checkAddNothing sees that a request is bounded from both sides, where it is.
func checkAddNothing(t *testing.T, s Subject) {
	if s.Node == shoal.Node(s.Fake) {
		return // the little node itself takes anything
	}
	for _, n := range []int{0, shoal.MaxItems + 1} {
		wantCode(t, s.Node.Add(t.Context(), shoal.AddRequest{Items: make([]shoal.AddItem, n)}, nil), shoal.Usage)
		wantCode(t, s.Node.Get(t.Context(), shoal.GetRequest{Items: make([]shoal.GetItem, n)}, nil), shoal.Usage)
		wantCode(t, s.Node.Change(t.Context(), shoal.ChangeRequest{Items: make([]shoal.ChangeItem, n)}, nil), shoal.Usage)
	}
}

func checkGet(t *testing.T, s Subject) {
	data := []byte(strings.Repeat("bytes ", 1000))
	entry := s.Fake.Put("deep/in/here.bin", data)
	folder := t.TempDir()
	d := &diary{t: t}
	get := func(output string, req shoal.GetRequest) error {
		req.Items = []shoal.GetItem{{Ref: entry.Name, Output: output}}
		return s.Node.Get(t.Context(), req, d.watch)
	}
	if err := get(folder+"/", shoal.GetRequest{}); err != nil {
		t.Fatal(err)
	}
	done := d.last(shoal.EventDone)
	if got, err := os.ReadFile(done.Path); err != nil || string(got) != string(data) || done.Path != filepath.Join(folder, "here.bin") {
		t.Errorf("wrote %d bytes to %s, %v", len(got), done.Path, err)
	}
	if done.Stats == nil || done.Stats.Bytes != entry.Size || len(done.Stats.Sources) != 1 || d.last(shoal.EventSourceJoined).Source == nil {
		t.Errorf("done: %+v", done)
	}
	out := filepath.Join(folder, "new", "name")
	d = &diary{t: t}
	if err := get(out, shoal.GetRequest{}); err != nil {
		t.Fatal(err)
	}
	d = &diary{t: t}
	wantCode(t, get(out, shoal.GetRequest{}), shoal.Exists)
	d = &diary{t: t}
	if err := get(out, shoal.GetRequest{Force: true}); err != nil {
		t.Fatal(err)
	}
}

func checkGetFolder(t *testing.T, s Subject) {
	for _, name := range []string{"trip/a.txt", "trip/sub/b.txt", "trips.txt"} {
		s.Fake.Put(name, []byte(name))
	}
	folder := t.TempDir()
	items := []shoal.GetItem{{Ref: "trip/", Output: folder + "/"}}
	if err := s.Node.Get(t.Context(), shoal.GetRequest{Items: items}, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"trip/a.txt", "trip/sub/b.txt"} {
		if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || string(got) != name {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func checkRefs(t *testing.T, s Subject) {
	names := []string{"plain", "a b", "100%", "ü/ö", "q?x=1", "h#h", "a+b", "a%2Fb", "...", "..a/.b", "semi;colon", "&=", "shoalish"}
	for _, name := range names {
		entry := s.Fake.Put(name, []byte(name))
		link, err := s.Node.Link(t.Context(), name)
		if err != nil {
			t.Errorf("link of %q: %v", name, err)
		}
		for _, ref := range []string{name, entry.ID.String(), strings.ToUpper(entry.ID.String()[:12]), link.String()} {
			info, err := s.Node.Info(t.Context(), ref)
			if err != nil || info.ID != entry.ID {
				t.Errorf("%q: %v, %v; want %v", ref, info.ID, err, entry.ID)
			}
		}
	}
	for ref, want := range map[string]shoal.Code{
		"": shoal.Usage, ".": shoal.NotFound, "..": shoal.NotFound, "a/../plain": shoal.NotFound, "/": shoal.NotFound,
		"no such file": shoal.NotFound, "shoal:tooshort": shoal.Usage, "plain/link": shoal.NotFound,
	} {
		_, err := s.Node.Info(t.Context(), ref)
		if err == nil || shoal.CodeOf(err) != want {
			t.Errorf("%q: %v, want %v", ref, err, want)
		}
	}
}

func checkMany(t *testing.T, s Subject) {
	const callers = 16
	var all sync.WaitGroup
	for i := range callers {
		name := fmt.Sprintf("file %d", i)
		path := write(t, "f", strings.Repeat(name, 500))
		all.Go(func() {
			d := &diary{t: t}
			if err := s.Node.Add(t.Context(), shoal.AddRequest{Items: []shoal.AddItem{{Path: path, Name: name}}}, d.watch); err != nil {
				t.Error(err)
				return
			}
			if e := d.last(shoal.EventDone); e.Name != name {
				t.Errorf("the answer for %q is about %q", name, e.Name)
			}
		})
	}
	all.Wait()
	entries, err := s.Node.List(t.Context(), shoal.ListRequest{})
	if err != nil || len(entries) != callers {
		t.Errorf("%d entries, %v; want %d", len(entries), err, callers)
	}
}
