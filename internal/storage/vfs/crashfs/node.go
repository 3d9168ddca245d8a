package crashfs

import "maps"

type kind uint8

const (
	regular kind = iota
	folder
)

// node is a file or a folder: as the running system sees it, and as it is on
// the disk.
type node struct {
	kind  kind
	inode uint64

	data    []byte // of a file
	durable []byte
	mtime   int64
	locked  bool

	names  map[string]*node // of a folder
	synced map[string]*node
}

func (s *System) newNode(k kind) *node {
	s.inode++
	n := &node{kind: k, inode: s.inode, mtime: s.tick()}
	if k == folder {
		n.names, n.synced = map[string]*node{}, map[string]*node{}
	}
	return n
}

// sync makes what the node holds durable.
func (n *node) sync() {
	if n.kind == folder {
		n.synced = maps.Clone(n.names)
		return
	}
	n.durable = append(n.durable[:0], n.data...)
}

// resize cuts the file, or fills it up with zeros.
func (n *node) resize(size int64) {
	if grow := size - int64(len(n.data)); grow > 0 {
		n.data = append(n.data, make([]byte, grow)...)
	}
	n.data = n.data[:size]
}
