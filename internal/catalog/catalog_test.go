package catalog_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"shoal"
	"shoal/internal/catalog"
	"shoal/internal/journal"
	"shoal/internal/record"
)

const trash = 24 * time.Hour

// node is one node's catalogue, and the journal below it.
type node struct {
	*catalog.Catalog
	journal *journal.Journal
	mu      sync.Mutex
	wall    time.Time
}

func (n *node) now() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.wall
}

func (n *node) wait(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wall = n.wall.Add(d)
}

func keyOf(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func nodeID(n byte) shoal.NodeID {
	return record.NodeOf(keyOf(n).Public().(ed25519.PublicKey))
}

// openNode opens what lies in a folder, as the n-th node of the shoal that node
// 1 founded.
func openNode(ctx context.Context, n byte, dir string) (*node, error) {
	own := &node{wall: time.UnixMilli(1_700_000_000_000)}
	var err error
	own.Catalog, err = catalog.Open(ctx, filepath.Join(dir, "catalog.db"), catalog.Config{Now: own.now, Trash: trash})
	if err != nil {
		return nil, err
	}
	own.journal, err = journal.Open(ctx, filepath.Join(dir, "journal.db"), journal.Config{
		Shoal: nodeID(1), Key: keyOf(n), Now: own.now, Apply: own.Apply,
	})
	if err != nil {
		return nil, errors.Join(err, own.Catalog.Close())
	}
	return own, own.Follow(ctx, own.journal)
}

func (n *node) close() error { return errors.Join(n.Catalog.Close(), n.journal.Close()) }

func openAt(t testing.TB, n byte, dir string) *node {
	t.Helper()
	own, err := openNode(t.Context(), n, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := own.close(); err != nil {
			t.Error(err)
		}
	})
	return own
}

// open opens a new catalogue.
func open(t testing.TB) *node {
	t.Helper()
	return openAt(t, 1, t.TempDir())
}

// hear has a node hear all that another has heard.
func (n *node) hear(t testing.TB, other *node) {
	t.Helper()
	var batches []journal.Piece
	for data, err := range other.journal.After(t.Context(), n.journal.Vector()) {
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, data)
	}
	if _, err := n.journal.Take(t.Context(), batches); err != nil {
		t.Fatal(err)
	}
}

// fileID is the id of the n-th file; ids of small n share their last bytes.
func fileID(n int) shoal.FileID {
	var id shoal.FileID
	binary.BigEndian.PutUint64(id[:], uint64(n)*0x9e3779b97f4a7c15+1)
	id[shoal.FileIDSize-1] = 1
	return id
}

// entry is the n-th file under a name, as node 1 writes it.
func entry(name string, n int) shoal.Entry {
	return shoal.Entry{
		ID: fileID(n), Name: name, Size: int64(n), ChunkSize: 1 << 18, Copies: 2,
		Added: time.UnixMilli(1_700_000_000_000 + int64(n)).UTC(), By: nodeID(1),
	}
}

func put(t testing.TB, c *node, entries ...shoal.Entry) {
	t.Helper()
	for len(entries) > 0 {
		n := min(len(entries), catalog.MaxPut)
		if err := c.Put(t.Context(), entries[:n]...); err != nil {
			t.Fatal(err)
		}
		entries = entries[n:]
	}
}

// fill puts n entries of n files, in folders of a hundred.
func fill(t testing.TB, c *node, n int) []shoal.Entry {
	t.Helper()
	entries := make([]shoal.Entry, n)
	for i := range entries {
		entries[i] = entry(fmt.Sprintf("folder-%05d/file-%02d.bin", i/100, i%100), i)
	}
	put(t, c, entries...)
	return entries
}

// names is the names of all entries, with the numbers of their files.
func names(t testing.TB, c *node) []string {
	t.Helper()
	entries, err := c.List(t.Context(), shoal.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		name := e.Name
		if e.Conflict {
			before, _, _ := strings.Cut(name, " (conflict")
			name = before + " in conflict"
		}
		all = append(all, fmt.Sprintf("%s=%d", name, e.Size))
	}
	return all
}

