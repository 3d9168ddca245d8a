package node

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"shoal"
	"shoal/internal/journal"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
	"shoal/internal/record"
)

// roll is the roster, for many goroutines.
type roll struct {
	mu      sync.Mutex
	roster  *roster.Roster
	changed chan struct{}             // closed at the next change; nil if nobody waits for it
	places  map[shoal.NodeID][]string // where each node said that it is, when moved was last asked
}

func (r *roll) node(id shoal.NodeID) roster.Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roster.Node(id)
}

// may reports whether a node may change that of another, or of itself.
func (r *roll) may(author shoal.NodeID, set roster.Set) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roster.May(author, set)
}

// title is what a node is called here; empty if it is not known.
func (r *roll) title(id shoal.NodeID) string { return r.node(id).Title }

func (r *roll) nodes() []roster.Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roster.Nodes()
}

func (r *roll) add(batches []record.Batch) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.roster.Add(batches...) {
		return false
	}
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
	return true
}

// next is closed at the next change of the roster.
func (r *roll) next() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return r.changed
}

// moved is the nodes that say they are elsewhere than when it was last asked.
func (r *roll) moved() (ids []shoal.NodeID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	places := make(map[shoal.NodeID][]string)
	for _, m := range r.roster.Nodes() {
		places[m.ID] = m.Addrs
		if !slices.Equal(m.Addrs, r.places[m.ID]) {
			ids = append(ids, m.ID)
		}
	}
	r.places = places
	return ids
}

func (r *roll) hears(b record.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roster.Hears(b)
}

func (r *roll) cut() record.Vector {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roster.Cut()
}

// admits reports why the journal may not take a batch in, if it may not. While a
// node is not on its own roster, it takes in the founder's word first.
func (n *Node) admits(b record.Batch) error { return n.roll.hears(b) }

// heard is told of all that the journal has taken in.
func (n *Node) heard(items []journal.Item) {
	n.catalog.Apply(items)
	news := n.roll.add(batchesOf(items))
	if news {
		n.rosterChanged()
	}
	if n.exchange != nil {
		n.exchange.News(items)
		if news {
			n.exchange.Admitted()
		}
	}
	if n.steward != nil {
		n.steward.heard(items)
	}
}

func batchesOf(items []journal.Item) []record.Batch {
	batches := make([]record.Batch, len(items))
	for i, item := range items {
		batches[i] = item.Batch
	}
	return batches
}

// loadRoster reads the roster out of the journal.
func (n *Node) loadRoster(ctx context.Context) error {
	batches, err := n.journal.OfRoster(ctx)
	if err != nil {
		return fmt.Errorf("read the roster: %w", err)
	}
	n.roll.add(batches)
	n.roll.moved()
	return nil
}

// rosterChanged has everyone act on the roster as it is now.
func (n *Node) rosterChanged() {
	if n.beats == nil {
		return // not yet started
	}
	if n.roll.node(n.self()).Present() {
		n.enrolled()
	}
	n.beats.Enrol(n.here())
	for _, id := range n.roll.moved() {
		n.beats.Moved(id)
	}
	for _, conn := range n.host.Peers() {
		n.greet(conn.Peer)
	}
	n.meet() // some of them may be to be remembered now
	n.running.Go(func() {
		n.void(n.ctx)
		n.cutOff()
		n.dismiss(lastNews)
	})
}

// awaitEnrolled waits until a node that has just joined has learnt the roster and
// said its name, so that whoever asks it then does not find it among strangers.
func (n *Node) awaitEnrolled(ctx context.Context) {
	if n.roll.node(n.self()).Present() {
		return
	}
	ready := n.presented
	if n.cfg.Passing {
		ready = n.onRoster
	}
	select {
	case <-ready:
	case <-time.After(enrolTimeout):
		n.cfg.Log.Warn("the roster has not come yet; this node goes on, and waits for it")
	case <-ctx.Done():
	}
}

// enrolTimeout is how long a node that has just joined waits for the roster.
const enrolTimeout = 5 * time.Second

