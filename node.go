package shoal

import (
	"context"
	"time"
)

// Node is everything a person can ask of a node. The node itself implements
// it, and so does the client that speaks to a running node over its socket.
//
// Every method may be called by many goroutines at once, blocks until it is
// done or ctx ends, and answers with errors that carry a Code. A ref is a
// file id, a unique prefix of at least MinPrefix hex digits of one, a name,
// or a link (see ParseLink).
type Node interface {
	Mover
	Library
	Overseer
	Council
}

// Mover puts files in and takes them out.
type Mover interface {
	// Add takes the request's files into this node, in order, several at a
	// time. Each ends in an EventDone, whose bytes are durable on this node
	// when it is sent, or an EventFailed, after which the others go on. The
	// error is nil when all succeeded, the failure itself when there was one
	// item, and Partial when only some succeeded. watch may be nil; it is
	// called from one goroutine and holds up the work while it runs.
	Add(ctx context.Context, req AddRequest, watch func(Event)) error

	// Get fetches the request's files into the places it names, several at a
	// time. What an earlier, interrupted Get of the same file to the same
	// place had verified and synced is not fetched again. A file appears
	// under its final name only when it is whole and verified. Events and
	// error are as for Add.
	Get(ctx context.Context, req GetRequest, watch func(Event)) error

	// Open gives a file for reading: what is on this node is read here, the
	// rest is fetched as it is read, with read-ahead.
	Open(ctx context.Context, ref string) (Content, error)
}

// Library is what there is.
type Library interface {
	// List gives the entries here whose name starts with req.Prefix, in order
	// of name, at most req.Limit of them (at most MaxList; 0 means MaxList),
	// after req.After.
	List(ctx context.Context, req ListRequest) ([]Entry, error)

	// Info tells all this node knows of a file, and asks connected peers what
	// they have of it.
	Info(ctx context.Context, ref string) (FileInfo, error)

	// Search gives the entries that answer a request, the latest first, a page
	// at a time. A page may hold fewer than were asked for and have a next.
	Search(ctx context.Context, req SearchRequest) (SearchPage, error)

	// Move gives an entry another name, for all nodes. Errors: Exists if the
	// name is another file's and req does not replace it, Unauthorised for a
	// reader.
	Move(ctx context.Context, req MoveRequest) (Entry, error)

	// Remove takes a name away, for all nodes; or all names of a file, if the
	// ref is an id or a link. When no name is left the file's chunks leave the
	// disks, but only when the trash time has passed. A linked file of a
	// person's is never deleted, only no longer used. It returns the entry
	// removed. Errors: Unauthorised for a reader.
	Remove(ctx context.Context, req RemoveRequest) (Entry, error)

	// Trash gives what was removed or replaced and can still be had back, under
	// names that start with prefix, the latest first, at most MaxList. What has
	// another name is not there, though Undelete has it back under its old one.
	Trash(ctx context.Context, prefix string) ([]Removed, error)

	// Undelete takes the latest of a name or an id out of the trash, and returns
	// its entry. Errors: NotFound if it is not there, Exists if its name is
	// another file's by now, Unauthorised for a reader.
	Undelete(ctx context.Context, req UndeleteRequest) (Entry, error)

	// Change does several things to names: moves, removals and undeletions, in
	// order, each as the method of that name does it. What does not depend on
	// one another is said together, so that many cost little more than one.
	// Events and error are as for Add.
	Change(ctx context.Context, req ChangeRequest, watch func(Event)) error

	// Link gives the text by which anyone who can reach this node can get the
	// file.
	Link(ctx context.Context, ref string) (Link, error)
}

// Overseer is how it goes.
type Overseer interface {
	// Peers lists the connected peers.
	Peers(ctx context.Context) ([]Peer, error)

	// Status is the node's account of itself.
	Status(ctx context.Context) (Status, error)

	// Plan says what the nodes that answer are about to copy and delete so that
	// every file has its copies where they should be, at most limit moves (0 is
	// MaxList). It changes nothing.
	Plan(ctx context.Context, limit int) ([]Move, error)

	// Repair has this node look at all files now, and get what it should hold
	// and lacks, instead of when it would anyway. It does not wait for that.
	Repair(ctx context.Context) error

	// Verify reads and checks every chunk on this node of one file, or of all
	// files when ref is empty. Rotten chunks are marked absent and reported, and
	// so are those that this node should keep and has not. Finding some is an
	// Integrity error beside a complete report, missing some and no more a
	// Partial one.
	Verify(ctx context.Context, ref string, watch func(Event)) (VerifyReport, error)
}

// MaxList is the most entries one List gives.
const MaxList = 10_000

