package membership

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"shoal"
	"shoal/internal/journal"
	"shoal/internal/membership/heartbeat"
	"shoal/internal/membership/roster"
	"shoal/internal/membership/standing"
	"shoal/internal/network"
	"shoal/internal/record"
)

// Parts is what a Council needs of the other chapters. None may be left out.
type Parts struct {
	Host     network.Host
	Journal  *journal.Journal
	Beats    *heartbeat.Runner
	Exchange Exchange
	Copies   Copies

	Place func() roster.Self // what this node would say of itself now; called every few seconds
	Addrs func() []string    // where others reach this node
	Met   func(shoal.NodeID) // a peer has come with whom this node speaks
	Begun func(context.Context)
	Voids func(context.Context, []journal.Item) error // items of a revoked node do not count any more
}

// Exchange brings journals to the same state. A catalog/exchange.Exchange is one.
type Exchange interface {
	// Keep keeps a stream to a connected peer until ctx ends or it is dropped.
	Keep(ctx context.Context, peer shoal.NodeID)
	// Own is how many peers have told how far they heard this node, and whether all
	// have, and none further than its journal goes. heard is closed when one tells more.
	Own() (met int, sure bool, heard <-chan struct{})
	// Reclaim asks a peer for all that authors said. It blocks until that is in the
	// journal.
	Reclaim(ctx context.Context, peer shoal.NodeID, authors ...shoal.NodeID) error
}

// Copies is what membership asks of the chapters that keep copies.
type Copies interface {
	// Safe reports whether every file has its wanted copies without the nodes that
	// drain, and whether that stays so until there are more nodes.
	Safe(ctx context.Context) (safe, settled bool, err error)
	// Excused is the time until which a node is in maintenance; zero if it is not.
	Excused(shoal.NodeID) time.Time
	// Free is the free bytes of this node.
	Free() (int64, error)
	// Look takes in the roster as it is now.
	Look()
}

// Council performs what the standing of this node asks for, and decides over other
// nodes when a person asks for it. It implements shoal.Council, except for the errors
// that a closing node gives. Its methods are safe for use by many goroutines at once.
type Council struct {
	*Membership

	parts   Parts
	working sync.WaitGroup
	telling sync.Mutex    // orders the Steps that tell of connections, and of the progress of others
	voided  record.Vector // of Run's goroutine alone
}

// NewCouncil returns a council that does nothing before Run is called. The Membership
// must be loaded.
func NewCouncil(m *Membership, parts Parts) *Council { return &Council{Membership: m, parts: parts} }

// The times of a council.
const (
	lookAround   = 5 * time.Second // between two looks at connections and addresses
	recoverLimit = 5 * time.Second // for a peer to tell what this node has lost
)

// Run performs actions until ctx ends, and returns when all that it has started has. It
// is called once.
func (c *Council) Run(ctx context.Context) {
	defer c.working.Wait()
	c.look()
	if !c.cfg.Passing {
		defer c.cfg.Addresses.Save()
		c.tell()
		c.step(standing.Begin{Moved: c.parts.Journal.Moved(), Ticket: c.cfg.Join != ""})
		c.working.Go(func() { c.listen(ctx) })
	}
	ticker, timer := time.NewTicker(lookAround), time.NewTimer(0)
	defer ticker.Stop()
	defer timer.Stop()
	for ctx.Err() == nil {
		c.void(ctx)
		for _, action := range c.take() {
			c.perform(ctx, timer, action)
		}
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-ticker.C:
			c.look()
		case <-timer.C:
			c.tell()
			c.step(standing.Tick{})
		}
	}
}

// PeerChanged tells that a peer was connected or lost.
func (c *Council) PeerChanged(change network.Change) {
	c.telling.Lock()
	defer c.telling.Unlock()
	if change.Connected {
		c.step(standing.Connected{Peer: change.Peer})
	} else {
		c.step(standing.Lost{Peer: change.Peer})
	}
}

func (c *Council) perform(ctx context.Context, timer *time.Timer, action standing.Action) {
	switch a := action.(type) {
	case standing.Wake:
		timer.Reset(a.At - time.Since(c.began))
	case standing.Enrol:
		c.parts.Beats.Enrol(a.Nodes)
		c.remember()
	case standing.Moved:
		c.parts.Beats.Moved(a.Node)
	case standing.Greet:
		c.parts.Exchange.Keep(ctx, a.Peer)
		c.parts.Met(a.Peer)
		c.remember()
	case standing.Disconnect:
		c.parts.Host.Disconnect(a.Peer)
	case standing.Joined:
		close(c.joined)
	case standing.Doubt:
		c.cfg.Log.Warn("this folder was copied, restored or mended: the node says nothing before more than half of the others have told what they heard from it")
	case standing.Settle:
		if err := c.parts.Journal.Settle(ctx); err != nil {
			c.cfg.Log.Warn("that this folder was moved will be found again at the next start", "err", err)
		}
	case standing.MaySpeak:
		c.begin(ctx, a)
	case standing.Recover:
		c.working.Go(func() { c.recover(ctx, a.Peer) })
	case standing.Introduce:
		c.working.Go(func() { c.introduce(ctx, a.Self) })
	case standing.Ask:
		c.working.Go(func() { c.ask(ctx, a.Peer) })
	case standing.Serve, standing.Refuse: // were answered at once
	}
}

