package apitest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"shoal"
)

func checkRead(t *testing.T, s Subject) {
	for _, size := range []int{0, 1, ChunkSize, 100*ChunkSize + 7} {
		data := make([]byte, size)
		random := rand.New(rand.NewPCG(1, uint64(size)))
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		name := fmt.Sprintf("dir/file of %d", size)
		entry := s.Fake.Put(name, data)
		content, err := s.Node.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		same(t, entry, content.Entry())
		if got, err := io.ReadAll(content); err != nil || string(got) != string(data) {
			t.Errorf("read %d bytes, %v; want %d", len(got), err, size)
		}
		if n, err := content.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("read at the end: %d, %v; want io.EOF", n, err)
		}
		for range 20 {
			hop(t, random, content, data)
		}
		if _, err := content.Seek(-1, io.SeekStart); shoal.CodeOf(err) != shoal.Usage {
			t.Errorf("seek before the start: %v, want usage", err)
		}
		if err := content.Close(); err != nil {
			t.Error(err)
		}
	}
	_, err := s.Node.Open(t.Context(), "nothing")
	wantCode(t, err, shoal.NotFound)
}

// hop seeks somewhere, in one of three ways, and reads a little from there.
func hop(t *testing.T, random *rand.Rand, content shoal.Content, data []byte) {
	t.Helper()
	target := random.Int64N(int64(len(data)) + 1)
	here, err := content.Seek(0, io.SeekCurrent)
	if err != nil {
		t.Fatal(err)
	}
	whence := random.IntN(3)
	offset := map[int]int64{
		io.SeekStart: target, io.SeekCurrent: target - here, io.SeekEnd: target - int64(len(data)),
	}[whence]
	if at, err := content.Seek(offset, whence); err != nil || at != target {
		t.Fatalf("seek %d from %d: at %d, %v; want %d", offset, whence, at, err, target)
	}
	want := data[target:min(target+1500, int64(len(data)))]
	got := make([]byte, len(want))
	if _, err := io.ReadFull(content, got); err != nil || string(got) != string(want) {
		t.Fatalf("read %d bytes at %d of %d: %v", len(want), target, len(data), err)
	}
}

// checkReadRotten sees a reader get every good byte, then the reason.
func checkReadRotten(t *testing.T, s Subject) {
	data := make([]byte, 200*ChunkSize)
	entry := s.Fake.Put("half", data)
	s.Fake.Rot(entry.ID, 150)
	content, err := s.Node.Open(t.Context(), "half")
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	got, err := io.ReadAll(content)
	wantCode(t, err, shoal.Integrity)
	if len(got) != 150*ChunkSize || shoal.HintOf(err) == "" {
		t.Errorf("%d bytes and hint %q before the error, want %d and one", len(got), shoal.HintOf(err), 150*ChunkSize)
	}
	if _, err := content.Seek(151*ChunkSize, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(content); err != nil || len(rest) != 49*ChunkSize {
		t.Errorf("behind the rot: %d bytes, %v", len(rest), err)
	}
}

func checkList(t *testing.T, s Subject) {
	for _, name := range []string{"b/2", "a", "b/1", "c", "b/3", "ü"} {
		s.Fake.Put(name, []byte(name))
	}
	for _, c := range []struct {
		req  shoal.ListRequest
		want []string
	}{
		{shoal.ListRequest{}, []string{"a", "b/1", "b/2", "b/3", "c", "ü"}},
		{shoal.ListRequest{Prefix: "b/"}, []string{"b/1", "b/2", "b/3"}},
		{shoal.ListRequest{Prefix: "b/", After: "b/1", Limit: 1}, []string{"b/2"}},
		{shoal.ListRequest{Prefix: "ü"}, []string{"ü"}},
		{shoal.ListRequest{Prefix: "none"}, nil},
		{shoal.ListRequest{Limit: shoal.MaxList, After: "c"}, []string{"ü"}},
	} {
		entries, err := s.Node.List(t.Context(), c.req)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name)
		}
		same(t, c.want, names)
	}
	for _, limit := range []int{-1, shoal.MaxList + 1} {
		_, err := s.Node.List(t.Context(), shoal.ListRequest{Limit: limit})
		wantCode(t, err, shoal.Usage)
	}
}

func checkRemoveAndLink(t *testing.T, s Subject) {
	entry := s.Fake.Put("gone soon", []byte("x"))
	link, err := s.Node.Link(t.Context(), "gone soon")
	if err != nil {
		t.Fatal(err)
	}
	want, _ := s.Fake.Link(t.Context(), "gone soon")
	same(t, want, link)
	got, err := s.Node.Remove(t.Context(), shoal.RemoveRequest{Ref: entry.ID.String(), Now: true})
	if err != nil {
		t.Fatal(err)
	}
	same(t, entry, got)
	_, err = s.Node.Remove(t.Context(), shoal.RemoveRequest{Ref: entry.ID.String()})
	wantCode(t, err, shoal.NotFound)
	_, err = s.Node.Link(t.Context(), entry.Name)
	wantCode(t, err, shoal.NotFound)
}

func checkVerify(t *testing.T, s Subject) {
	good := s.Fake.Put("good", make([]byte, 5*ChunkSize))
	d := &diary{t: t}
	report, err := s.Node.Verify(t.Context(), "", d.watch)
	if err != nil {
		t.Fatal(err)
	}
	same(t, shoal.VerifyReport{Files: 1, Chunks: 5, Bytes: good.Size}, report)
	if len(d.events) != 2 {
		t.Errorf("%d events, want started and done", len(d.events))
	}
	lack := shoal.Lack{File: shoal.FileID{7}, Name: "gone", Chunks: 2, Of: 3}
	s.Fake.Lose(lack)
	report, err = s.Node.Verify(t.Context(), "", nil)
	wantCode(t, err, shoal.Partial)
	same(t, shoal.VerifyReport{Files: 1, Chunks: 5, Bytes: good.Size, Missing: []shoal.Lack{lack}}, report)
	s.Fake.Lose()
	bad := s.Fake.Put("bad", make([]byte, 9*ChunkSize-1))
	s.Fake.Rot(bad.ID, 3)
	s.Fake.Rot(bad.ID, 8)
	report, err = s.Node.Verify(t.Context(), "", nil)
	wantCode(t, err, shoal.Integrity)
	place := shoal.Place{Kind: shoal.PlaceStore, Chunks: 9}
	same(t, shoal.VerifyReport{
		Files: 2, Chunks: 14, Bytes: good.Size + bad.Size,
		Rotten: []shoal.Rot{{File: bad.ID, Name: "bad", Index: 3, Place: place}, {File: bad.ID, Name: "bad", Index: 8, Place: place}},
	}, report)
	if _, err = s.Node.Verify(t.Context(), "good", nil); err != nil {
		t.Errorf("verify of the good file alone: %v", err)
	}
	_, err = s.Node.Verify(t.Context(), "neither", nil)
	wantCode(t, err, shoal.NotFound)
}