// here is the nodes that are to be spoken with.
func (n *Node) here() []shoal.NodeID {
	var ids []shoal.NodeID
	for _, m := range n.roll.nodes() {
		if m.Present() {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// greet keeps a log stream to a connected peer that is on the roster, and has
// running fetches ask it; one that is no longer on it keeps what it has until its
// connection is cut, for it is to hear of that first.
func (n *Node) greet(peer shoal.NodeID) {
	if !n.allows(peer) {
		return
	}
	n.exchange.Keep(n.ctx, peer)
	n.fetcher.follow(peer)
}

// void takes back what revoked nodes said after they were cut off.
func (n *Node) void(ctx context.Context) {
	for author, upto := range n.roll.cut() {
		items, err := n.journal.Void(ctx, author, upto)
		if err == nil && len(items) > 0 {
			err = n.catalog.Void(ctx, items)
			n.steward.heard(items) // of the files that they were about
		}
		if err != nil {
			n.cfg.Log.Error("what a revoked node said could not be taken back", "node", author, "err", err)
		}
	}
}

// How long one who is no longer on the roster may stay: long enough to be told so.
// It is served nothing meanwhile that it has not begun.
const (
	farewell = time.Second     // after it has come: whatever it asks for, that is the answer
	lastNews = 3 * time.Second // after it was taken off: the word of it may come by way of others (gossip.HaveDelay)
)

// cutOff ends the connections to all who are no longer on the roster. It is also
// called now and then: a connection that is made while another of the same peer
// is being closed is told to nobody.
func (n *Node) cutOff() {
	now := time.Now()
	for _, conn := range n.host.Peers() {
		if !n.expelled(conn.Peer) {
			n.leaving.Delete(conn.Peer)
			continue
		}
		seen, _ := n.leaving.LoadOrStore(conn.Peer, now)
		from, wait := conn.Since, farewell
		if was := seen.(time.Time); conn.Since.Before(was) {
			from, wait = was, lastNews
		}
		if now.Sub(from) >= wait {
			n.host.Disconnect(conn.Peer)
		}
	}
}

// dismiss ends the connections of those who are no longer on the roster, when they
// have been told; but not those that they have made meanwhile.
func (n *Node) dismiss(after time.Duration) {
	select {
	case <-time.After(after):
		n.cutOff()
	case <-n.ctx.Done():
	}
}

// introduce says of this node what others should know, and reports whether that
// was news. Until it has heard that it was let in it says nothing: by a clock that
// is behind it would have spoken before that, and its word would not count.
func (n *Node) introduce(ctx context.Context) (news bool, err error) {
	if !n.roll.node(n.self()).Present() {
		return false, nil
	}
	addrs := forOthers(n.host.Addrs())
	want := roster.Self{Name: n.cfg.Name, Zone: n.cfg.Zone, Allotment: n.allotment, Addrs: addrs[:min(len(addrs), roster.MaxAddrs)]}
	if said := n.roll.node(n.self()).Self; said.Name == want.Name && said.Zone == want.Zone && said.Allotment == want.Allotment && sameSet(said.Addrs, want.Addrs) {
		n.introduced()
		return false, nil
	}
	if err := n.say(ctx, want); err != nil {
		return false, err
	}
	n.introduced()
	return true, nil
}

// sameSet reports whether two lists have the same in them: of addresses that are
// as good as each other, now one and now another comes first.
func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// say puts a record of the roster into the journal.
func (n *Node) say(ctx context.Context, body any) error {
	_, err := n.journal.Append(ctx, func(next func() record.Stamp) ([]record.Record, error) {
		r, err := roster.Record(next(), body)
		return []record.Record{r}, err
	})
	return err
}

// addrsOf is where a node says it can be reached.
func (n *Node) addrsOf(id shoal.NodeID) []string {
	addrs := slices.Clone(n.roll.node(id).Addrs)
	for _, addr := range n.sponsorAddrs {
		if strings.HasSuffix(addr, "/p2p/"+string(id)) {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// sponsors is where to find whom this node joined through, as long as it cannot
// go by the roster; and if it is lost, where it has found anybody.
func (n *Node) sponsors() []string {
	addrs := slices.Clone(n.sponsorAddrs)
	if n.lost() {
		for _, id := range n.addresses.nodes() {
			addrs = append(addrs, n.addresses.of(id)...)
		}
		return addrs
	}
	if n.roll.node(n.self()).Present() {
		return addrs
	}
	return append(n.addresses.of(n.belongs.Sponsor), addrs...)
}

// membersNews is told what the failure detector found.
func (n *Node) membersNews(a liveness.Action) {
	switch a := a.(type) {
	case liveness.Changed:
		n.cfg.Log.Info("a node is in another state", "node", n.nameOf(a.Member.Node), "state", a.Member.State)
	case liveness.Cloned:
		if a.Node == n.self() {
			n.cloned(a)
		}
	default:
	}
	if n.steward != nil {
		n.steward.poke()
	}
}

// nameOf is what a node is called here.
func (n *Node) nameOf(id shoal.NodeID) string {
	return cmp.Or(n.roll.title(id), id.Short())
}

// nonce tells this process from all others: later ones have greater.
func nonce(now time.Time) uint64 { return uint64(now.UnixNano()) }
