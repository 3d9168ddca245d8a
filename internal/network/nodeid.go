package network

import (
	"crypto/ed25519"

	"github.com/mr-tron/base58"

	"shoal"
)

// NodeIDOf is the id of the node that has the key: base58 of an identity
// multihash of the key in protobuf, as the libp2p peer ID specification says
// for Ed25519.
func NodeIDOf(key ed25519.PublicKey) shoal.NodeID {
	// 0x00 0x24: identity multihash of 36 bytes. 0x08 0x01: field Type,
	// Ed25519. 0x12 0x20: field Data, 32 bytes.
	const header = "\x00\x24\x08\x01\x12\x20"
	return shoal.NodeID(base58.Encode(append([]byte(header), key...)))
}
