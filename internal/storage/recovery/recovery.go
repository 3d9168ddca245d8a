// Package recovery brings a store back from damage, and tells what is damaged. A
// Mender puts new databases in the place of damaged ones, with all that can be
// saved: rows, and what the blobs prove. Rebuild corrects what is recorded to what
// is there. A Look finds out without a change. docs/spec/disk.md says what may be
// lost, and what then comes back.
//
// It does not know the files that are in use: package disk, which does, hands it
// what it needs.
package recovery
