package disk

import (
	"maps"

	"shoal"
	"shoal/internal/record"
)

// Journal models the journal of a process: the batches on its disk, and how far each
// author's have come. It is a gossip.Journal.
type Journal struct {
	log    map[shoal.NodeID][]Batch
	vector record.Vector
	digest [32]byte // of the vector, if it is known
	known  bool
}

// Open returns the journal on a disk.
func Open(d *Disk) *Journal {
	j := &Journal{log: d.Log, vector: make(record.Vector)}
	for author, log := range d.Log {
		if len(log) > 0 {
			j.vector[author] = log[len(log)-1].Seq
		}
	}
	return j
}

// Upto returns the number of an author's last batch.
func (j *Journal) Upto(author shoal.NodeID) uint64 { return j.vector[author] }

// Vector returns a copy.
func (j *Journal) Vector() record.Vector { return maps.Clone(j.vector) }

// Digest returns the digest of the vector. Errors: as record.Vector.
func (j *Journal) Digest() (_ [32]byte, err error) {
	if !j.known {
		j.digest, err = j.vector.Digest()
		j.known = err == nil
	}
	return j.digest, err
}

// Behind returns an author's batches behind one.
func (j *Journal) Behind(author shoal.NodeID, after uint64) []Batch {
	log := j.log[author]
	return log[min(after, uint64(len(log))):]
}

// Append writes the next batch of an author.
func (j *Journal) Append(b Batch) {
	j.log[b.Author] = append(j.log[b.Author], b)
	j.vector[b.Author], j.known = b.Seq, false
}

// Void drops an author's batches behind one.
func (j *Journal) Void(author shoal.NodeID, upto uint64) {
	log := j.log[author]
	if uint64(len(log)) <= upto {
		return
	}
	j.log[author], j.vector[author], j.known = log[:upto:upto], upto, false
	if upto == 0 {
		delete(j.vector, author)
	}
}
