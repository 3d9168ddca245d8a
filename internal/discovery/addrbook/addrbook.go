// Package addrbook is what a node remembers, from one run to the next, of
// where nodes are to be found: the ports it had itself, and the addresses at
// which it reached the others.
//
// It is pure: it reads no file, and dials nobody. Where a node says that it is,
// the roster knows.
package addrbook

import (
	"encoding/json"
	"fmt"
	"slices"

	"shoal"
)

// Bounds.
const (
	MaxSize  = 16 << 20 // bytes of a book as text
	MaxNodes = 4096
	MaxAddrs = 8   // of one node
	maxAddr  = 512 // bytes
	MaxPorts = 64
)

// Book is what is remembered. The zero Book has nothing in it. It is not safe
// for use by several goroutines at once.
type Book struct {
	Ports map[string]uint16         `json:"ports,omitempty"` // by what was to be listened on, as host.Config.Ports
	Nodes map[shoal.NodeID][]string `json:"nodes,omitempty"` // multiaddrs, those that came last at the front
}

// Parse reads a book. Errors are shoal.Integrity.
func Parse(data []byte) (Book, error) {
	if len(data) > MaxSize {
		return Book{}, fmt.Errorf("%d bytes of addresses: %w", len(data), shoal.Integrity)
	}
	var b Book
	if err := json.Unmarshal(data, &b); err != nil {
		return Book{}, fmt.Errorf("%w: %w", err, shoal.Integrity)
	}
	if len(b.Ports) > MaxPorts || len(b.Nodes) > MaxNodes {
		return Book{}, fmt.Errorf("addresses of %d nodes, and %d ports: %w", len(b.Nodes), len(b.Ports), shoal.Integrity)
	}
	for node, addrs := range b.Nodes {
		if len(addrs) > MaxAddrs || slices.ContainsFunc(addrs, func(addr string) bool { return len(addr) > maxAddr }) {
			return Book{}, fmt.Errorf("addresses of %q: %w", node, shoal.Integrity)
		}
	}
	return b, nil
}

// Note notes where a node was reached, and reports whether that is news. Of too
// many addresses those that came first are forgotten.
func (b *Book) Note(node shoal.NodeID, addrs []string) (news bool) {
	old := b.Nodes[node]
	if old == nil && len(b.Nodes) >= MaxNodes {
		return false
	}
	var noted []string
	for _, addr := range addrs {
		if len(addr) <= maxAddr && !slices.Contains(old, addr) && !slices.Contains(noted, addr) {
			noted = append(noted, addr)
		}
	}
	if len(noted) == 0 {
		return false
	}
	noted = append(noted, old...)
	if b.Nodes == nil {
		b.Nodes = make(map[shoal.NodeID][]string)
	}
	b.Nodes[node] = slices.Clip(noted[:min(len(noted), MaxAddrs)])
	return true
}

// Keep forgets all nodes but those that are wanted, and reports whether there
// were others.
func (b *Book) Keep(wanted func(shoal.NodeID) bool) (news bool) {
	for node := range b.Nodes {
		if !wanted(node) {
			delete(b.Nodes, node)
			news = true
		}
	}
	return news
}
