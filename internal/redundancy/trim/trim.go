// Package trim decides what a node may delete. Stores lose data by deleting on
// stale knowledge, so nothing goes but on fresh pledges of enough others: each
// says that it has the chunk durably, should hold it by its own view, and will
// keep it for longer than the asker can believe it.
//
// It is pure: it asks nobody and deletes nothing.
package trim

import (
	"maps"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/repair"
)

// The times. A pledge is kept for four times as long as it counts, which leaves
// room for clocks that do not run alike. All are spans on each node's own
// monotonic clock.
const (
	Counts = 30 * time.Second  // a pledge, from when it was asked for
	Kept   = 120 * time.Second // a pledge, from when it was given

	// DefaultDelay is how long nothing is deleted after a change in who counts:
	// what is surplus now may be wanted again in a moment.
	DefaultDelay = 10 * time.Minute

	// Grace is how long a process must have known at least that a file was
	// removed before it deletes it, if the trash time is not shorter: a wall
	// clock that jumps may end the trash time at once.
	Grace = time.Hour

	// Asleep is a gap between two looks at the clocks after which the process
	// must have stood still, or a clock have jumped. What it knows is old then,
	// as after a restart.
	Asleep = time.Minute

	// DefaultTrash is how long the chunks of a removed file are kept.
	DefaultTrash = 24 * time.Hour
)

// Pledge is another node's word on the chunks of a file.
type Pledge struct {
	From   shoal.NodeID
	Asked  time.Duration // when the question was sent, by the asker's clock
	Chunks content.Bitmap
}

// Keeper is what a node has pledged. It must be made when the process starts,
// for what was pledged before is not remembered: until that has run out nothing
// is deleted.
type Keeper struct {
	started time.Duration
	given   map[shoal.FileID][]given
	removed map[shoal.FileID]removal
	coming  map[shoal.FileID]bool           // files of which chunks are being fetched
	leaving map[shoal.FileID]content.Bitmap // chunks that are being deleted

	now  time.Duration // the clocks when they were last looked at
	wall time.Time
}

// removal is when this process first heard that no name means a file.
type removal struct {
	since time.Time // as Removed was told; another is another removal
	heard time.Duration
}

// given is one pledge.
type given struct {
	chunks content.Bitmap
	until  time.Duration
}

// NewKeeper returns a keeper that starts now.
func NewKeeper(now time.Duration) *Keeper {
	return &Keeper{
		started: now, given: make(map[shoal.FileID][]given), removed: make(map[shoal.FileID]removal),
		coming: make(map[shoal.FileID]bool), leaving: make(map[shoal.FileID]content.Bitmap),
	}
}

// Give pledges the chunks of a file that this node has durably and should hold
// by its own view, and returns them. need is what the node should do about
// the file, have what it has. A node that has a chunk which it need not hold
// does not pledge it, so of two that would both like to be rid of it neither
// takes the other's word.
func (k *Keeper) Give(now time.Duration, file shoal.FileID, have content.Bitmap, need repair.Need) content.Bitmap {
	chunks := have.Clone()
	for chunk := range chunks.Len() {
		if need.Surplus.Has(chunk) {
			chunks.Clear(chunk)
		}
	}
	if chunks.Count() > 0 {
		k.forget(now, file)
		k.given[file] = append(k.given[file], given{chunks: chunks, until: now + Kept})
	}
	return chunks
}

// forget drops pledges of a file that have run out.
func (k *Keeper) forget(now time.Duration, file shoal.FileID) {
	var left []given
	for _, g := range k.given[file] {
		if g.until > now {
			left = append(left, g)
		}
	}
	if len(left) == 0 {
		delete(k.given, file)
	} else {
		k.given[file] = left
	}
}

// Look tells the time. It is to be called every few seconds: a longer gap on
// either clock means that what this node knows may be old, and is taken for a
// restart.
func (k *Keeper) Look(now time.Duration, wall time.Time) {
	if !k.wall.IsZero() {
		if gap := wall.Sub(k.wall); now-k.now > Asleep || gap > Asleep || gap < -Asleep {
			k.started = now
		}
	}
	k.now, k.wall = now, wall
}

