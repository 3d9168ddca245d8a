// Package wire is what the REST API and its client say to each other beside
// the types of package shoal: failures, the lines of a streamed answer, and
// the header that goes with a file's bytes. It is pure: it reads and writes
// what it is given, and knows neither HTTP nor sockets.
package wire

import "shoal"

// Bounds on what either side accepts.
const (
	// MaxLine is the longest line of a streamed answer, in bytes: an event
	// whose statistics name thousands of sources fits.
	MaxLine = 1 << 20

	// MaxText is the longest sentence of a failure; longer ones are cut.
	MaxText = 8 << 10

	// MaxRotten is how many rotten chunks one report may list: as many as the
	// largest file has (content.MaxChunks).
	MaxRotten = 1 << 22

	// MaxMissing is how many files that are missing one report may list.
	MaxMissing = 1 << 22

	// MaxRequest is the longest body of a request, in bytes: shoal.MaxItems
	// items with a link and a path of the longest kind (Linux's PATH_MAX is
	// 4096) are 48 MiB, and the rest is room for escapes.
	MaxRequest = 64 << 20

	// MaxAnswer is the longest answer that is not a stream, in bytes:
	// shoal.MaxList entries with names of the longest kind, and room for
	// escapes.
	MaxAnswer = shoal.MaxList * (2*shoal.MaxNameLength + entryOverhead)

	// MaxEntryHeader is the longest EntryHeader, in bytes: every character of
	// the longest name may need an escape.
	MaxEntryHeader = 6*shoal.MaxNameLength + entryOverhead
)

// entryOverhead is what an entry's JSON has beside its name, in bytes: 200 and
// room.
const entryOverhead = 512

// The names and media types that the API and its client must agree on.
const (
	Prefix      = "/api/v1"
	EntryHeader = "Shoal-Entry" // the entry whose bytes follow, as ASCII JSON

	MediaProblem = "application/problem+json" // RFC 9457
	MediaLines   = "application/x-ndjson"     // one JSON value a line
)

// Rename is the body of a request to rename.
type Rename struct {
	Name  string `json:"name" maxLength:"1024" doc:"The new name; one that ends in a slash has the old one's last element added"`
	Force bool   `json:"force,omitempty" doc:"If the name is another file's, that goes to the trash"`
}

// Undelete is the body of a request to have a file back.
type Undelete struct {
	Name string `json:"name,omitempty" maxLength:"1024" doc:"What to call it; empty for what it was called"`
}

// MoveList is what the nodes are about to do.
type MoveList struct {
	Moves []shoal.Move `json:"moves"`
}

// TrashList is what can be had back.
type TrashList struct {
	Removed []shoal.Removed `json:"removed"`
}

// EntryList is the answer to a listing.
type EntryList struct {
	Entries []shoal.Entry `json:"entries" doc:"In order of name"`
}

// PeerList is the answer to who is connected.
type PeerList struct {
	Peers []shoal.Peer `json:"peers"`
}

// NodeList is the answer to who belongs to the shoal.
type NodeList struct {
	Nodes []shoal.Member `json:"nodes"`
}

// LinkAnswer is the answer to a request for a link.
type LinkAnswer struct {
	Link shoal.Link `json:"link" doc:"All that is needed to get the file: shoal:ID?name=...&size=...&at=..."`
}