// begin lets this node speak.
func (c *Council) begin(ctx context.Context, a standing.MaySpeak) {
	if !a.Sure {
		c.cfg.Log.Warn("what others heard from this node has not come back; it goes on from what it has")
	}
	close(c.speaks)
	c.working.Go(func() { c.parts.Begun(ctx) })
}

// look tells which peers are connected, where this node is, and whom it knows: a
// connection that is made while another of the same peer is being closed is told to
// nobody else.
func (c *Council) look() {
	c.telling.Lock()
	var peers []shoal.NodeID
	for _, conn := range c.parts.Host.Peers() {
		peers = append(peers, conn.Peer)
	}
	c.step(standing.Connections{Peers: peers})
	c.telling.Unlock()
	if !c.cfg.Passing {
		c.step(standing.Place{Self: c.parts.Place()})
		c.remember()
	}
}

// remember notes where the connected nodes of the shoal are.
func (c *Council) remember() {
	if c.cfg.Passing {
		return
	}
	for _, conn := range c.parts.Host.Peers() {
		if c.Allows(conn.Peer) {
			c.cfg.Addresses.Note(conn.Peer, c.parts.Host.AddrsOf(conn.Peer))
		}
	}
	if !c.Lost() { // else they are all that it has left
		c.cfg.Addresses.Keep(c.Allows)
	}
	c.cfg.Addresses.SaveInTime()
	c.step(standing.Acquainted{Nodes: c.acquainted()})
}

// listen tells how far others have heard this node, until it may speak.
func (c *Council) listen(ctx context.Context) {
	for {
		select {
		case <-c.tell():
		case <-c.speaks:
			return
		case <-ctx.Done():
			return
		}
	}
}

// tell tells how far others have heard this node. What it returns is closed when that
// may have changed.
func (c *Council) tell() <-chan struct{} {
	c.telling.Lock()
	defer c.telling.Unlock()
	met, sure, heard := c.parts.Exchange.Own()
	c.step(standing.Told{Met: met, Sure: sure})
	return heard
}

// recover asks a peer for what the founder and this node have said.
func (c *Council) recover(ctx context.Context, peer shoal.NodeID) {
	asking, cancel := context.WithTimeout(ctx, recoverLimit)
	defer cancel()
	err := c.parts.Exchange.Reclaim(asking, peer, slices.Compact([]shoal.NodeID{c.folder.Shoal, c.self})...)
	if err != nil {
		c.cfg.Log.Info("what this node has forgotten was not to be had", "peer", peer, "err", err)
	}
	c.step(standing.Recovered{Peer: peer})
}

func (c *Council) introduce(ctx context.Context, self roster.Self) {
	err := c.Say(ctx, self)
	if err != nil && ctx.Err() == nil {
		c.cfg.Log.Warn("what others should know of this node could not be said; it tries again", "err", err)
	}
	c.step(standing.Said{OK: err == nil})
}

// ask asks a peer whether this node is on its roster.
func (c *Council) ask(ctx context.Context, peer shoal.NodeID) {
	answer := standing.Unknown
	switch err := c.cfg.Ask(ctx, peer); {
	case err == nil:
		answer = standing.Yes
	case errors.Is(err, shoal.Unauthorised):
		answer = standing.No
	}
	c.step(standing.Welcome{Peer: peer, Answer: answer})
}

// void takes back what revoked nodes said after they were cut off.
func (c *Council) void(ctx context.Context) {
	c.mu.Lock()
	cut := c.roster.Cut()
	c.mu.Unlock()
	if maps.Equal(cut, c.voided) {
		return
	}
	done := true
	for author, upto := range cut {
		items, err := c.parts.Journal.Void(ctx, author, upto)
		if err == nil && len(items) > 0 {
			err = c.parts.Voids(ctx, items)
		}
		if err != nil {
			c.cfg.Log.Error("what a revoked node said could not be taken back", "node", author, "err", err)
			done = false
		}
	}
	if done {
		c.voided = cut
	}
}

// Say puts a record of the roster into the journal, durably. It blocks until this node
// may speak. Errors: those of journal.Append and MaySpeak, shoal.Usage.
func (c *Council) Say(ctx context.Context, body any) error {
	_, err := c.parts.Journal.Append(ctx, func(next func() record.Stamp) ([]record.Record, error) {
		r, err := roster.Record(next(), body)
		return []record.Record{r}, err
	})
	return err
}

// may reports whether this node may say all of a Set.
func (c *Council) may(set roster.Set) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roster.May(c.self, set)
}
