// Package datadir holds what everything that opens a node's data folder must
// agree on: the names of the files in it, how small ones are written, and what a
// person can do about a folder that cannot be used.
//
// It does not open the databases in the folder; their packages do.
package datadir

// The files and folders of a data folder. docs/spec/disk.md says what they hold.
const (
	Identity  = "identity.pem"   // the node's private key
	Shoal     = "shoal.json"     // a Belonging
	Invites   = "invites.json"   // the tickets this node has issued
	Addresses = "addresses.json" // where other nodes were last reached
	Scrub     = "scrub.json"     // when each part of the store was last read
	Store     = "store"          // a folder: the chunks
	Journal   = "journal.db"     // every node's signed batches
	Catalog   = "catalog.db"     // a view of the journal; package catalog has another file beside it
)
