// Package content says what a file is: the chunks it is cut into, the hash
// list that verifies each of them, and the id that verifies the hash list. The
// id is the BLAKE3 hash of the file, and the hash list a level of its tree, so
// nothing but the bytes themselves decides what a file is called.
//
// It is pure but for reading what it is given: it opens nothing, starts no
// goroutine that outlives a call, and knows neither stores nor peers.
package content

import "shoal"

// File is what must be known of a file before a chunk of it can be verified.
type File struct {
	ID        shoal.FileID
	Size      int64 // bytes
	ChunkSize ChunkSize
	List      HashList
}

// ChunkSize is the length of every chunk of a file but the last, in bytes: a
// power of two from MinChunkSize to MaxChunkSize.
type ChunkSize int

// CV is the chaining value of a subtree of the BLAKE3 tree (or, for a file of
// one chunk, the root hash itself).
type CV [32]byte

// HashList has one CV for each chunk. A file of one chunk has its id; an
// empty file has none.
type HashList []CV
