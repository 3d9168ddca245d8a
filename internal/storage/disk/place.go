package disk

import (
	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/body"
	"shoal/internal/storage/sums"
)

// place is one spot that has chunks of a file. A chunk that was put is fresh,
// and can be read; a commit makes it durable, and only then does it count.
// All but body is guarded by the mutex of its file.
type place struct {
	body body.Body

	durable content.Bitmap
	fresh   content.Bitmap
	syncing content.Bitmap // the fresh ones that a commit now at work makes durable
	sums    sums.List      // of the chunks that can be read here, as far as they are known

	// changes counts what its row does not say yet; recorded is how far the
	// row has come.
	changes  uint64
	recorded uint64

	broken  error       // its last sync failed: nothing put there will be durable
	folder  body.Folder // whose names the next commit must make durable first
	arrival *arrival    // an output's, that the next commit must do once it has synced
	left    string      // the path it has left, whose row goes when its own is written
}

// arrival is an output going from its partial file to its target.
type arrival struct {
	replace Replace
	err     error
}

func newPlace(b body.Body, durable content.Bitmap) *place {
	empty := content.NewBitmap(durable.Len())
	return &place{body: b, durable: durable, fresh: empty, syncing: empty.Clone()}
}

// has reports whether the chunk can be read here.
func (p *place) has(i int) bool { return p.durable.Has(i) || p.fresh.Has(i) }

// readable is every chunk that can be read here.
func (p *place) readable() content.Bitmap {
	b := p.durable.Clone()
	b.Union(p.fresh)
	return b
}

// clear forgets a chunk, and reports whether it was there.
func (p *place) clear(i int) bool {
	p.syncing.Clear(i)
	p.sums.Set(i, p.durable.Len(), 0)
	fresh, durable := p.fresh.Clear(i), p.durable.Clear(i)
	if fresh || durable {
		p.changes++
	}
	return fresh || durable
}

// settle makes durable what a commit has synced and recorded as of version.
func (p *place) settle(version uint64) {
	p.durable.Union(p.syncing)
	for i := range p.syncing.All {
		p.fresh.Clear(i)
	}
	p.syncing = content.NewBitmap(p.durable.Len())
	p.recorded = version
	if version == p.changes {
		p.folder, p.left = body.Folder{}, ""
	}
}

// linked is the link that the place is, or nil for the file's own.
func (p *place) linked() *body.Link {
	l, _ := p.body.(*body.Link)
	return l
}

// describe is the place as the world knows it.
func (p *place) describe() shoal.Place {
	if l := p.linked(); l != nil {
		return shoal.Place{Kind: shoal.PlaceLinked, Path: l.At().Path, Chunks: p.durable.Count()}
	}
	return shoal.Place{Kind: shoal.PlaceStore, Chunks: p.durable.Count()}
}
