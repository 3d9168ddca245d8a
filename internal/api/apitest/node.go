// Package apitest is test support for whoever speaks to a shoal.Node: a little
// node that keeps everything in memory and has no peers, and a suite of checks
// that holds for it spoken to directly and through anything in between. It is
// in no program.
package apitest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"lukechampine.com/blake3"

	"shoal"
)

// ChunkSize is how the little node cuts files, in bytes: small, so that small
// files have many chunks.
const ChunkSize = 1 << 10

// Born is when everything in the little node happened.
func Born() time.Time { return time.Date(2026, time.November, 20, 12, 0, 0, 0, time.UTC) }

// Node is a shoal.Node over maps. It is for many goroutines at once.
type Node struct {
	mu      sync.Mutex
	files   map[shoal.FileID][]byte
	names   map[string]shoal.Entry
	trash   []shoal.Removed // the latest first
	rotten  map[shoal.Chunk]bool
	missing []shoal.Lack
	trouble error
	endless bool
	begun   chan struct{}
	ended   chan error
	state   shoal.Status
	peers   []shoal.Peer
	members []shoal.Member
}

var _ shoal.Node = (*Node)(nil)

// New is a node with nothing in it, at its ease.
func New() *Node {
	id := shoal.NodeID("12D3KooWFakeFakeFakeFakeFakeFakeFakeFakeFakeFakeFake")
	addr := "/ip4/192.0.2.1/tcp/4001/p2p/" + string(id)
	return &Node{
		files:  make(map[shoal.FileID][]byte),
		names:  make(map[string]shoal.Entry),
		rotten: make(map[shoal.Chunk]bool),
		begun:  make(chan struct{}, 1),
		ended:  make(chan error, 1),
		state: shoal.Status{
			Name: "nas", ID: id, Version: "0.1.0", Listen: []string{addr},
			Data: "/var/lib/shoal", Free: 412e9, DiskFree: 412e9, Uptime: 3 * time.Hour,
			Safety: shoal.Safety{State: "safe", Text: "All is safe."},
			Scrub:  shoal.Scrub{Period: 30 * 24 * time.Hour, Coverage: 0.996, Oldest: Born().Add(-29 * 24 * time.Hour), Rotten: 1, Repaired: 1},
		},
		members: []shoal.Member{
			{ID: id, Name: "nas", Role: "admin", State: "active", Health: "self", Allotment: 2e12, Free: 412e9},
			{ID: "12D3KooWOtherOtherOtherOtherOtherOtherOtherOtherOther", Name: "attic", Role: "member", State: "active", Health: "down", Since: Born().Add(-time.Minute), Allotment: 1e12},
		},
	}
}

// Put makes the node have a file.
func (n *Node) Put(name string, data []byte) shoal.Entry { return n.put(name, data, usualCopies) }

// usualCopies are wanted of a file if nobody says so.
const usualCopies = 2

func (n *Node) put(name string, data []byte, copies int) shoal.Entry {
	n.mu.Lock()
	defer n.mu.Unlock()
	entry := shoal.Entry{ID: blake3.Sum256(data), Name: name, Size: int64(len(data)), ChunkSize: ChunkSize, Copies: copies, Added: Born()}
	n.files[entry.ID] = slices.Clone(data)
	n.names[name] = entry
	return entry
}

// Rot flips a bit of one chunk of a file: Verify finds it, and reading runs
// into it.
func (n *Node) Rot(id shoal.FileID, index int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rotten[shoal.Chunk{File: id, Index: index}] = true
	n.files[id][index*ChunkSize] ^= 1
}

// Lose makes Verify of all find those files missing, and no others.
func (n *Node) Lose(missing ...shoal.Lack) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.missing = missing
}

// Break makes every call fail with err from now on; nil mends it.
func (n *Node) Break(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.trouble = err
}

// Stall makes every Add, Get and Verify from now on send one event and then
// wait for the end of its context. begun gets a value when one waits, ended
// the error with which it ended.
func (n *Node) Stall() (begun <-chan struct{}, ended <-chan error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.endless = true
	return n.begun, n.ended
}

// Meet makes the node have a peer.
func (n *Node) Meet(p shoal.Peer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.peers = append(n.peers, p)
}

// Worry gives the node something to complain of.
func (n *Node) Worry(sentence string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state.Trouble = append(n.state.Trouble, sentence)
}

// Judge makes the node say how the files are.
func (n *Node) Judge(s shoal.Safety) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state.Safety = s
}

// broken is why no call succeeds, or nil.
func (n *Node) broken() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.trouble
}

// resolve finds the entry that ref means.
func (n *Node) resolve(ref string) (shoal.Entry, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.trouble != nil {
		return shoal.Entry{}, n.trouble
	}
	if shoal.IsLink(ref) {
		link, err := shoal.ParseLink(ref)
		if err != nil {
			return shoal.Entry{}, err
		}
		ref = link.ID.String()
	}
	if entry, ok := n.names[ref]; ok {
		return entry, nil
	}
	var found []shoal.Entry
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		if entry := n.names[name]; len(ref) >= shoal.MinPrefix && strings.HasPrefix(entry.ID.String(), strings.ToLower(ref)) {
			found = append(found, entry)
		}
	}
	switch {
	case ref == "":
		return shoal.Entry{}, fmt.Errorf("the reference to a file is empty: %w", shoal.Usage)
	case len(found) == 0:
		return shoal.Entry{}, shoal.WithHint(fmt.Errorf("no file %q: %w", ref, shoal.NotFound), "see what there is with shoal ls")
	case found[0].ID != found[len(found)-1].ID:
		return shoal.Entry{}, fmt.Errorf("%q is the start of several ids: %w", ref, shoal.Usage)
	}
	return found[0], nil
}