func wantNames(t testing.TB, c *node, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, names(t, c)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPutRefuses(t *testing.T) {
	c := open(t)
	for what, spoil := range map[string]func(*shoal.Entry){
		"no id":           func(e *shoal.Entry) { e.ID = shoal.FileID{} },
		"no name":         func(e *shoal.Entry) { e.Name = "" },
		"name going up":   func(e *shoal.Entry) { e.Name = "../a" },
		"endless name":    func(e *shoal.Entry) { e.Name = strings.Repeat("a", shoal.MaxNameLength+1) },
		"negative size":   func(e *shoal.Entry) { e.Size = -1 },
		"odd chunk size":  func(e *shoal.Entry) { e.ChunkSize = 1000 },
		"fewer than none": func(e *shoal.Entry) { e.Copies = -1 },
		"year 10,000":     func(e *shoal.Entry) { e.Added = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		bad := entry("bad", 1)
		spoil(&bad)
		if err := c.Put(t.Context(), entry("good", 2), bad); shoal.CodeOf(err) != shoal.Usage {
			t.Errorf("%s: error %v, want %v", what, err, shoal.Usage)
		}
	}
	wantNames(t, c)
}

func TestVersionsAndTrash(t *testing.T) {
	c := open(t)
	put(t, c, entry("a", 1))
	put(t, c, entry("a", 2), entry("b", 3))
	wantNames(t, c, "a=2", "b=3")
	got, err := c.FromTrash(t.Context(), "a")
	want := shoal.Removed{Entry: entry("a", 1), Since: c.now().UTC(), Until: c.now().Add(trash).UTC()}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("in the trash: %v\n%s", err, diff)
	}
	if err := c.Drop(t.Context(), entry("b", 3)); err != nil {
		t.Fatal(err)
	}
	wantNames(t, c, "a=2")
	put(t, c, entry("b", 3)) // had back
	wantNames(t, c, "a=2", "b=3")
	if in, err := c.Trash(t.Context(), "b"); err != nil || len(in) != 0 {
		t.Errorf("what was had back is still in the trash: %v, %v", in, err)
	}
	c.wait(trash + time.Second)
	if _, err := c.FromTrash(t.Context(), "a"); !errors.Is(err, shoal.NotFound) || shoal.HintOf(err) == "" {
		t.Errorf("after the trash time: %v", err)
	}
}

// What was removed is found however much has been removed since.
func TestTrashIsDeep(t *testing.T) {
	c := open(t)
	for name, id := range map[string]int{"a": shoal.MaxList, "b": shoal.MaxList + 1} {
		put(t, c, entry(name, id))
		if err := c.Drop(t.Context(), entry(name, id)); err != nil {
			t.Fatal(err)
		}
	}
	c.wait(time.Second)
	for some := range slices.Chunk(fill(t, c, shoal.MaxList), catalog.MaxPut) {
		if err := c.Drop(t.Context(), some...); err != nil {
			t.Fatal(err)
		}
	}
	for ref, name := range map[string]string{"a": "a", fileID(shoal.MaxList + 1).String(): "b"} {
		if got, err := c.FromTrash(t.Context(), ref); err != nil || got.Name != name {
			t.Errorf("%s: %q, %v", ref, got.Name, err)
		}
	}
}

func TestMove(t *testing.T) {
	c := open(t)
	put(t, c, entry("a", 1), entry("b", 2))
	if err := c.Move(t.Context(), entry("a", 1), "b"); err != nil {
		t.Fatal(err)
	}
	wantNames(t, c, "b=1")
	if err := c.Move(t.Context(), entry("b", 1), "../b"); !errors.Is(err, shoal.Usage) {
		t.Errorf("to a name that climbs: %v", err)
	}
}

func TestTwoWritersOfOneName(t *testing.T) {
	a, b := open(t), openAt(t, 2, t.TempDir())
	put(t, a, entry("report.pdf", 1))
	b.wait(time.Second)
	put(t, b, entry("report.pdf", 2))
	a.hear(t, b)
	b.hear(t, a)
	for _, n := range []*node{a, b} {
		wantNames(t, n, "report in conflict=1", "report.pdf=2")
	}
	entries, err := b.List(t.Context(), shoal.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.Resolve(t.Context(), entries[0].Name); err != nil || got != entries[0] || !got.Conflict || got.By != nodeID(1) {
		t.Errorf("by its shown name: %+v, %v", got, err)
	}
	if err := b.Move(t.Context(), entries[0], "theirs.pdf"); err != nil {
		t.Fatal(err)
	}
	a.hear(t, b)
	for _, n := range []*node{a, b} {
		wantNames(t, n, "report.pdf=2", "theirs.pdf=1")
	}
}

func TestRemovalTakesWhatWasSeen(t *testing.T) {
	a, b := open(t), openAt(t, 2, t.TempDir())
	put(t, a, entry("a", 1))
	b.hear(t, a)
	put(t, a, entry("a", 2)) // b does not know
	if err := b.Drop(t.Context(), entry("a", 1)); err != nil {
		t.Fatal(err)
	}
	a.hear(t, b)
	b.hear(t, a)
	for _, n := range []*node{a, b} {
		wantNames(t, n, "a=2")
	}
}

func TestFiles(t *testing.T) {
	c := open(t)
	three := entry("other", 1)
	three.Copies = 3
	put(t, c, entry("a", 1), three, entry("b", 2))
	if err := c.Drop(t.Context(), entry("b", 2)); err != nil {
		t.Fatal(err)
	}
	var got []catalog.File
	for after := (shoal.FileID{}); ; {
		files, err := c.Files(t.Context(), after)
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == 0 {
			break
		}
		got, after = append(got, files...), files[len(files)-1].ID
	}
	want := []catalog.File{
		{ID: fileID(2), Size: 2, ChunkSize: 1 << 18, Copies: 2, Since: c.now().UTC()},
		{ID: fileID(1), Size: 1, ChunkSize: 1 << 18, Copies: 3, Live: true, Since: time.UnixMilli(0).UTC()},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, f := range want {
		if one, err := c.FileOf(t.Context(), f.ID); one != f || err != nil {
			t.Errorf("of one file: %+v, %v", one, err)
		}
	}
}

// The view can be thrown away: damaged, outdated or gone, it is made again from the
// journal, and so is what a power cut undid of it.
func TestMadeAgain(t *testing.T) {
	for what, spoil := range map[string]func(path string) error{
		"gone":    os.Remove,
		"damaged": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte{0xa5}, 9000), 0o600) },
		"empty":   func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"of an older version": func(path string) error { // what SQLite calls user_version, in the file's header
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = file.WriteAt([]byte{0, 0, 0, 2}, 60)
			return errors.Join(err, file.Close())
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			c, err := openNode(t.Context(), 1, dir)
			if err != nil {
				t.Fatal(err)
			}
			put(t, c, entry("a", 1), entry("a", 2), entry("b", 3))
			if err := errors.Join(c.close(), spoil(filepath.Join(dir, "catalog.db"))); err != nil {
				t.Fatal(err)
			}
			again := openAt(t, 1, dir)
			wantNames(t, again, "a=2", "b=3")
			if in, err := again.Trash(t.Context(), ""); err != nil || len(in) != 1 {
				t.Errorf("in the trash: %v, %v", in, err)
			}
		})
	}
}