// Steady is for how long this node has run without standing still, and its clocks
// without jumping.
func (k *Keeper) Steady(now time.Duration) time.Duration { return now - k.started }

// Sweep drops all pledges that have run out. It is to be called now and then.
func (k *Keeper) Sweep(now time.Duration) {
	for file := range maps.Clone(k.given) {
		k.forget(now, file)
	}
}

// bound reports whether the node must keep a chunk.
func (k *Keeper) bound(now time.Duration, chunk shoal.Chunk) bool {
	if now < k.started+Kept {
		return true
	}
	for _, g := range k.given[chunk.File] {
		if g.until > now && g.chunks.Has(chunk.Index) {
			return true
		}
	}
	return false
}

// Surplus is the chunks that may be deleted at this moment, of those the node
// need not hold. The pledges are of others; of several by one node the latest
// counts. delay is how long ago the last change in who counts must be.
func (k *Keeper) Surplus(now, delay time.Duration, v repair.View, f repair.File, need repair.Need, pledges []Pledge) content.Bitmap {
	free := content.NewBitmap(f.Chunks)
	if v.Braked || now < v.Changed+delay || k.coming[f.ID] {
		return free
	}
	for chunk := range f.Chunks {
		if need.Surplus.Has(chunk) && !k.bound(now, shoal.Chunk{File: f.ID, Index: chunk}) && Pledged(now, v, chunk, pledges) >= f.Copies {
			free.Set(chunk)
		}
	}
	return free
}

// Pledged is how many nodes that count have pledged a chunk, by pledges that are
// good at this moment.
func Pledged(now time.Duration, v repair.View, chunk int, pledges []Pledge) int {
	latest := make(map[shoal.NodeID]Pledge)
	for _, p := range pledges {
		if last, known := latest[p.From]; !known || p.Asked > last.Asked {
			latest[p.From] = p
		}
	}
	count := 0
	for _, p := range latest {
		if now <= p.Asked+Counts && v.In.Has(p.From) && p.Chunks.Has(chunk) {
			count++
		}
	}
	return count
}

// Removed reports whether a file that no name means any more may be deleted. It
// was removed, as far as this node knows, at a moment of the wall clock. The trash
// time must have passed on the monotonic clock of this process; of one that did
// not run so long the wall clock is believed, after Grace.
func (k *Keeper) Removed(now time.Duration, f repair.File, wall, since time.Time, trash time.Duration) bool {
	r := k.heard(now, f.ID, since)
	if known := now - r.heard; known < trash && (known < Grace || wall.Sub(since) < trash) {
		return false
	}
	return k.release(now, f)
}

// Orphan reports whether a file may be deleted that nobody here has ever heard a
// name of: what an add left that broke off, say. It is given a lease from when
// this process first saw it, for its name may still come.
func (k *Keeper) Orphan(now time.Duration, f repair.File, lease time.Duration) bool {
	r := k.heard(now, f.ID, time.Time{})
	return now-r.heard >= lease && k.release(now, f)
}

// heard is when this process first heard that a file is not wanted since a
// moment.
func (k *Keeper) heard(now time.Duration, file shoal.FileID, since time.Time) removal {
	r, known := k.removed[file]
	if !known || !r.since.Equal(since) {
		r = removal{since: since, heard: now}
		k.removed[file] = r
	}
	return r
}

// Wanted says that a name means a file: if that ends, it ends anew.
func (k *Keeper) Wanted(file shoal.FileID) { delete(k.removed, file) }

// release reports whether nothing of a file was pledged or is being fetched, and
// if so forgets that it was not wanted.
func (k *Keeper) release(now time.Duration, f repair.File) bool {
	if k.coming[f.ID] {
		return false
	}
	for chunk := range f.Chunks {
		if k.bound(now, shoal.Chunk{File: f.ID, Index: chunk}) {
			return false
		}
	}
	delete(k.removed, f.ID)
	return true
}
