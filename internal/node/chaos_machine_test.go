package node

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/datadir"
	"shoal/internal/network"
	"shoal/internal/storage/disk"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/quota"
	"shoal/internal/storage/vfs"
	"shoal/internal/storage/vfs/crashfs"
)

// machine is where a node runs, or will again. What it has is guarded by
// chaos.mu.
type machine struct {
	c        *chaos
	index    int
	dir      string
	disk     *crashfs.System // with the store's files; its databases, and what else the node writes, lie in dir
	capacity string
	ticket   string
	host     network.Host // the latest
	id       shoal.NodeID
	node     *Node // nil while it is off

	changing bool      // it is being started or stopped
	dark     bool      // nothing that it sends arrives any more
	offAt    time.Time // when it last went off
	leaving  bool      // it drains, to be removed
	drains   bool
	away     bool                            // it is off, and the others are to take over
	lost     bool                            // with its disk
	out      bool                            // off the roster, or never let in
	writes   int                             // that people are about
	counted  map[shoal.FileID]content.Bitmap // what counted when it went off
}

func (m *machine) String() string { return fmt.Sprintf("node%d", m.index) }

// machine adds one. The caller holds mu.
func (c *chaos) machine() *machine {
	m := &machine{c: c, index: len(c.machines), disk: crashfs.New()}
	m.dir = filepath.Join(c.dir, m.String())
	m.disk.Mkdir(filepath.Join(m.dir, datadir.Store))
	c.machines = append(c.machines, m)
	return m
}

// begin starts a machine that is off, as its owner would: with its ticket until it has
// heard that it was let in. The caller holds mu.
func (c *chaos) begin(m *machine) {
	m.changing = true
	ticket := m.ticket
	c.troubled = time.Now()
	capacity, err := quota.ParseCapacity(m.capacity)
	if err != nil {
		c.breach("%v", err)
		return
	}
	cfg := Config{
		Data: m.dir, Name: m.String(), Version: "test", Join: ticket, Capacity: capacity,
		RepairDelay: c.repair, TrimDelay: c.trim, Trash: trashTime, Scrub: c.scrub,
		network: m.connect, system: m.disk,
		Fail: func(err error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.breach("%v cannot go on: %v", m, err)
		},
	}
	c.running.Go(func() {
		n, err := Open(c.Context(), cfg)
		c.mu.Lock()
		defer c.mu.Unlock()
		m.changing = false
		c.troubled = time.Now()
		switch {
		case err == nil:
			m.node, m.id = n, n.self()
			c.note("%v is up", m)
			c.returned(m)
		case ticket != "":
			m.out = m.id == "" // else it is tried again
			c.note("%v does not get in: %v", m, err)
		default:
			c.breach("%v does not start again: %v", m, err)
		}
	})
}

// connect is what a node has in place of libp2p.
func (m *machine) connect(key ed25519.PrivateKey) (network.Host, error) {
	h := m.c.net.HostOf(m.String(), key)
	m.c.mu.Lock()
	defer m.c.mu.Unlock()
	m.host = h
	m.c.shape()
	return h, nil
}

// release takes a machine's node, to end it. It is nil if there is none, or
// something else is about it. What counts on the machine is noted: from now on
// nobody can ask it. The caller holds mu.
func (c *chaos) release(m *machine) *Node {
	n := m.node
	if n == nil || m.changing {
		return nil
	}
	if all, err := n.Nodes(c.Context()); err == nil && slices.ContainsFunc(all, func(o shoal.Member) bool { return o.ID == m.id }) {
		m.ticket = ""
	}
	m.counted = make(map[shoal.FileID]content.Bitmap)
	for _, f := range c.files {
		m.counted[f.ID] = c.own(m, f)
	}
	m.node, m.changing = nil, true
	m.offAt, c.troubled = time.Now(), time.Now()
	return n
}

// stop ends a node in good order.
func (c *chaos) stop(m *machine) {
	synctest.Wait()
	c.mu.Lock()
	n := c.release(m)
	if n != nil {
		c.note("%v stops", m)
	}
	c.mu.Unlock()
	if n == nil {
		return
	}
	err := n.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	err = errors.Join(err, c.recount(m)) // it may have deleted what is surplus on its way out
	m.changing = false
	if err != nil {
		c.breach("%v does not stop: %v", m, err)
	}
}

