package node

import (
	"context"
	"errors"
	"fmt"

	"shoal"
	"shoal/internal/batch"
	"shoal/internal/catalog"
	"shoal/internal/redundancy/reconcile"
)

// Verify reads and checks what is here. See shoal.Overseer.
func (n *Node) Verify(ctx context.Context, ref string, watch func(shoal.Event)) (shoal.VerifyReport, error) {
	ctx, done := n.work(ctx)
	defer done()
	v := verifier{node: n, events: batch.NewEvents(watch), rotten: make(map[shoal.FileID][]int), report: shoal.VerifyReport{Rotten: []shoal.Rot{}, Missing: []shoal.Lack{}}}
	if err := v.run(ctx, ref); err != nil {
		return v.report, err
	}
	if rotten := len(v.report.Rotten); rotten > 0 {
		return v.report, shoal.WithHint(fmt.Errorf("%d of %d chunks have rotted: %w", rotten, v.report.Chunks, shoal.Integrity),
			"get the file again: what is sound here is kept, the rest is fetched")
	}
	if missing := len(v.report.Missing); missing > 0 {
		return v.report, shoal.WithHint(fmt.Errorf("not all is here of %d of the files that this node should keep: %w", missing, shoal.Partial),
			"what other nodes have of it comes by itself, and `shoal status` tells how that goes; what nobody has is to be added again")
	}
	return v.report, nil
}

// verifier is one run of Verify.
type verifier struct {
	node   *Node
	events *batch.Events
	report shoal.VerifyReport
	rotten map[shoal.FileID][]int // chunks in the store
}

func (v *verifier) run(ctx context.Context, ref string) error {
	if ref != "" {
		entry, err := v.node.changer.Find(ctx, ref)
		if err != nil {
			return err
		}
		if err := v.file(ctx, entry); err != nil {
			return err
		}
		return v.missing(ctx, entry.ID)
	}
	for summary, err := range v.node.store.All(ctx) {
		if err != nil {
			return fmt.Errorf("list the store: %w", err)
		}
		entry, err := v.node.catalog.Resolve(ctx, summary.ID.String())
		if err != nil {
			entry = shoal.Entry{ID: summary.ID, Size: summary.Size}
		}
		if err := v.file(ctx, entry); err != nil && !errors.Is(err, shoal.NotFound) { // one that has gone meanwhile is missing, or means nothing
			return err
		}
	}
	return v.allMissing(ctx)
}

// file checks one file in every place it lies.
func (v *verifier) file(ctx context.Context, entry shoal.Entry) error {
	file, err := v.node.store.File(ctx, entry.ID)
	if err != nil {
		return fmt.Errorf("verify %s: %w", nameOr(entry), err)
	}
	v.report.Files++
	event := shoal.Event{Name: entry.Name, File: entry.ID, Total: file.Size}
	progress := v.events.Progress(event)
	done := int64(0)
	err = v.node.store.Verify(ctx, entry.ID, func(index int, place shoal.Place, err error) error {
		if err == nil || errors.Is(err, shoal.Integrity) { // else it is not there to be read
			v.report.Chunks++
			v.report.Bytes += int64(file.ChunkLen(index))
		}
		done += int64(file.ChunkLen(index))
		progress(done, file.Size)
		if errors.Is(err, shoal.Integrity) {
			v.report.Rotten = append(v.report.Rotten, shoal.Rot{File: entry.ID, Name: entry.Name, Index: index, Place: place})
			if place.Kind == shoal.PlaceStore {
				v.rotten[entry.ID] = append(v.rotten[entry.ID], index)
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("verify %s: %w", nameOr(entry), err)
	}
	return nil
}

// allMissing compares what this node should keep with what it has.
func (v *verifier) allMissing(ctx context.Context) error {
	for after := (shoal.FileID{}); ; {
		page, err := v.node.catalog.Files(ctx, after)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, f := range page {
			if err := v.compare(ctx, f); err != nil {
				return err
			}
		}
		after = page[len(page)-1].ID
	}
}

// missing compares one file, if it has a name.
func (v *verifier) missing(ctx context.Context, id shoal.FileID) error {
	f, err := v.node.catalog.FileOf(ctx, id)
	if errors.Is(err, shoal.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return v.compare(ctx, f)
}

// compare adds to the report what this node should keep of a file and has not,
// unless it is there as rotten.
func (v *verifier) compare(ctx context.Context, f catalog.File) error {
	if !f.Live || f.Copies == 0 {
		return nil
	}
	a, err := v.node.reconciler.call(ctx, func(c reconcile.Call) reconcile.Event { return reconcile.Examine{Call: c, File: f.ID} })
	if err != nil {
		return fmt.Errorf("look for missing chunks: %w", err)
	}
	examined := a.(reconcile.Examined)
	if examined.Failed {
		return fmt.Errorf("look for missing chunks of %s: the catalogue or the store cannot be read", f.ID.Short())
	}
	lacking := examined.Lacking
	for _, chunk := range v.rotten[f.ID] {
		lacking.Clear(chunk)
	}
	if lacking.Count() == 0 {
		return nil
	}
	lack := shoal.Lack{File: f.ID, Chunks: lacking.Count(), Of: lacking.Len()}
	if entries, err := v.node.catalog.Of(ctx, f.ID); err == nil && len(entries) > 0 {
		lack.Name = entries[0].Name
	}
	v.report.Missing = append(v.report.Missing, lack)
	return nil
}

// nameOr returns the name of an entry, or the short form of its id.
func nameOr(e shoal.Entry) string {
	if e.Name != "" {
		return e.Name
	}
	return e.ID.Short()
}
