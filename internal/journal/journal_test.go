package journal_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"shoal"
	"shoal/internal/journal"
	"shoal/internal/record"
	"shoal/internal/sqlite"
)

func keyOf(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func nodeOf(n byte) shoal.NodeID {
	return record.NodeOf(keyOf(n).Public().(ed25519.PublicKey))
}

// node is one node's journal, and what was applied from it.
type node struct {
	*journal.Journal
	applied []journal.Item
	wall    time.Time
}

// open opens the n-th node's journal of the shoal that node 1 founded.
func open(t *testing.T, n byte, path string, admits func(record.Batch) error) *node {
	t.Helper()
	own := &node{wall: time.UnixMilli(1_700_000_000_000)}
	j, err := journal.Open(t.Context(), path, journal.Config{
		Shoal: nodeOf(1), Key: keyOf(n), Now: func() time.Time { return own.wall },
		Admits: admits, Apply: func(items []journal.Item) { own.applied = append(own.applied, items...) },
	})
	if err != nil {
		t.Fatal(err)
	}
	own.Journal = j
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return own
}

func newNode(t *testing.T, n byte) *node {
	return open(t, n, filepath.Join(t.TempDir(), "journal.db"), nil)
}

// say has a node say texts, each in a batch of its own.
func (n *node) say(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		_, err := n.Append(t.Context(), func(next func() record.Stamp) ([]record.Record, error) {
			return []record.Record{{Stamp: next(), Kind: 200, Body: []byte(text)}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// texts is what was applied.
func (n *node) texts() []string {
	var texts []string
	for _, item := range n.applied {
		for _, r := range item.Records {
			texts = append(texts, string(r.Body))
		}
	}
	return texts
}

// gives is all that a node would give to one that has nothing after have.
func (n *node) gives(t *testing.T, have record.Vector) []journal.Piece {
	t.Helper()
	var all []journal.Piece
	for data, err := range n.After(t.Context(), have) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

func (n *node) takes(t *testing.T, batches []journal.Piece) journal.Taken {
	t.Helper()
	taken, err := n.Take(t.Context(), batches)
	if err != nil {
		t.Fatal(err)
	}
	return taken
}

func wantTexts(t *testing.T, n *node, want ...string) {
	t.Helper()
	if got := n.texts(); !slices.Equal(got, want) {
		t.Errorf("applied %q, want %q", got, want)
	}
}

func TestWhatOneSaysAnotherHears(t *testing.T) {
	a, b, c := newNode(t, 1), newNode(t, 2), newNode(t, 3)
	a.say(t, "one", "two")
	b.say(t, "three")
	b.takes(t, a.gives(t, b.Vector()))
	wantTexts(t, b, "three", "one", "two")
	if taken := c.takes(t, b.gives(t, c.Vector())); taken.New != 3 {
		t.Errorf("%d batches were new to one who had none, want 3", taken.New)
	}
	if taken := c.takes(t, a.gives(t, nil)); taken.New != 0 {
		t.Errorf("%d batches were new, want none", taken.New)
	}
	if got := a.gives(t, c.Vector()); len(got) != 0 {
		t.Errorf("%d batches for one who has all", len(got))
	}
}

func TestStampsGoOnAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	a := open(t, 1, path, nil)
	a.wall = a.wall.Add(time.Hour)
	a.say(t, "one")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, 1, path, nil) // its clock is an hour behind
	again.say(t, "two")
	first, second := a.applied[0], again.applied[0]
	if second.Seq != 2 || second.Records[0].Stamp <= first.Records[0].Stamp || second.Place <= first.Place {
		t.Errorf("after %+v came %+v", first, second)
	}
	var replayed []string
	for item, err := range again.Replay(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		replayed = append(replayed, string(item.Records[0].Body))
	}
	if want := []string{"one", "two"}; !slices.Equal(replayed, want) {
		t.Errorf("replayed %q, want %q", replayed, want)
	}
}

func TestLaterWritesComeLater(t *testing.T) {
	a, b := newNode(t, 1), newNode(t, 2)
	a.wall = a.wall.Add(300 * 24 * time.Hour)
	a.say(t, "from a clock that is ahead")
	b.takes(t, a.gives(t, nil))
	b.say(t, "later")
	if heard, said := b.applied[0].Records[0].Stamp, b.applied[1].Records[0].Stamp; said <= heard {
		t.Errorf("stamp %d after having heard %d", said, heard)
	}
}

func TestFarFutureIsPutOff(t *testing.T) {
	a, b := newNode(t, 1), newNode(t, 2)
	a.say(t, "one")
	a.wall = a.wall.Add(2 * record.MaxAhead)
	a.say(t, "two")
	taken := b.takes(t, a.gives(t, nil))
	if taken.New != 1 || taken.PutOff != 1 || !errors.Is(taken.Reason, record.ErrAhead) {
		t.Fatalf("%+v, want one taken and one put off", taken)
	}
	b.wall = b.wall.Add(2 * record.MaxAhead)
	b.takes(t, a.gives(t, b.Vector()))
	wantTexts(t, b, "one", "two")
}

func TestPutOffHoldsUpTheAuthor(t *testing.T) {
	refused := errors.New("not on the roster")
	known := false
	b := open(t, 2, filepath.Join(t.TempDir(), "journal.db"), func(batch record.Batch) error {
		if batch.Author == nodeOf(3) && batch.Seq == 1 && !known {
			return refused
		}
		return nil
	})
	a, c := newNode(t, 1), newNode(t, 3)
	a.say(t, "a1")
	c.say(t, "c1", "c2")
	a.takes(t, c.gives(t, nil))
	taken := b.takes(t, a.gives(t, nil))
	if taken.New != 1 || taken.PutOff != 2 || !errors.Is(taken.Reason, refused) {
		t.Fatalf("%+v, want one taken and two put off", taken)
	}
	known = true
	b.takes(t, a.gives(t, b.Vector()))
	wantTexts(t, b, "a1", "c1", "c2")
}

func TestGapsAreNotJumped(t *testing.T) {
	a, b := newNode(t, 1), newNode(t, 2)
	a.say(t, "one", "two", "three")
	if taken := b.takes(t, a.gives(t, nil)[1:]); taken.New != 0 || taken.PutOff != 2 {
		t.Errorf("%+v, want all put off", taken)
	}
	b.takes(t, a.gives(t, nil))
	wantTexts(t, b, "one", "two", "three")
}

func TestForgeriesAreRefused(t *testing.T) {
	a, b := newNode(t, 1), newNode(t, 2)
	a.say(t, "one", "two")
	batches := a.gives(t, nil)
	data := batches[1].Data
	data[len(data)-1] ^= 1
	if _, err := b.Take(t.Context(), batches); !errors.Is(err, record.ErrForged) {
		t.Errorf("a changed batch: %v, want ErrForged", err)
	}
	if _, err := b.Take(t.Context(), []journal.Piece{{Data: []byte("nonsense")}}); !errors.Is(err, record.ErrMalformed) {
		t.Errorf("nonsense: %v, want ErrMalformed", err)
	}
	wantTexts(t, b)
}

func TestForgottenBatchesAreNotMissed(t *testing.T) {
	a, b := newNode(t, 1), newNode(t, 2)
	a.say(t, "one", "two", "three")
	if err := a.Forget(t.Context(), a.applied); err != nil {
		t.Fatal(err)
	}
	b.takes(t, a.gives(t, nil))
	wantTexts(t, b, "three") // the last stays, to say how far a is
	if got := a.gives(t, b.Vector()); len(got) != 0 {
		t.Errorf("%d batches are still missing", len(got))
	}
}

func TestVoid(t *testing.T) {
	a, b := newNode(t, 1), newNode(t, 2)
	a.say(t, "one", "two", "three")
	b.takes(t, a.gives(t, nil))
	voided, err := b.Void(t.Context(), nodeOf(1), 1)
	if err != nil || len(voided) != 2 {
		t.Fatalf("%d batches voided, %v; want 2", len(voided), err)
	}
	if got := b.gives(t, nil); len(got) != 1 {
		t.Errorf("%d batches are given on, want 1", len(got))
	}
	// One that has heard it and one that never will are equally far.
	c := newNode(t, 3)
	c.takes(t, a.gives(t, nil)[:1])
	if diff := cmp.Diff(c.Vector(), b.Vector()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(c.Applied(), b.Applied()); diff != "" {
		t.Error(diff)
	}
	if _, err := b.Void(t.Context(), nodeOf(1), 0); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(newNode(t, 4).Vector(), b.Vector()); diff != "" {
		t.Error(diff)
	}
}

func TestManyAtOnce(t *testing.T) {
	a, b := newNode(t, 1), newNode(t, 2)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				a.say(t, "x")
			}
		})
		wg.Go(func() {
			for range 10 {
				b.takes(t, a.gives(t, b.Vector()))
			}
		})
	}
	wg.Wait()
	b.takes(t, a.gives(t, b.Vector()))
	if len(a.applied) != 100 || len(b.applied) != 100 {
		t.Errorf("applied %d and %d batches, want 100", len(a.applied), len(b.applied))
	}
	for i, item := range b.applied {
		if item.Seq != uint64(i+1) {
			t.Fatalf("batch %d came as number %d", item.Seq, i+1)
		}
	}
}

func TestRepair(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	a := open(t, 1, path, nil)
	for range 200 {
		a.say(t, "a text of a hundred characters or so, so that there are a good many pages in the database to be damaged")
	}
	if err := a.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := (len(data)/2 + bytes.Index(data[len(data)/2:], []byte("a text of a hundred"))) &^ 4095
	clear(data[page : page+4096])
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := check(t.Context(), path); !errors.Is(err, sqlite.ErrDamaged) || shoal.HintOf(err) == "" {
		t.Fatalf("error %v with hint %q, want ErrDamaged with a hint", err, shoal.HintOf(err))
	}
	report, err := journal.Repair(t.Context(), path, nodeOf(1))
	if err != nil || report.Saved < 120 || report.Saved >= 200 {
		t.Fatalf("%+v, %v", report, err)
	}
	if kept, err := os.ReadFile(report.Aside); err != nil || !bytes.Equal(kept, data) {
		t.Errorf("the damaged journal was not kept (%v)", err)
	}
	again := open(t, 1, path, nil)
	if err := again.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if got := again.Vector()[nodeOf(1)]; got != 200 {
		t.Errorf("the last batch saved is %d, want 200", got)
	}
	if !again.Moved() {
		t.Error("a mended journal is taken for the one it was")
	}
}

// A journal knows a copy of itself, until it is told that this is the one. Under
// another name it is still the same.
func TestMoved(t *testing.T) {
	folder := t.TempDir()
	here, there, renamed := filepath.Join(folder, "here.db"), filepath.Join(folder, "there.db"), filepath.Join(folder, "renamed.db")
	moved := func(path string, settle bool) bool {
		t.Helper()
		j, err := journal.Open(t.Context(), path, journal.Config{Shoal: nodeOf(1), Key: keyOf(1), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		so := j.Moved()
		if settle {
			err = j.Settle(t.Context())
		}
		if err = errors.Join(err, j.Close()); err != nil || settle && j.Moved() {
			t.Fatal(err, j.Moved())
		}
		return so
	}
	for range 2 {
		if moved(here, false) {
			t.Error("one that was made here is called moved")
		}
	}
	data, err := os.ReadFile(here)
	if err != nil {
		t.Fatal(err)
	}
	for made := bornAt(t, here); bornAt(t, there) <= made; { // the clock of the file system is coarse
		if err := errors.Join(os.RemoveAll(there), os.WriteFile(there, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if !moved(there, false) || !moved(there, true) || moved(there, false) {
		t.Error("a copy is to be called moved until it is settled")
	}
	if err := os.Rename(there, renamed); err != nil {
		t.Fatal(err)
	}
	if moved(renamed, false) {
		t.Error("one that has another name is called moved")
	}
}

// bornAt is when a file was made, in nanoseconds, or 0 if there is none.
func bornAt(t *testing.T, path string) int64 {
	t.Helper()
	var stat unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BTIME, &stat); err != nil {
		return 0
	}
	if stat.Mask&unix.STATX_BTIME == 0 {
		t.Fatal("the file system of the temporary folder does not tell when a file was made")
	}
	return stat.Btime.Sec*1e9 + int64(stat.Btime.Nsec)
}

// TestRepairedJournalGetsTheRest damages each page of a joined node's journal in
// turn. What its founder gives the repaired one must be all that it lacks.
func TestRepairedJournalGetsTheRest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	a, b := newNode(t, 1), open(t, 2, path, nil)
	for i := range 60 {
		a.say(t, "a text of a hundred characters or so, so that there are a good many pages in the database to be damaged")
		if i%10 == 0 {
			b.say(t, "what the joined node says")
			a.takes(t, b.gives(t, a.Vector()))
		}
	}
	if err := a.Forget(t.Context(), a.applied[5:8]); err != nil {
		t.Fatal(err)
	}
	b.takes(t, a.gives(t, b.Vector()))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for page := 1; page < len(data)/4096; page++ {
		spoiled, at := bytes.Clone(data), filepath.Join(t.TempDir(), "journal.db")
		copy(spoiled[page*4096:], bytes.Repeat([]byte{0xa5}, 4096))
		if err := os.WriteFile(at, spoiled, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := journal.Repair(t.Context(), at, nodeOf(1)); err != nil {
			t.Fatalf("page %d: %v", page, err)
		}
		again := open(t, 2, at, nil)
		again.takes(t, a.gives(t, again.Vector()))
		if got := len(again.gives(t, nil)); got != len(a.gives(t, nil)) {
			t.Errorf("page %d: %d batches in the end, want %d", page, got, len(a.gives(t, nil)))
		}
	}
}

func check(ctx context.Context, path string) error {
	j, err := journal.Open(ctx, path, journal.Config{Shoal: nodeOf(1), Key: keyOf(1), Now: time.Now})
	if err != nil {
		return err
	}
	return errors.Join(j.Check(ctx), j.Close())
}

// Whoever awaits what an author said goes on when it has been applied.
func TestAwait(t *testing.T) {
	a, b := newNode(t, 1), newNode(t, 2)
	if !b.Await(t.Context(), nodeOf(1), 0) {
		t.Error("nothing has to be waited for")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if b.Await(ended, nodeOf(1), 1) {
		t.Error("what was not said was heard")
	}
	applied := make(chan int)
	go func() {
		b.Await(t.Context(), nodeOf(1), 2)
		applied <- len(b.applied)
	}()
	a.say(t, "one", "two")
	b.takes(t, a.gives(t, nil))
	if n := <-applied; n != 2 {
		t.Errorf("%d of 2 batches had been applied", n)
	}
}
