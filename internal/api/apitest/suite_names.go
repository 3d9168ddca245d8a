package apitest

import (
	"testing"
	"time"

	"shoal"
)

func namesOf(entries []shoal.Entry) []string {
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}

func checkSearch(t *testing.T, s Subject) {
	for name, size := range map[string]int{"photos/Été à la mer.jpg": 5000, "photos/sea.png": 10, "notes/sea & sky?.txt": 300} {
		s.Fake.Put(name, make([]byte, size))
	}
	for _, c := range []struct {
		req  shoal.SearchRequest
		want []string
	}{
		{shoal.SearchRequest{}, []string{"notes/sea & sky?.txt", "photos/sea.png", "photos/Été à la mer.jpg"}},
		{shoal.SearchRequest{Text: "sea"}, []string{"notes/sea & sky?.txt", "photos/sea.png"}},
		{shoal.SearchRequest{Text: "& ?"}, []string{"notes/sea & sky?.txt"}},
		{shoal.SearchRequest{Text: "été MER"}, []string{"photos/Été à la mer.jpg"}},
		{shoal.SearchRequest{Types: []string{"png", "jpg"}}, []string{"photos/sea.png", "photos/Été à la mer.jpg"}},
		{shoal.SearchRequest{MinSize: 11, MaxSize: 4999}, []string{"notes/sea & sky?.txt"}},
		{shoal.SearchRequest{Since: Born().Add(time.Nanosecond)}, nil},
		{shoal.SearchRequest{Since: Born().In(time.FixedZone("", 3600)), Text: "png"}, []string{"photos/sea.png"}},
	} {
		page, err := s.Node.Search(t.Context(), c.req)
		if err != nil {
			t.Fatal(err)
		}
		same(t, c.want, namesOf(page.Entries))
	}
	first, err := s.Node.Search(t.Context(), shoal.SearchRequest{Limit: 2})
	if err != nil || len(first.Entries) != 2 || first.Next == "" {
		t.Fatalf("the first page: %+v, %v", first, err)
	}
	second, err := s.Node.Search(t.Context(), shoal.SearchRequest{Limit: 2, After: first.Next})
	if err != nil || len(second.Entries) != 1 || second.Next != "" {
		t.Fatalf("the second page: %+v, %v", second, err)
	}
	_, err = s.Node.Search(t.Context(), shoal.SearchRequest{After: "behind"})
	wantCode(t, err, shoal.Usage)
}

func checkMove(t *testing.T, s Subject) {
	entry := s.Fake.Put("a/old name.txt", []byte("x"))
	other := s.Fake.Put("b/taken", []byte("y"))
	moved, err := s.Node.Move(t.Context(), shoal.MoveRequest{Ref: entry.Name, Name: "b/"})
	if err != nil {
		t.Fatal(err)
	}
	want := entry
	want.Name = "b/old name.txt"
	same(t, want, moved)
	_, err = s.Node.Move(t.Context(), shoal.MoveRequest{Ref: moved.Name, Name: other.Name})
	wantCode(t, err, shoal.Exists)
	if shoal.HintOf(err) == "" {
		t.Error("nobody says what to do about it")
	}
	if moved, err = s.Node.Move(t.Context(), shoal.MoveRequest{Ref: entry.ID.String(), Name: other.Name, Force: true}); err != nil {
		t.Fatal(err)
	}
	want.Name = other.Name
	same(t, want, moved)
	_, err = s.Node.Move(t.Context(), shoal.MoveRequest{Ref: "nothing", Name: "c"})
	wantCode(t, err, shoal.NotFound)
}

func checkTrash(t *testing.T, s Subject) {
	entry := s.Fake.Put("a/gone.txt", []byte("x"))
	s.Fake.Put("a/same.txt", []byte("x"))
	if _, err := s.Node.Remove(t.Context(), shoal.RemoveRequest{Ref: entry.Name}); err != nil {
		t.Fatal(err)
	}
	left, err := s.Node.List(t.Context(), shoal.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, []string{"a/same.txt"}, namesOf(left))
	removed, err := s.Node.Trash(t.Context(), "a/g")
	if err != nil {
		t.Fatal(err)
	}
	same(t, []shoal.Removed{{Entry: entry, Since: Born(), Until: Born().Add(TrashTime)}}, removed)
	if none, err := s.Node.Trash(t.Context(), "b"); err != nil || len(none) != 0 {
		t.Errorf("below another name: %v, %v", none, err)
	}
	back, err := s.Node.Undelete(t.Context(), shoal.UndeleteRequest{Ref: entry.Name, Name: "a/back.txt"})
	if err != nil {
		t.Fatal(err)
	}
	want := entry
	want.Name = "a/back.txt"
	same(t, want, back)
	_, err = s.Node.Undelete(t.Context(), shoal.UndeleteRequest{Ref: entry.Name})
	wantCode(t, err, shoal.NotFound)
}

func checkChange(t *testing.T, s Subject) {
	entry := s.Fake.Put("a/x", []byte("x"))
	s.Fake.Put("a/y", []byte("y"))
	d := &diary{t: t}
	err := s.Node.Change(t.Context(), shoal.ChangeRequest{Items: []shoal.ChangeItem{
		{Move: &shoal.MoveRequest{Ref: "a/x", Name: "b/"}},
		{Remove: &shoal.RemoveRequest{Ref: "nothing"}},
		{Remove: &shoal.RemoveRequest{Ref: "b/x"}},
		{Undelete: &shoal.UndeleteRequest{Ref: "b/x", Name: "c"}},
	}}, d.watch)
	wantCode(t, err, shoal.Partial)
	if failed := d.last(shoal.EventFailed); failed.Item != 1 || shoal.CodeOf(failed.Err) != shoal.NotFound || shoal.HintOf(failed.Err) == "" {
		t.Errorf("item 1 ended in %+v", failed)
	}
	want := entry
	want.Name = "c"
	if done := d.last(shoal.EventDone); done.Item != 3 {
		t.Errorf("item 3 ended in %+v", done)
	} else {
		same(t, &want, done.Entry)
	}
	left, err := s.Node.List(t.Context(), shoal.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, []string{"a/y", "c"}, namesOf(left))
}
