package shoal

import (
	"io"
	"time"
)

// Entry is a name that points at a file. Several entries may point at one
// file, and one name may have pointed at several: the latest is what it means.
type Entry struct {
	ID        FileID    `json:"id"`
	Name      string    `json:"name"`       // a relative path with forward slashes
	Size      int64     `json:"size"`       // bytes
	ChunkSize int       `json:"chunk_size"` // bytes, a power of two
	Copies    int       `json:"copies"`     // wanted, each on a node of its own; 0 for a file that is only shared where it lies
	Added     time.Time `json:"added"`
	By        NodeID    `json:"by,omitempty"`       // the node it was added at
	Conflict  bool      `json:"conflict,omitempty"` // someone gave the name another file at the same time; this is shown beside it
}

// Removed is an entry in the trash: it was removed, or its name was given
// another file.
type Removed struct {
	Entry
	Since time.Time `json:"since"` // when this node heard of it
	Until time.Time `json:"until"` // when this node may delete the chunks it has
}

// FileInfo is what a node knows of one file.
type FileInfo struct {
	Entry
	Names   []string   `json:"names"`   // every name here, the latest first
	Beside  []Entry    `json:"beside"`  // other files that its name was given at the same time
	Chunks  int        `json:"chunks"`  // how many the file is cut into
	Present int        `json:"present"` // how many of them are on this node
	Places  []Place    `json:"places"`  // where on this node they lie
	Sources []Presence `json:"sources"` // which connected peers have it
	Kept    []Copy     `json:"kept"`    // which nodes that answer keep how much of it, this one first
}

// Copy is how much of a file a node keeps durably for the shoal, and how much it
// should.
type Copy struct {
	Node   NodeID `json:"node"`
	Name   string `json:"name,omitempty"`
	Chunks int    `json:"chunks"`
	Should int    `json:"should"` // by the placement of now
	Of     int    `json:"of"`
}

// Move is something that a node is about to do about a file.
type Move struct {
	Kind     MoveKind `json:"kind"`
	File     FileID   `json:"file"`
	Name     string   `json:"name"` // of the file
	Node     NodeID   `json:"node"`
	NodeName string   `json:"node_name,omitempty"`
	Chunks   int      `json:"chunks"`
	Bytes    int64    `json:"bytes"`
	Why      string   `json:"why"` // the rest of a sentence
}

// MoveKind says what is done.
type MoveKind string

// The kinds of move.
const (
	MoveCopy   MoveKind = "copy"   // the node fetches the chunks
	MoveDelete MoveKind = "delete" // the node deletes them, when it may
)

// Place is one spot on this node's disks that holds chunks of a file.
type Place struct {
	Kind   PlaceKind `json:"kind"`
	Path   string    `json:"path,omitempty"` // of a linked file, absolute
	Chunks int       `json:"chunks"`         // how many chunks are there
}

// PlaceKind says who owns the bytes at a Place.
type PlaceKind string

// The kinds of place.
const (
	PlaceStore  PlaceKind = "store"  // the node's own store: counts as a copy
	PlaceLinked PlaceKind = "linked" // a person's file, used where it lies: never counts as a durable copy
)

// Presence is a peer's word on how much of a file it has.
type Presence struct {
	Node   NodeID `json:"node"`
	Name   string `json:"name,omitempty"` // the peer's own name, if it told us
	Chunks int    `json:"chunks"`
	Of     int    `json:"of"`
}

// Content is a file opened for reading. Reads fetch what is not on this node
// and block until it is here and verified; Close stops the fetching. It is
// for one goroutine at a time.
type Content interface {
	io.ReadSeekCloser
	Entry() Entry
}

// Peer is another node, as seen from this one.
type Peer struct {
	ID        NodeID        `json:"id"`
	Name      string        `json:"name,omitempty"`
	Addr      string        `json:"addr"`      // the multiaddr of the connection
	Direction string        `json:"direction"` // "in" or "out"
	Transport string        `json:"transport"` // "tcp" or "quic"
	Latency   time.Duration `json:"latency_ns"`
	Since     time.Time     `json:"since"`
	BytesIn   int64         `json:"bytes_in"`  // file bytes received from it since this node started
	BytesOut  int64         `json:"bytes_out"` // file bytes sent to it since this node started
}

// Safety is how the files of the shoal are, as far as this node can prove it.
type Safety struct {
	State string `json:"state"` // "empty", "safe", "copying", "at risk", "too few nodes" or "not known"
	Text  string `json:"text"`  // a sentence
}

// Scrub is how the reading again of all that lies on a node goes.
type Scrub struct {
	Period   time.Duration `json:"period_ns"`       // in which everything is read once; 0 is never
	Coverage float64       `json:"coverage"`        // the share that was read within the period, from 0 to 1
	Oldest   time.Time     `json:"oldest,omitzero"` // when what was not read for longest was read
	Rotten   int           `json:"rotten"`          // chunks found rotten since the node was started, by whoever read them
	Repaired int           `json:"repaired"`        // of those, in the node's own store, the ones it has again
}

// Status is a node's account of itself.
type Status struct {
	Name      string        `json:"name"`
	ID        NodeID        `json:"peer_id"`
	Version   string        `json:"version"`
	Listen    []string      `json:"listen"`    // multiaddrs that end in /p2p/<peer id>
	Data      string        `json:"data"`      // the data folder, absolute
	Free      int64         `json:"free"`      // bytes this node may still store
	DiskFree  int64         `json:"disk_free"` // bytes left on the disk of the data folder
	Capacity  int64         `json:"capacity"`  // bytes this node may store; 0 = as much as the disk has
	Stored    int64         `json:"stored"`    // bytes in the node's own store
	Linked    int64         `json:"linked"`    // bytes of people's files used in place
	Files     int           `json:"files"`     // that it has chunks of, less those in the trash
	Trash     int           `json:"trash"`     // files in the trash that it has chunks of, as far as they are counted: to MaxList
	Conflicts int           `json:"conflicts"` // names that were given several files at the same time
	Peers     int           `json:"peers"`
	Nodes     int           `json:"nodes"`  // that belong to the shoal
	Safety    Safety        `json:"safety"` // how the shoal's files are
	Scrub     Scrub         `json:"scrub"`
	Transfers int           `json:"transfers"` // running now
	Sessions  int           `json:"sessions"`  // peers being served now
	Uptime    time.Duration `json:"uptime_ns"`
	Trouble   []string      `json:"trouble"` // what is wrong now, a sentence each; empty when all is well
}
