package host

import (
	"github.com/libp2p/go-libp2p/core/peer"

	"shoal"
)

// maxKnown is the most addresses of one peer that AddrsOf gives.
const maxKnown = 8

// AddrsOf is where a peer can be reached, as it told us when it connected.
func (h *Host) AddrsOf(node shoal.NodeID) []string {
	id, err := peer.Decode(string(node))
	if err != nil {
		return nil
	}
	var addrs []string
	for _, addr := range h.stack.swarm.Peerstore().Addrs(id) {
		if len(addrs) < maxKnown && speakable(addr) {
			addrs = append(addrs, addr.String()+"/p2p/"+id.String())
		}
	}
	return addrs
}
