package node

import (
	"context"
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
	"shoal/internal/datadir"
	"shoal/internal/discovery/addrbook"
)

// addressBook is what this node remembers of where nodes are, which lies in a
// file. It is only of help: without it a node goes by what the roster says.
type addressBook struct {
	path string
	log  *slog.Logger

	mu      sync.Mutex // of what is below
	book    addrbook.Book
	unsaved bool
	saved   time.Time
}

// openAddressBook reads the book; one that cannot be read is begun anew.
func openAddressBook(path string, log *slog.Logger) *addressBook {
	a := &addressBook{path: path, log: log}
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

// of is where a node was reached.
func (a *addressBook) of(id shoal.NodeID) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.book.Nodes[id])
}

// nodes lists those of whom it is known where they are.
func (a *addressBook) nodes() []shoal.NodeID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Keys(a.book.Nodes))
}

// ports is which ports this node had.
func (a *addressBook) ports() map[string]uint16 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.book.Ports)
}

// had notes which ports this node has, durably. Those it did not need this time,
// for it was told to listen elsewhere, are kept.
func (a *addressBook) had(ports map[string]uint16) {
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
		a.save()
	}
}

// note notes where a node was reached.
func (a *addressBook) note(id shoal.NodeID, addrs []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unsaved = a.book.Note(id, addrs) || a.unsaved
}

// keep forgets the nodes that are not wanted.
func (a *addressBook) keep(wanted func(shoal.NodeID) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unsaved = a.book.Keep(wanted) || a.unsaved
}

// saveEvery is how often the book is written at most, but for ports and at the
// end.
const saveEvery = 10 * time.Second

// saveInTime writes the book if there is news, and it was not written lately.
func (a *addressBook) saveInTime() {
	a.mu.Lock()
	due := time.Since(a.saved) >= saveEvery
	a.mu.Unlock()
	if due {
		a.save()
	}
}

// save writes the book if there is news. It is called from one goroutine at a
// time.
func (a *addressBook) save() {
	a.mu.Lock()
	unsaved, book := a.unsaved, addrbook.Book{Ports: maps.Clone(a.book.Ports), Nodes: maps.Clone(a.book.Nodes)}
	a.unsaved, a.saved = false, time.Now()
	a.mu.Unlock()
	if !unsaved {
		return
	}
	if err := datadir.WriteJSON(a.path, book); err != nil {
		a.log.Warn("where other nodes are could not be noted", "err", err)
	}
}

// How this node's own address and those of others are looked after.
const (
	lookAround   = 5 * time.Second
	betweenWords = 30 * time.Second // in which this node says where it is once: each time stays in the journal for good
)

// herald says what others should know of this node, at once and as soon as where
// it is changes and somebody hears it, and remembers where the others are. It runs
// until ctx ends.
func (n *Node) herald(ctx context.Context) {
	defer n.addresses.save()
	ticker := time.NewTicker(lookAround)
	defer ticker.Stop()
	said, first := time.Now().Add(-betweenWords), true
	for ctx.Err() == nil {
		if time.Since(said) >= betweenWords && (first || len(n.neighbours()) > 0) {
			switch news, err := n.introduce(ctx); {
			case err != nil && ctx.Err() == nil:
				n.cfg.Log.Warn("what others should know of this node could not be said; it tries again", "err", err)
			case news:
				said = time.Now()
			}
		}
		first = false
		n.remember()
		select {
		case <-ctx.Done():
		case <-n.met:
		case <-ticker.C:
		}
	}
}

// remember notes where the connected nodes of the shoal are.
func (n *Node) remember() {
	for _, peer := range n.neighbours() {
		n.addresses.note(peer, n.host.AddrsOf(peer))
	}
	if !n.lost() { // else they are all that it has left
		n.addresses.keep(n.allows)
	}
	n.addresses.saveInTime()
}

// meet has the herald look at once.
func (n *Node) meet() {
	select {
	case n.met <- struct{}{}:
	default:
	}
}
