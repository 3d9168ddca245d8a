package reconcile

import (
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/safety"
)

// Event is something that happened: one of the types below. The runner hands all
// of them over in the order in which they happened.
type Event interface{ event() }

// Op numbers an action whose result comes back as an event.
type Op uint64

// Call numbers a caller that waits for an action. The runner chooses it, and
// uses no number twice.
type Call uint64

// Nodes says that the roster or the liveness of its nodes has changed. Storage is
// all nodes of the roster that should store chunks, up or not, this one
// included; it belongs to the machine from then on.
type Nodes struct{ Storage []Peer }

// Peer is a storage node as this node sees it now.
type Peer struct {
	repair.Node
	Name     string         // for people
	Alive    bool           // it answers, and nobody suspects it
	Linked   bool           // there is a connection to it
	Reported bool           // it has made a report
	Report   safety.Account // the last
}

// Named says that the catalogue has applied batches.
type Named struct {
	Files []Name     // that names now mean, or no longer mean
	Heard []Position // how far the authors' batches have come
}

// Name is a file that was named.
type Name struct {
	File shoal.FileID
	By   shoal.NodeID
	At   time.Time // by the author's wall clock; zero if the name is not new
}

// Position is the number of an author's last batch.
type Position struct {
	Author shoal.NodeID
	Upto   uint64
}

// Passed says that time has passed. Log is the beginning of the digest of the
// journal's vector, as far as its batches are applied and were handed over as
// Named before. Late says that the catalogue could not apply some. Free is the
// room of this node's store, in bytes.
type Passed struct {
	Log  [8]byte
	Late bool
	Free int64
}

// Recheck has the machine look at some files, or at all.
type Recheck struct {
	Files []shoal.FileID
	All   bool
}

// Damaged says that chunks of a file were found rotten or missing, and do not
// count as here any more.
type Damaged struct {
	File   shoal.FileID
	Chunks int
}

// Seen is a file as the catalogue and the store have it at one moment.
type Seen struct {
	File      shoal.FileID
	Failed    bool // the catalogue or the store could not be read: nothing else is set
	Known     bool // names mean or meant it; if not, only Here and Own are set
	Live      bool // a name means it
	Size      int64
	ChunkSize int
	Copies    int       // wanted
	Since     time.Time // by the wall clock, when this node heard that no name means it
	Here      bool      // the store has something of it
	Own       content.Bitmap
}

// Looked is the result of a Look: a Seen for each file asked for.
type Looked struct {
	Op    Op
	Files []Seen
	Free  int64
}

// Listed is the result of a List: the files behind After in order of id. No files
// means that there are no more.
type Listed struct {
	Op     Op
	Failed bool
	Files  []Seen
	Free   int64
}

// GarbageListed is the result of a ListGarbage: files in the store that the
// catalogue does not know, and that nobody reads.
type GarbageListed struct {
	Op       Op
	Failed   bool
	Complete bool // this node knows all names that it has ever heard
	Files    []Seen
}

// Answered is one node's answer to an Ask. Failed says that there will be none.
type Answered struct {
	Op     Op
	From   shoal.NodeID
	Failed bool
	Has    content.Bitmap
	Pledge content.Bitmap // the chunks that it promises to keep for trim.Kept
}

// Outcome is how a Fetch ended.
type Outcome uint8

// The outcomes.
const (
	Done   Outcome = iota // all chunks are durable here
	Nobody                // no node that was asked has them, or none answered
	Failed                // anything else: no room, an error of the disk
)

// Fetched is the result of a Fetch.
type Fetched struct {
	Op      Op
	Outcome Outcome
}

// Deleted is the result of a Delete, whether it succeeded or not.
type Deleted struct{ Op Op }

// Compacted is the result of a Compact, whether it succeeded or not.
type Compacted struct{ Op Op }

// TakeIn says that a caller wants to store a file that has no name yet. It waits
// for Admit.
type TakeIn struct{ Call Call }

// TakenIn ends a TakeIn: the file has its name, or never will.
type TakenIn struct{ Call Call }

// Added says that a caller has stored and named a file, and waits for
// Acknowledge: until its chunks lie on min(2, Copies) nodes. Upto is the number of
// the batch with the name. Usual callers do not wait in a shoal of one node.
type Added struct {
	Call  Call
	File  repair.File
	Upto  uint64
	Usual bool
}

// Asked is another node's question about the chunks here. The caller waits for
// Answer. Heard is how far this node has the asker's batches.
type Asked struct {
	Call   Call
	From   shoal.NodeID
	File   shoal.FileID
	Chunks int
	Upto   uint64 // the answer counts only if this node has heard the asker so far; 0 is anything
	Heard  uint64
	Waited bool // somebody waits for the file's copies
}

// Examine asks which chunks of a file this node should hold and lacks. The caller
// waits for Examined.
type Examine struct {
	Call Call
	File shoal.FileID
}

// HungUp says that a caller of TakeIn, Added, Asked or Examine waits no longer.
type HungUp struct{ Call Call }

func (Nodes) event()         {}
func (Named) event()         {}
func (Passed) event()        {}
func (Recheck) event()       {}
func (Damaged) event()       {}
func (Looked) event()        {}
func (Listed) event()        {}
func (GarbageListed) event() {}
func (Answered) event()      {}
func (Fetched) event()       {}
func (Deleted) event()       {}
func (Compacted) event()     {}
func (TakeIn) event()        {}
func (TakenIn) event()       {}
func (Added) event()         {}
func (Asked) event()         {}
func (Examine) event()       {}
func (HungUp) event()        {}
