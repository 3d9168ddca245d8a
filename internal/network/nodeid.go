package network

import (
	"crypto/ed25519"

	"shoal"
	"shoal/internal/record"
)

// NodeIDOf is the id of the node that has the key.
func NodeIDOf(key ed25519.PublicKey) shoal.NodeID { return record.NodeOf(key) }
