package node

import (
	"context"
	"errors"
	"fmt"

	"shoal"
	"shoal/internal/catalog"
	"shoal/internal/content"
	"shoal/internal/transfer/fetch"
)

// pull is chunks of a file that this node should hold and lacks.
type pull struct {
	file    catalog.File
	chunks  content.Bitmap
	awaited bool         // somebody may be waiting for them
	by      shoal.NodeID // who named the file a moment ago, if somebody is
	first   bool         // they are those of which this node makes the first copy elsewhere
}

// pull brings chunks of a file into this node's own store: from a person's file
// on this machine, if they lie there, else from other nodes. Nobody but the one who
// added a file has those of which this node makes the first copy elsewhere, so it
// alone is asked: to tell each other of every chunk would cost all who get theirs.
func (s *steward) pull(ctx context.Context, p pull) error {
	rest, err := s.copyHere(ctx, p.file.ID, p.chunks)
	if err != nil || rest.Count() == 0 {
		return err
	}
	p.chunks = rest
	task := fetch.Task{Background: !p.awaited}
	if p.awaited && s.n.connectedWith(p.by) {
		task.Sources, task.Sure, task.Only = []shoal.NodeID{p.by}, true, p.first
	}
	err = s.fetch(ctx, p, task)
	if !task.Only || ctx.Err() != nil || !errors.Is(err, shoal.NotFound) && !errors.Is(err, shoal.Network) {
		return err
	}
	task.Only = false // it has gone, or has not all of what it added
	return s.fetch(ctx, p, task)
}

// fetch gets from other nodes what of the chunks is not here.
func (s *steward) fetch(ctx context.Context, p pull, task fetch.Task) error {
	f := p.file
	task.Open = func(ctx context.Context, file content.File) (fetchTarget, error) {
		if file.Chunks() != p.chunks.Len() {
			return nil, fmt.Errorf("the file is cut into %d chunks there, and %d here: %w", file.Chunks(), p.chunks.Len(), shoal.Usage)
		}
		if err := s.n.quota.Create(ctx, file); err != nil {
			return nil, err
		}
		have, err := s.has(ctx, fileOf(f))
		if err != nil {
			return nil, err
		}
		for chunk := range p.chunks.Len() {
			if !p.chunks.Has(chunk) {
				have.Set(chunk)
			}
		}
		return &keepTarget{storeTarget{quota: s.n.quota, id: f.ID, have: have}}, nil
	}
	t := target{entry: shoal.Entry{ID: f.ID, Size: f.Size, ChunkSize: f.ChunkSize}}
	_, err := s.n.fetcher.start(ctx, t, task).Wait()
	return err
}

// copyHere copies the chunks that are on this machine outside the store, and
// returns the rest.
func (s *steward) copyHere(ctx context.Context, id shoal.FileID, chunks content.Bitmap) (content.Bitmap, error) {
	rest := chunks.Clone()
	file, err := s.n.store.File(ctx, id)
	if err != nil || file.Chunks() != chunks.Len() {
		return rest, nil //nolint:nilerr // nothing of it is here
	}
	var buf []byte
	for chunk := range chunks.All {
		if buf == nil {
			buf = make([]byte, file.ChunkSize)
		}
		at := shoal.Chunk{File: id, Index: chunk}
		size, err := s.n.store.Get(ctx, at, buf[:file.ChunkLen(chunk)])
		if errors.Is(err, shoal.NotFound) {
			continue
		}
		if err == nil {
			err = s.n.quota.Put(ctx, at, buf[:size])
		}
		if err != nil {
			return rest, fmt.Errorf("copy chunk %s: %w", at, err)
		}
		rest.Clear(chunk)
	}
	if rest.Count() == chunks.Count() {
		return rest, nil
	}
	return rest, s.n.quota.Sync(ctx, id)
}