// recount notes what counts on a machine that was stopped. The caller holds mu.
func (c *chaos) recount(m *machine) error {
	store, err := disk.Open(c.Context(), filepath.Join(m.dir, datadir.Store), disk.Options{System: m.disk})
	if err != nil {
		return err
	}
	for _, f := range c.files {
		m.counted[f.ID] = c.in(m, store, f)
	}
	return store.Close()
}

// cutPower ends a node as a power cut does: nobody hears from it any more, of its
// chunks there is what was synced and by the dice some of the rest, and what it would have
// done to its folder on its way out is undone. Its databases keep all that they
// were given: they sync what they commit.
func (c *chaos) cutPower(m *machine, dice uint64) {
	synctest.Wait() // so that nobody is about the folder
	c.mu.Lock()
	n := c.release(m)
	if n == nil {
		c.mu.Unlock()
		return
	}
	c.note("the power of %v is cut", m)
	c.counts[cuts]++
	image, err := imageOf(m.dir)
	m.disk = m.disk.Crash(rand.New(rand.NewPCG(dice, 1)))
	m.dark = true
	c.shape()
	c.mu.Unlock()
	_ = n.Close() // which cannot write any more
	err = errors.Join(err, image.restore(m.dir))
	c.mu.Lock()
	defer c.mu.Unlock()
	m.dark, m.changing = false, false
	c.troubled = time.Now()
	if err != nil {
		c.breach("the folder of %v cannot be put back: %v", m, err)
	}
}

// image is the files of a folder, by path.
type image map[string][]byte

// walk calls do with every file below a folder but for the indexes of write-ahead
// logs, which lie in memory.
func walk(dir string, do func(path string) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "-shm") {
			return err
		}
		return do(path)
	})
}

func imageOf(dir string) (image, error) {
	files := make(image)
	err := walk(dir, func(path string) (err error) {
		files[path], err = os.ReadFile(path)
		return err
	})
	return files, err
}

// restore makes the folder what it was. A file that is still there stays the same
// one: a journal knows when it was made.
func (i image) restore(dir string) error {
	err := walk(dir, func(path string) error {
		if _, there := i[path]; there {
			return nil
		}
		return os.Remove(path)
	})
	for path, data := range i {
		err = errors.Join(err, os.WriteFile(path, data, 0o600))
	}
	return err
}

// own is the chunks of a file that count on a machine, on or off. The caller
// holds mu.
func (c *chaos) own(m *machine, f *victim) content.Bitmap {
	none := content.NewBitmap(f.Chunks())
	switch {
	case m.lost || m.out:
		return none
	case m.node == nil:
		if was, known := m.counted[f.ID]; known {
			return was
		}
		return none
	}
	return c.in(m, m.node.store, f)
}

// in is the chunks of a file that count in a machine's store. The caller holds
// mu.
func (c *chaos) in(m *machine, store *disk.Store, f *victim) content.Bitmap {
	none := content.NewBitmap(f.Chunks())
	own, err := store.Own(c.Context(), f.ID)
	switch {
	case errors.Is(err, shoal.NotFound):
		return none
	case err != nil:
		c.breach("%v cannot tell what it has of %v: %v", m, f, err)
		return none
	case own.Len() != f.Chunks():
		c.breach("%v has cut %v into %d chunks", m, f, own.Len())
		return none
	}
	return own
}

// blob is where a chunked file lies on each machine.
func (f *victim) blob() string {
	return "blobs/" + f.ID.String()[:2] + "/" + f.ID.String() + ".data"
}

// right reports whether a chunk's bytes on a machine's disk are what they should
// be. Of small files, which lie in a database, nothing else is expected. The caller
// holds mu.
func (c *chaos) right(m *machine, f *victim, chunk int) bool {
	if f.Size <= layout.SmallFile {
		return true
	}
	root, err := m.disk.Root(filepath.Join(m.dir, datadir.Store))
	if err != nil {
		return false
	}
	file, err := root.Open(f.blob(), vfs.ReadOnly)
	if err != nil {
		return false
	}
	data := make([]byte, f.ChunkLen(chunk))
	_, err = file.ReadAt(data, f.ChunkOffset(chunk))
	return errors.Join(err, file.Close()) == nil && f.Verify(chunk, data) == nil
}
