package record

import (
	"crypto/ed25519"
	"fmt"

	"github.com/mr-tron/base58"

	"shoal"
)

// idHeader stands before the key in a node id: 0x00 0x24, identity multihash of
// 36 bytes; 0x08 0x01, field Type, Ed25519; 0x12 0x20, field Data, 32 bytes.
const idHeader = "\x00\x24\x08\x01\x12\x20"

// maxNodeID is more than the text of any Ed25519 node id has.
const maxNodeID = 64

// NodeOf is the id of the node that has the key: base58 of an identity
// multihash of the key in protobuf, as the libp2p peer ID specification says
// for Ed25519.
func NodeOf(key ed25519.PublicKey) shoal.NodeID {
	return shoal.NodeID(base58.Encode(append([]byte(idHeader), key...)))
}

// KeyOf is the key in a node's id. An id of another kind is ErrMalformed.
func KeyOf(node shoal.NodeID) (ed25519.PublicKey, error) {
	if len(node) > maxNodeID {
		return nil, fmt.Errorf("node id of %d characters: %w", len(node), ErrMalformed)
	}
	raw, err := base58.Decode(string(node))
	if err != nil || len(raw) != len(idHeader)+ed25519.PublicKeySize || string(raw[:len(idHeader)]) != idHeader {
		return nil, fmt.Errorf("node id %q: %w", node, ErrMalformed)
	}
	return raw[len(idHeader):], nil
}
