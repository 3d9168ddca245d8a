package shoal

import "time"

// EventType says what happened.
type EventType string

// What can happen. One stream of events feeds the progress bar, --json and
// whatever watches a node from afar.
const (
	EventStarted      EventType = "transfer_started"
	EventProgress     EventType = "progress"
	EventSourceJoined EventType = "source_joined"
	EventSourceLeft   EventType = "source_left"
	EventSourceBanned EventType = "source_banned"
	EventDone         EventType = "done"   // one file is complete; Entry and, for a get, Stats are set
	EventFailed       EventType = "failed" // one file failed; Error is set
	EventNotice       EventType = "notice" // something was skipped or repaired; Text says what
)

// Event is one thing that happened to one transfer. Events of one call are
// delivered one at a time, in order of Seq, and Seq has no gaps.
type Event struct {
	Seq      uint64    `json:"seq"`
	Time     time.Time `json:"time"`
	Type     EventType `json:"event"`
	Transfer uint64    `json:"transfer,omitempty"` // tells apart the transfers of one node's run
	Item     int       `json:"item"`               // which of the request's items this is about, from 0
	File     FileID    `json:"file,omitzero"`
	Name     string    `json:"name,omitempty"`
	Done     int64     `json:"done"`  // bytes verified and written so far
	Total    int64     `json:"total"` // bytes of the file
	Source   *Source   `json:"source,omitempty"`
	Entry    *Entry    `json:"entry,omitempty"`
	Copies   int       `json:"copies,omitempty"` // of an added file that was waited for: those there are at the least
	Path     string    `json:"path,omitempty"`   // where a get wrote the file
	Stats    *Stats    `json:"stats,omitempty"`
	Text     string    `json:"text,omitempty"`
	Err      error     `json:"-"` // why it failed; carried over the wire as code, text and hint
}

// Source is what one peer gave to one transfer.
type Source struct {
	Node   NodeID  `json:"node"`
	Name   string  `json:"name,omitempty"`
	Bytes  int64   `json:"bytes"`            // verified and used
	Rate   float64 `json:"rate"`             // bytes per second, recent
	Reason string  `json:"reason,omitempty"` // why it left or was banned
	Banned bool    `json:"banned,omitempty"`
}

// Stats sums up one finished or failed transfer.
type Stats struct {
	Bytes      int64         `json:"bytes"`      // fetched, verified and used
	Reused     int64         `json:"reused"`     // found on this node, not fetched
	Duplicates int64         `json:"duplicates"` // fetched more than once
	Wasted     int64         `json:"wasted"`     // fetched and thrown away: wrong, or cut short
	Elapsed    time.Duration `json:"elapsed_ns"`
	Sources    []Source      `json:"sources"`
}
