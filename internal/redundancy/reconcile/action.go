package reconcile

import (
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/safety"
)

// Action is something that the runner does: one of the types below. Actions with
// an Op have a result, which the runner hands back as an event; it may perform
// several of them at the same time.
type Action interface{ action() }

// Look asks for files as the catalogue and the store have them: Looked.
type Look struct {
	Op    Op
	Files []shoal.FileID
}

// List asks for a page of all files that names mean or meant: Listed.
type List struct {
	Op    Op
	After shoal.FileID
}

// ListGarbage asks for files in the store that no name ever meant: GarbageListed.
type ListGarbage struct{ Op Op }

// Ask asks nodes for their holdings of a file: an Answered for each. The machine
// waits for HoldTimeout.
type Ask struct {
	Op     Op
	To     []shoal.NodeID
	File   shoal.FileID
	Chunks int
	Upto   uint64 // of this node's batches that they must have heard; 0 is any
	Waited bool
}

// Fetch gets chunks of a file into this node's own store: Fetched. Chunks that lie
// elsewhere on this machine are copied from there.
type Fetch struct {
	Op         Op
	File       Seen
	Chunks     content.Bitmap
	From       shoal.NodeID // asked first, if it is connected; empty is nobody
	Only       bool         // nobody but From is asked
	Background bool         // nobody waits for it
}

// Delete removes chunks of a file from this node's own store, or, if Whole, the
// file with everything the store knows about it: Deleted.
type Delete struct {
	Op     Op
	File   shoal.FileID
	Chunks content.Bitmap
	Whole  bool
	Why    Why
}

// Why is why chunks are deleted.
type Why uint8

// The reasons.
const (
	Surplus Why = iota // enough others hold them
	Removed            // no name means the file, and its time in the trash is over
	Garbage            // no name ever meant the file
)

// Compact has the catalogue and the journal forget names that are long gone:
// Compacted.
type Compact struct{ Op Op }

// Report tells all nodes about missing bytes and free space here.
type Report struct {
	Account safety.Account
	Free    int64 // bytes
	Full    bool
}

// Repaired says that rotten or missing chunks were fetched again.
type Repaired struct{ Chunks int }

// Acknowledge ends the wait of Added. Copies is the fewest durable copies that a
// chunk was seen to have; 0 if nobody looked.
type Acknowledge struct {
	Call   Call
	Copies int
}

// Admit ends the wait of TakeIn.
type Admit struct{ Call Call }

// Answer ends the wait of Asked.
type Answer struct {
	Call        Call
	Has, Pledge content.Bitmap
	Failed      bool // the store or the catalogue could not be read
}

// Examined ends the wait of Examine. Lacking has no chunks if no name means the
// file.
type Examined struct {
	Call    Call
	Lacking content.Bitmap
	Failed  bool
}

// Wake asks for a Passed at a moment of the monotonic clock. It replaces the one
// before.
type Wake struct{ At time.Duration }

func (Look) action()        {}
func (List) action()        {}
func (ListGarbage) action() {}
func (Ask) action()         {}
func (Fetch) action()       {}
func (Delete) action()      {}
func (Compact) action()     {}
func (Report) action()      {}
func (Repaired) action()    {}
func (Acknowledge) action() {}
func (Admit) action()       {}
func (Answer) action()      {}
func (Examined) action()    {}
func (Wake) action()        {}
