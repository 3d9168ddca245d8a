// Package recovery restores a damaged store. A Mender replaces damaged databases
// and saves their readable rows. Rebuild reads all chunks and corrects the databases.
// A Look examines a store without changing it. docs/spec/disk.md lists the losses
// that a store survives.
//
// It does not know the open files of a store: package disk passes functions and the
// interface Store.
package recovery
