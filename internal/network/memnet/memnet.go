// Package memnet is a network inside one process: hosts that satisfy
// network.Host without a socket, over links that a test can slow down, cut,
// partition and corrupt while they are used. All waiting is on channels and
// timers, so it runs in the fake time of testing/synctest.
//
// It encrypts nothing and proves no identity: a host's key is only its name.
package memnet

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"shoal"
	"shoal/internal/network"
)

// Net is a set of hosts that can all reach each other.
type Net struct {
	seed uint64

	mu    sync.Mutex // guards the rest; held for no waiting
	hosts map[shoal.NodeID]*Host
	lines map[pair]*line
}

// pair is a direction between two hosts.
type pair struct{ from, to shoal.NodeID }

// New returns a net without hosts. seed decides which bytes are corrupted, and
// the hosts' keys.
func New(seed uint64) *Net {
	return &Net{seed: seed, hosts: make(map[shoal.NodeID]*Host), lines: make(map[pair]*line)}
}

// Host adds a host. Its id follows from the seed and its name.
func (n *Net) Host(name string) *Host {
	seed := sha256.Sum256(fmt.Appendf(nil, "%d/%s", n.seed, name))
	return n.HostOf(name, ed25519.NewKeyFromSeed(seed[:]))
}

// HostOf adds a host with a key of its own. Of hosts with one id the latest is
// found, so a host that was closed can come back.
func (n *Net) HostOf(name string, key ed25519.PrivateKey) *Host {
	h := &Host{
		net: n, name: name, key: key, id: network.NodeIDOf(key.Public().(ed25519.PublicKey)),
		serves: make(map[string]func(network.Stream)),
		known:  make(map[shoal.NodeID]string),
		told:   make(map[shoal.NodeID]string),
		conns:  make(map[shoal.NodeID]*conn),
		ends:   make(map[*stream]struct{}),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[h.id] = h
	return h
}

// Link is what a direction between two hosts is like. The zero value is perfect.
type Link struct {
	Delay     time.Duration // of every byte
	Bandwidth int64         // bytes per second; 0 is without bound
	Corrupt   float64       // the chance of a write to have one bit flipped
	Down      bool          // nothing arrives until it is up again; nothing is lost
	CutAfter  int64         // bytes until the connection breaks, in the midst of a write; 0 is never
}

// Shape makes the direction from one host to another as link says, from now on.
func (n *Net) Shape(from, to network.Host, link Link) {
	n.line(from.ID(), to.ID()).shape(link)
}

// Cut breaks the connection between two hosts, if there is one. They may
// connect again.
func (n *Net) Cut(a, b network.Host) {
	if h := n.host(a.ID()); h != nil {
		h.Disconnect(b.ID())
	}
}

func (n *Net) host(id shoal.NodeID) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hosts[id]
}

func (n *Net) line(from, to shoal.NodeID) *line {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := pair{from, to}
	if n.lines[key] == nil {
		n.lines[key] = &line{changed: make(chan struct{}), random: rand.New(rand.NewPCG(n.seed, uint64(len(n.lines))))}
	}
	return n.lines[key]
}
