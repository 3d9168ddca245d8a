// Package membership is this node's part in its shoal: which shoal its data folder
// belongs to, the roster, the tickets, and with whom the node speaks. The
// standing.Machine decides; this package performs.
//
// A Membership is open from the start of a node on: it answers questions, and notes all
// that the journal takes in. A Council performs what follows, as soon as the node has
// a network.
package membership

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"shoal"
	"shoal/internal/journal"
	"shoal/internal/membership/join"
	"shoal/internal/membership/roster"
	"shoal/internal/membership/standing"
	"shoal/internal/record"
)

// Config is what a Membership is made of. Nothing but Join, Passing and Down may be
// left out.
type Config struct {
	Data    string             // the data folder, which must be there
	Journal string             // the path of its journal
	Key     ed25519.PrivateKey // of this node
	Join    string             // a ticket; "" to stay in the folder's shoal, or to found one
	Passing bool               // the node runs for one command, and never says anything
	Down    time.Duration      // of silence make a node down; 0 is the default
	Log     *slog.Logger

	Addresses Addresses
	// Listen gives this node's end of the network, the same each time. It is only
	// called to show a ticket.
	Listen func(context.Context) (join.Host, error)
	// Ask asks a peer whether this node is on its roster: shoal.Unauthorised if it is
	// not. It may be called after Listen.
	Ask func(ctx context.Context, peer shoal.NodeID) error
	// Stores reports whether there are chunks in this node's store.
	Stores func(context.Context) (bool, error)
	// Forget deletes the journal, which must be closed, and all that was made of it.
	Forget func() error
}

// Addresses is what this node remembers of where nodes are. A discovery/addresses.File
// is one.
type Addresses interface {
	Of(shoal.NodeID) []string
	Nodes() []shoal.NodeID
	Note(node shoal.NodeID, addrs []string)
	Keep(wanted func(shoal.NodeID) bool)
	SaveInTime()
	Save()
}

// Membership is the roster and this node's standing. Its methods are safe for use by
// many goroutines at once; those that do not say so do not block.
type Membership struct {
	cfg     Config
	self    shoal.NodeID
	folder  Folder
	sponsor []string // the addresses of the ticket the node was started with
	refused error    // the reason why that ticket was not taken, if it was not
	invites *invites
	earlier []shoal.NodeID // nodes that had come with this node's tickets when it started
	began   time.Time

	speaks chan struct{} // closed when the node may speak
	joined chan struct{} // closed when it has joined
	wake   chan struct{} // has a value when there is something in todo, or to void

	mu       sync.Mutex // of what is below: roster and machine change together
	roster   *roster.Roster
	machine  *standing.Machine
	todo     []standing.Action // for the Council
	visits   uint64
	visitors map[uint64]chan bool // at the gate, by visit; each channel has room for the answer
}

// Open finds out which shoal the data folder belongs to, counts the start, and reads
// the tickets. A folder that belongs to none joins one with the ticket of the
// configuration; without a ticket it founds one. Open blocks for the disk, and for the
// network if there is a ticket. Load must come next. Errors: shoal.Usage for a
// malformed ticket, shoal.Unauthorised for one that is refused, shoal.Exists for one
// of another shoal, shoal.Network, shoal.Integrity for damaged files.
func Open(ctx context.Context, cfg Config) (*Membership, error) {
	m := &Membership{
		cfg: cfg, self: record.NodeOf(cfg.Key.Public().(ed25519.PublicKey)), began: time.Now(),
		speaks: make(chan struct{}), joined: make(chan struct{}), wake: make(chan struct{}, 1), visitors: make(map[uint64]chan bool),
	}
	var err error
	if m.folder, err = m.belong(ctx); err != nil {
		return nil, err
	}
	if m.invites, err = loadInvites(cfg.Data); err != nil {
		return nil, err
	}
	m.earlier = m.invites.joined() // not those of this run: whoever uses a ticket is in the book before it is on the roster
	m.roster = roster.New(m.folder.Shoal)
	m.machine = standing.New(standing.Config{
		Self: m.self, Founder: m.folder.Shoal, Sponsor: m.folder.Sponsor, Passing: cfg.Passing, Down: cfg.Down,
	})
	return m, nil
}

