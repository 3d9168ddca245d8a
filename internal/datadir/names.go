// Package datadir knows a node's data folder: the names of the files in it, and the
// hints for a folder that cannot be used. Every package that opens the folder uses it.
//
// It does not read or write the files; their packages do.
package datadir

// The files and folders of a data folder. docs/spec/disk.md describes them.
const (
	Identity  = "identity.pem"   // the node's private key
	Shoal     = "shoal.json"     // the node's shoal: membership.Folder
	Invites   = "invites.json"   // the tickets this node has issued
	Addresses = "addresses.json" // where other nodes were last reached
	Scrub     = "scrub.json"     // when each part of the store was last read
	Store     = "store"          // a folder: the chunks
	Journal   = "journal.db"     // every node's signed batches
	Catalog   = "catalog.db"     // a view of the journal; package catalog has another file beside it
)
