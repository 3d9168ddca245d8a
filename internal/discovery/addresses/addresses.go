// Package addresses keeps a node's address book (package addrbook) in a file.
package addresses

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"shoal"
	"shoal/internal/discovery/addrbook"
	"shoal/internal/jsonfile"
)

// File is an address book and the file it is in. It only helps: without it a node
// goes by the roster. Its methods are safe for use by many goroutines at once, and do
// not block unless they say so.
type File struct {
	path string
	log  *slog.Logger

	mu      sync.Mutex // of what is below
	book    addrbook.Book
	unsaved bool
	saved   time.Time
}

// Open reads the book at path, and blocks for the disk. A book that cannot be read is
// begun anew, with a warning.
func Open(path string, log *slog.Logger) *File {
	a := &File{path: path, log: log}
	data, err := readAtMost(path, addrbook.MaxSize)
	if err == nil {
		a.book, err = addrbook.Parse(data)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("the addresses of other nodes are forgotten", "err", err)
	}
	return a
}

// readAtMost reads a file, and no more than a byte beyond limit.
func readAtMost(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit+1))
}

// Of gives the addresses at which a node was reached.
func (a *File) Of(id shoal.NodeID) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.book.Nodes[id])
}

// Nodes lists the nodes whose addresses are known, in any order.
func (a *File) Nodes() []shoal.NodeID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Keys(a.book.Nodes))
}

// Ports gives the ports that this node had, as host.Config.Ports.
func (a *File) Ports() map[string]uint16 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.book.Ports)
}

// Had notes the ports that this node has, durably: it blocks for the disk. Ports that
// it did not need this time, for it was told to listen elsewhere, are kept.
func (a *File) Had(ports map[string]uint16) {
	a.mu.Lock()
	all := maps.Clone(a.book.Ports)
	if all == nil {
		all = make(map[string]uint16)
	}
	maps.Copy(all, ports)
	news := !maps.Equal(all, a.book.Ports) && len(all) <= addrbook.MaxPorts
	if news {
		a.book.Ports, a.unsaved = all, true
	}
	a.mu.Unlock()
	if news {
		a.Save()
	}
}

// Note notes addresses at which a node was reached.
func (a *File) Note(id shoal.NodeID, addrs []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unsaved = a.book.Note(id, addrs) || a.unsaved
}

// Keep forgets all nodes but the wanted ones.
func (a *File) Keep(wanted func(shoal.NodeID) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unsaved = a.book.Keep(wanted) || a.unsaved
}

// saveEvery is the least time between two writes of SaveInTime.
const saveEvery = 10 * time.Second

// SaveInTime is Save, unless the book was written in the last saveEvery.
func (a *File) SaveInTime() {
	a.mu.Lock()
	due := time.Since(a.saved) >= saveEvery
	a.mu.Unlock()
	if due {
		a.Save()
	}
}

// Save writes the book if there is news: it blocks for the disk. Only one goroutine may
// call Save, SaveInTime and Had at a time.
func (a *File) Save() {
	a.mu.Lock()
	unsaved, book := a.unsaved, addrbook.Book{Ports: maps.Clone(a.book.Ports), Nodes: maps.Clone(a.book.Nodes)}
	a.unsaved, a.saved = false, time.Now()
	a.mu.Unlock()
	if !unsaved {
		return
	}
	if err := jsonfile.Write(a.path, book); err != nil {
		a.log.Warn("where other nodes are could not be noted", "err", err)
	}
}
