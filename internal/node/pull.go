package node

import (
	"context"
	"errors"
	"fmt"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/transfer/download"
	"shoal/internal/transfer/fetch"
)

// fetch brings chunks of a file into this node's own store: from a person's file
// on this machine, if they lie there, else from other nodes.
func (r *reconciler) fetch(ctx context.Context, a reconcile.Fetch) reconcile.Outcome {
	missing, err := r.copyHere(ctx, a.File.File, a.Chunks)
	if err == nil && missing.Count() > 0 {
		err = r.fetchFrom(ctx, a, missing)
	}
	switch {
	case err == nil:
		return reconcile.Done
	case ctx.Err() == nil:
		r.n.cfg.Log.Info("fetch of chunks failed", "file", a.File.File, "chunks", a.Chunks.Count(), "err", err)
	}
	if errors.Is(err, shoal.NotFound) || errors.Is(err, shoal.Network) {
		return reconcile.Nobody
	}
	return reconcile.Failed
}

func (r *reconciler) fetchFrom(ctx context.Context, a reconcile.Fetch, chunks content.Bitmap) error {
	task := fetch.Task{Background: a.Background}
	if a.From != "" && r.n.connectedWith(a.From) {
		task.Sources, task.Sure, task.Only = []shoal.NodeID{a.From}, true, a.Only
	} else if a.Only {
		return fmt.Errorf("%s: %w", a.From.Short(), shoal.Network)
	}
	task.Open = func(ctx context.Context, file content.File) (fetch.Target, error) {
		if file.Chunks() != chunks.Len() {
			return nil, fmt.Errorf("the file is cut into %d chunks there, and %d here: %w", file.Chunks(), chunks.Len(), shoal.Usage)
		}
		if err := r.n.quota.Create(ctx, file); err != nil {
			return nil, err
		}
		have, err := r.n.store.Own(ctx, file.ID)
		if err != nil {
			return nil, err
		}
		for chunk := range chunks.Len() {
			if !chunks.Has(chunk) {
				have.Set(chunk)
			}
		}
		return download.Keep(r.n.quota, file.ID, have), nil
	}
	from := download.Request{Entry: shoal.Entry{ID: a.File.File, Size: a.File.Size, ChunkSize: a.File.ChunkSize}}
	_, err := r.n.fetcher.Start(ctx, from, task).Wait()
	return err
}

// copyHere copies the chunks that are on this machine outside the store, and
// returns the rest.
func (r *reconciler) copyHere(ctx context.Context, id shoal.FileID, chunks content.Bitmap) (content.Bitmap, error) {
	rest := chunks.Clone()
	file, err := r.n.store.File(ctx, id)
	if err != nil || file.Chunks() != chunks.Len() {
		return rest, nil //nolint:nilerr // nothing of it is here
	}
	var buf []byte
	for chunk := range chunks.All {
		if buf == nil {
			buf = make([]byte, file.ChunkSize)
		}
		at := shoal.Chunk{File: id, Index: chunk}
		size, err := r.n.store.Get(ctx, at, buf[:file.ChunkLen(chunk)])
		if errors.Is(err, shoal.NotFound) {
			continue
		}
		if err == nil {
			err = r.n.quota.Put(ctx, at, buf[:size])
		}
		if err != nil {
			return rest, fmt.Errorf("copy chunk %s: %w", at, err)
		}
		rest.Clear(chunk)
	}
	if rest.Count() == chunks.Count() {
		return rest, nil
	}
	return rest, r.n.quota.Sync(ctx, id)
}