// MaxItems is the most files one AddRequest, GetRequest or ChangeRequest may name;
// callers with more send several.
const MaxItems = 4096

// AddRequest says what to add and how.
type AddRequest struct {
	Items     []AddItem `json:"items"`
	ChunkSize int       `json:"chunk_size,omitempty"` // bytes, a power of two; 0 chooses by file size
	Link      bool      `json:"link,omitempty"`       // use the files where they lie, without a copy
	Copies    int       `json:"copies,omitempty"`     // wanted of each file, on nodes of their own; 0 is two, and none with Link
	Wait      Wait      `json:"wait,omitempty"`       // what to wait for
}

// Wait says what an Add waits for.
type Wait string

// What an Add can wait for.
const (
	WaitUsual Wait = ""      // as WaitSafe where there are two nodes that store, else as WaitLocal
	WaitSafe  Wait = "safe"  // two copies on disks, or as many as are wanted; with fewer the Add ends in BelowCopies
	WaitLocal Wait = "local" // the file on this node's disk
)

// AddItem is one file to add: a regular file at an absolute path on the
// node's machine.
type AddItem struct {
	Path string `json:"path"`
	Name string `json:"name"` // what to call it: a clean relative path with forward slashes
}

// GetRequest says what to get and where to put it.
type GetRequest struct {
	Items []GetItem `json:"items"`
	Force bool      `json:"force,omitempty"` // replace what is at an output
}

// GetItem is one file to get: to an absolute path on the node's machine, whose
// parent folders are made. If Output ends in a slash, or is a folder, the
// file's own name is added to it.
type GetItem struct {
	Ref    string `json:"ref"`
	Output string `json:"output"`
}

// ListRequest says what part of the catalogue to list.
type ListRequest struct {
	Prefix string `json:"prefix,omitempty"`
	After  string `json:"after,omitempty"` // a name: only entries behind it
	Limit  int    `json:"limit,omitempty"`
}

// MoveRequest says what is to be called what.
type MoveRequest struct {
	Ref   string `json:"ref"`
	Name  string `json:"name"`            // the new one; one that ends in a slash has the old one's last element added
	Force bool   `json:"force,omitempty"` // if the name is another file's, that goes to the trash
}

// RemoveRequest says what to remove.
type RemoveRequest struct {
	Ref string `json:"ref"`
	Now bool   `json:"now,omitempty"` // this node's chunks go at once, if no name is left; then Undelete depends on what others have
}

// UndeleteRequest says what to have back.
type UndeleteRequest struct {
	Ref  string `json:"ref"`            // a name or an id
	Name string `json:"name,omitempty"` // what to call it; empty for what it was called
}

// ChangeRequest says what to do to names.
type ChangeRequest struct {
	Items []ChangeItem `json:"items"`
}

// ChangeItem is one thing to be done: one of its members is set.
type ChangeItem struct {
	Move     *MoveRequest     `json:"move,omitempty"`
	Remove   *RemoveRequest   `json:"remove,omitempty"`
	Undelete *UndeleteRequest `json:"undelete,omitempty"`
}

// SearchRequest says what to look for among the names of all files. What is not
// set does not matter.
type SearchRequest struct {
	Text    string    `json:"text,omitempty"`     // words that are in the name, in any case; START* is what a name or its last element starts with
	Types   []string  `json:"types,omitempty"`    // name endings such as "pdf", any of them
	MinSize int64     `json:"min_size,omitempty"` // bytes
	MaxSize int64     `json:"max_size,omitempty"` // bytes; 0 is no bound
	Since   time.Time `json:"since,omitzero"`     // added then or later
	After   string    `json:"after,omitempty"`    // the Next of the page before
	Limit   int       `json:"limit,omitempty"`    // entries, at most MaxList; 0 means MaxList
}

// SearchPage is one page of what a search found, the latest first.
type SearchPage struct {
	Entries []Entry `json:"entries"`
	Next    string  `json:"next,omitempty"` // "" on the last page
}

// VerifyReport is what Verify found.
type VerifyReport struct {
	Files   int    `json:"files"`
	Chunks  int    `json:"chunks"`
	Bytes   int64  `json:"bytes"`
	Rotten  []Rot  `json:"rotten"`
	Missing []Lack `json:"missing"`
}

// Lack is a file of which a node has not all that it should keep.
type Lack struct {
	File   FileID `json:"file"`
	Name   string `json:"name,omitempty"`
	Chunks int    `json:"chunks"` // that it should keep and has not
	Of     int    `json:"of"`     // chunks that the file has
}

// Rot is a chunk whose bytes were not what they should be.
type Rot struct {
	File  FileID `json:"file"`
	Name  string `json:"name,omitempty"`
	Index int    `json:"chunk"`
	Place Place  `json:"place"`
}
