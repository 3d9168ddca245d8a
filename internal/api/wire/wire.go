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

	// MaxRequest is the longest body of a request, in bytes: shoal.MaxItems
	// items with a link and a path of the longest kind, and room for escapes.
	MaxRequest = 2 * shoal.MaxItems * (shoal.MaxLinkLength + maxPath)

	// MaxAnswer is the longest answer that is not a stream, in bytes:
	// shoal.MaxList entries with names of the longest kind, and room for
	// escapes.
	MaxAnswer = shoal.MaxList * (2*shoal.MaxNameLength + entryOverhead)

	// MaxEntryHeader is the longest EntryHeader, in bytes: every character of
	// the longest name may need an escape.
	MaxEntryHeader = 6*shoal.MaxNameLength + entryOverhead
)

const (
	maxPath       = 4096 // Linux's PATH_MAX
	entryOverhead = 512  // an entry's JSON without its name: 300 bytes and some
)

// The names and media types that the API and its client must agree on.
const (
	Prefix        = "/api/v1"
	EntryHeader   = "Shoal-Entry"   // the entry whose bytes follow, as ASCII JSON
	FailureHeader = "Shoal-Failure" // a trailer: why the bytes stopped early, as ASCII JSON

	MediaProblem = "application/problem+json" // RFC 9457
	MediaLines   = "application/x-ndjson"     // one JSON value a line
)