// A catalogue does not take the places of one journal for those of another: that
// would hide what the other has there. It can still be read.
func TestStranded(t *testing.T) {
	for what, swap := range map[string]func(own, other string) error{
		"another journal": func(own, other string) error { return os.Rename(other, own) },
		"none":            func(own, _ string) error { return os.Remove(own) },
	} {
		t.Run(what, func(t *testing.T) {
			dir, elsewhere := t.TempDir(), t.TempDir()
			for folder, names := range map[string][]string{dir: {"a", "b"}, elsewhere: {"c", "d", "e"}} {
				c, err := openNode(t.Context(), 1, folder)
				if err != nil {
					t.Fatal(err)
				}
				for i, name := range names {
					put(t, c, entry(name, i+1))
				}
				if err := c.close(); err != nil {
					t.Fatal(err)
				}
			}
			if err := swap(filepath.Join(dir, "journal.db"), filepath.Join(elsewhere, "journal.db")); err != nil {
				t.Fatal(err)
			}
			c, err := openNode(t.Context(), 1, dir)
			if !errors.Is(err, catalog.ErrStranded) {
				t.Fatalf("it follows: %v", err)
			}
			wantNames(t, c, "a=1", "b=2")
			if err := c.close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A catalogue of a lost journal is set aside, its names come back, and it goes. Of two
// the older is kept.
func TestFollowAnew(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"first", "second", ""} {
		if name != "first" { // the journal is lost
			if err := os.Remove(filepath.Join(dir, "journal.db")); err != nil {
				t.Fatal(err)
			}
		}
		c, err := openNode(t.Context(), 1, dir)
		if errors.Is(err, catalog.ErrStranded) {
			err = c.FollowAnew(t.Context(), c.journal)
		}
		if err != nil {
			t.Fatal(err)
		}
		if there, err := c.Stranded(); err != nil || there != (name != "first") {
			t.Errorf("%q: a catalogue was set aside: %v, %v", name, there, err)
		}
		wantNames(t, c)
		if name != "" {
			put(t, c, entry(name, 1))
		}
		if err := c.close(); err != nil {
			t.Fatal(err)
		}
	}
	c := openAt(t, 1, dir)
	if n, err := c.RecoverStranded(t.Context(), nodeID(1)); n != 1 || err != nil {
		t.Errorf("recovered %d, %v, want 1", n, err)
	}
	wantNames(t, c, "first=1")
	if there, err := c.Stranded(); err != nil || there {
		t.Errorf("the catalogue that was set aside is still there: %v", err)
	}
	if n, err := c.RecoverStranded(t.Context(), nodeID(1)); n != 0 || err != nil {
		t.Errorf("once more: %d, %v", n, err)
	}
}

// Of what a stranded catalogue shows, only that is said again which the node said
// itself, and of which nothing is heard.
func TestRecover(t *testing.T) {
	lost, other := open(t), openAt(t, 1, t.TempDir())
	put(t, lost, entry("missing", 1), entry("known", 2), entry("removed", 3))
	put(t, other, entry("known", 4), entry("removed", 3))
	removed, err := other.Resolve(t.Context(), "removed")
	if err := errors.Join(err, other.Drop(t.Context(), removed)); err != nil {
		t.Fatal(err)
	}
	if n, err := other.Recover(t.Context(), lost.Catalog, nodeID(2)); n != 0 || err != nil {
		t.Errorf("as another node: %d, %v", n, err)
	}
	for _, want := range []int{1, 0} {
		if n, err := other.Recover(t.Context(), lost.Catalog, nodeID(1)); n != want || err != nil {
			t.Errorf("recovered %d, %v, want %d", n, err, want)
		}
	}
	wantNames(t, other, "known=4", "missing=1")
}

// What Put returned from is there after a crash: the journal as it is at that
// moment, copied away while it is open, has it.
func TestPutIsDurable(t *testing.T) {
	dir, crashed := t.TempDir(), t.TempDir()
	c := openAt(t, 1, dir)
	fill(t, c, 500)
	put(t, c, entry("last", 501))
	for _, name := range []string{"journal.db", "journal.db-wal"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(crashed, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	after := openAt(t, 1, crashed)
	if n, err := after.Len(t.Context()); n != 501 || err != nil {
		t.Errorf("after a crash there are %d entries, %v; want 501", n, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	const callers, each = 16, 25
	c := open(t)
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := range each {
				e := entry(fmt.Sprintf("%d/%d", caller, i), caller*each+i)
				if err := c.Put(t.Context(), e, entry("shared", i)); err != nil {
					t.Error(err)
				}
				if got, err := c.Resolve(t.Context(), e.Name); got != e || err != nil {
					t.Errorf("read back %v, %v; want %v", got, err, e)
				}
				if i%5 == 4 {
					if err := c.Drop(t.Context(), e); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	left, err := c.List(t.Context(), shoal.ListRequest{Prefix: "3/"})
	if len(left) != each-each/5 || err != nil {
		t.Errorf("%d names of one caller are left, %v; want %d", len(left), err, each-each/5)
	}
	if got, err := c.List(t.Context(), shoal.ListRequest{Prefix: "shared"}); len(got) != 1 || err != nil {
		t.Errorf("the shared name is %v, %v; want one entry, none in conflict", got, err)
	}
}

func TestVoid(t *testing.T) {
	a, b := open(t), openAt(t, 2, t.TempDir())
	put(t, a, entry("a", 1))
	b.hear(t, a)
	put(t, b, entry("a", 2))
	put(t, b, entry("b", 3))
	a.hear(t, b)
	wantNames(t, a, "a=2", "b=3")
	items, err := a.journal.Void(t.Context(), nodeID(2), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Void(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	wantNames(t, a, "a=1")
	if found, err := a.Search(t.Context(), shoal.SearchRequest{Text: "a"}); err != nil || len(found.Entries) != 1 || found.Entries[0].Size != 1 {
		t.Errorf("search finds %v, %v", found, err)
	}
}

func TestSweep(t *testing.T) {
	c := open(t)
	for i := range 5 {
		put(t, c, entry("a", i))
	}
	put(t, c, entry("b", 9))
	if err := c.Drop(t.Context(), entry("b", 9)); err != nil {
		t.Fatal(err)
	}
	put(t, c, entry("c", 10))
	batches := func() (n int) {
		for _, err := range c.journal.After(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	if err := c.Sweep(t.Context()); err != nil || batches() != 8 {
		t.Fatalf("too early, %d batches are left, %v; want 8", batches(), err)
	}
	c.wait(31 * 24 * time.Hour)
	if err := c.Sweep(t.Context()); err != nil || batches() != 2 {
		t.Errorf("%d batches are left, %v; want those of a's meaning and of c", batches(), err)
	}
	wantNames(t, c, "a=4", "c=10")
	late := openAt(t, 2, t.TempDir())
	late.hear(t, c)
	wantNames(t, late, "a=4", "c=10")
}
