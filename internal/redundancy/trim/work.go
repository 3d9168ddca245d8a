package trim

import (
	"shoal"
	"shoal/internal/content"
)

// Nothing of a file comes while something of it goes, and the other way round:
// else a chunk might be taken for one that is here, or be deleted as it comes.

// Come says that chunks of a file are to be fetched now, and reports whether they
// may be: not while others are, or while chunks of it are being deleted.
func (k *Keeper) Come(file shoal.FileID) bool {
	if _, going := k.leaving[file]; going || k.coming[file] {
		return false
	}
	k.coming[file] = true
	return true
}

// Came says that what was being fetched of a file is here, or will not come.
func (k *Keeper) Came(file shoal.FileID) { delete(k.coming, file) }

// Coming reports whether chunks of a file are being fetched.
func (k *Keeper) Coming(file shoal.FileID) bool { return k.coming[file] }

// Idle reports whether nothing is being fetched.
func (k *Keeper) Idle() bool { return len(k.coming) == 0 }

// Leave says that chunks of a file are to be deleted now, which Surplus, Removed
// or Orphan gave free, and reports whether they may be: not while others of it
// are. Until Gone they are here no more to anybody who asks.
func (k *Keeper) Leave(file shoal.FileID, chunks content.Bitmap) bool {
	if _, going := k.leaving[file]; going || k.coming[file] {
		return false
	}
	k.leaving[file] = chunks
	return true
}

// Gone says that what was leaving is deleted, or stays after all.
func (k *Keeper) Gone(file shoal.FileID) { delete(k.leaving, file) }

// Here is what a node may say that it has of a file, of what it has.
func (k *Keeper) Here(file shoal.FileID, have content.Bitmap) content.Bitmap {
	leaving, going := k.leaving[file]
	if !going {
		return have
	}
	here := have.Clone()
	for chunk := range leaving.All {
		here.Clear(chunk)
	}
	return here
}