// Load reads the roster out of the journal. It is called once, before anything else.
// Errors: the journal's, and shoal.Unauthorised if this node was removed, and a ticket
// with which it was to come back was refused.
func (m *Membership) Load(ctx context.Context, said *journal.Journal) error {
	batches, err := Batches(ctx, said)
	if err != nil {
		return fmt.Errorf("read the roster: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.roster.Add(batches...)
	m.stepLocked(standing.Acquainted{Nodes: m.acquainted()})
	m.stepLocked(standing.Roster{Nodes: m.roster.Nodes()})
	return m.shutOut(m.roster.Node(m.self))
}

// Batches reads the batches of a journal that are about the roster.
func Batches(ctx context.Context, said *journal.Journal) (batches []record.Batch, err error) {
	for item, err := range said.Replay(ctx, 0) {
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(item.Records, func(r record.Record) bool { return r.Kind < record.KindPut }) {
			batches = append(batches, item.Batch)
		}
	}
	return batches, nil
}

// Heard takes in what the journal has taken in, and reports whether it changed the
// roster. What follows from that, the Council does.
func (m *Membership) Heard(items []journal.Item) (news bool) {
	batches := make([]record.Batch, len(items))
	for i, item := range items {
		batches[i] = item.Batch
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.roster.Add(batches...) {
		return false
	}
	m.stepLocked(standing.Roster{Nodes: m.roster.Nodes()})
	m.poke()
	return true
}

// Hears reports why the journal may not take in a batch, if it may not. While a node
// is not on its own roster, it takes in the founder's word first.
func (m *Membership) Hears(b record.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.roster.Hears(b)
}

// MaySpeak blocks until this node may say something; in a folder that was copied,
// restored or mended, for as long as that can be soon. Errors: shoal.Network if it
// waits for others; the cause of ctx's end.
func (m *Membership) MaySpeak(ctx context.Context) error {
	m.mu.Lock()
	patience := m.machine.Patience()
	m.mu.Unlock()
	var late <-chan time.Time
	if patience > 0 {
		late = time.After(patience)
	}
	select {
	case <-m.speaks:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-late:
		return shoal.WithHint(fmt.Errorf("this node's folder was copied, restored or mended, and it says nothing before more than half of the other nodes have told what they heard from it: %w", shoal.Network),
			"start the others; if they are gone for good, stop this one and run `shoal doctor --moved`")
	}
}

// Joined is closed when this node is on the roster and has said what others should
// know of it; in a passing node, when it is on the roster.
func (m *Membership) Joined() <-chan struct{} { return m.joined }

// Present reports whether this node is on the roster, as far as it has heard.
func (m *Membership) Present() bool { return m.Node(m.self).Present() }

// Lost reports whether this node's journal is lost, as standing.Machine.Lost.
func (m *Membership) Lost() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.machine.Lost()
}

// Doubtful reports whether this node waits until others have told what they heard
// from it, because its folder was copied, restored or mended.
func (m *Membership) Doubtful() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.machine.Doubtful()
}

// Self is this node's id.
func (m *Membership) Self() shoal.NodeID { return m.self }

// Folder is what the data folder remembers of the shoal.
func (m *Membership) Folder() Folder { return m.folder }

// Node is what the roster says of a node; a stranger's Role is roster.Stranger.
func (m *Membership) Node(id shoal.NodeID) roster.Node {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.roster.Node(id)
}

// Nodes is all nodes that were ever admitted, in order of their ids.
func (m *Membership) Nodes() []roster.Node {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.roster.Nodes()
}

// Here is the nodes that are on the roster now, sorted.
func (m *Membership) Here() []shoal.NodeID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.machine.Here()
}

// Title is a node's name on the roster; "" for a stranger.
func (m *Membership) Title(id shoal.NodeID) string { return m.Node(id).Title }

// NameOf is a node's name on the roster, or the short form of a stranger's id.
func (m *Membership) NameOf(id shoal.NodeID) string { return cmp.Or(m.Title(id), id.Short()) }

// Allows reports whether this node speaks with a peer.
func (m *Membership) Allows(id shoal.NodeID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.machine.Allows(id)
}

// AddrsOf is where a node says that it can be reached, by the roster or a ticket.
func (m *Membership) AddrsOf(id shoal.NodeID) []string {
	addrs := slices.Clone(m.Node(id).Addrs)
	for _, addr := range m.sponsor {
		if strings.HasSuffix(addr, "/p2p/"+string(id)) {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// Sponsors gives addresses at which this node may find its shoal while it cannot go by
// the roster: of the ticket it was started with, and of its sponsor or, in a lost node,
// of all acquaintances.
func (m *Membership) Sponsors() []string {
	m.mu.Lock()
	seeks := m.machine.Seeks()
	m.mu.Unlock()
	addrs := slices.Clone(m.sponsor)
	for _, id := range seeks {
		addrs = append(addrs, m.cfg.Addresses.Of(id)...)
	}
	return addrs
}

// acquainted is the nodes that this one has admitted in earlier runs, or reached.
func (m *Membership) acquainted() []shoal.NodeID {
	return slices.Concat(m.cfg.Addresses.Nodes(), m.earlier)
}

// step tells the machine what happened.
func (m *Membership) step(e standing.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stepLocked(e)
}

// stepLocked answers those at the gate at once, and leaves the rest to the Council.
func (m *Membership) stepLocked(e standing.Event) {
	for _, action := range m.machine.Step(time.Since(m.began), e) {
		switch a := action.(type) {
		case standing.Serve:
			m.answerLocked(a.Visit, true)
		case standing.Refuse:
			m.answerLocked(a.Visit, false)
		default:
			m.todo = append(m.todo, action)
			m.poke()
		}
	}
}

// answerLocked tells a visitor whether it is served, if it still waits.
func (m *Membership) answerLocked(visit uint64, served bool) {
	if answer := m.visitors[visit]; answer != nil {
		answer <- served
		delete(m.visitors, visit)
	}
}

// poke wakes the Council.
func (m *Membership) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take gives what there is to do.
func (m *Membership) take() []standing.Action {
	m.mu.Lock()
	defer m.mu.Unlock()
	todo := m.todo
	m.todo = nil
	return todo
}
