package quota_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage"
	"shoal/internal/storage/memory"
	"shoal/internal/storage/quota"
	"shoal/internal/storage/storagetest"
)

// cacheOf gives a cache beside a store that may keep so many chunks, and what it
// discards.
func cacheOf(store storage.Store, chunks int64) (*quota.Store, *quota.Cache, *[]int) {
	var discarded []int
	s := quota.New(store, chunks*cs)
	return s, quota.NewCache(s, func(_ context.Context, _ shoal.FileID, over content.Bitmap) (int64, error) {
		for chunk := range over.All {
			discarded = append(discarded, chunk)
		}
		return 0, nil
	}), &discarded
}

// What is beyond the limit can be read until the last reader ends; what is within it
// stays.
func TestCacheKeepsWhileItIsRead(t *testing.T) {
	s, c, discarded := cacheOf(memory.New(), 2)
	f, data := file(t, s, 1, 5)
	if c.Reading(f.ID) {
		t.Error("it is read before anybody reads")
	}
	c.Begin(f.ID, f.Chunks())
	c.Begin(f.ID, f.Chunks())
	for _, i := range []int{4, 0, 3, 1} {
		chunk := shoal.Chunk{File: f.ID, Index: i}
		if err := c.Put(t.Context(), chunk, data[i*cs:][:cs]); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(t.Context(), chunk, make([]byte, cs)); err != nil {
			t.Errorf("read chunk %d: %v", i, err)
		}
	}
	if err := c.End(t.Context(), f.ID); err != nil || len(*discarded) > 0 || !c.Reading(f.ID) {
		t.Errorf("with a reader left: %v are discarded, %v", *discarded, err)
	}
	if err := c.End(t.Context(), f.ID); err != nil || !slices.Equal(*discarded, []int{1, 3}) || c.Reading(f.ID) {
		t.Errorf("after the last reader: %v are discarded, %v; want [1 3]", *discarded, err)
	}
	*discarded = nil
	c.Begin(f.ID, f.Chunks())
	if err := c.End(t.Context(), f.ID); err != nil || len(*discarded) > 0 {
		t.Errorf("of a reader for whom nothing was put: %v are discarded, %v", *discarded, err)
	}
}

// full is a store on a disk that has no room.
type full struct{ storage.Store }

func (full) Put(context.Context, shoal.Chunk, []byte) error { return shoal.NoSpace }

// A disk that is full is no matter of the limit: the error is the reader's.
func TestCacheOnAFullDisk(t *testing.T) {
	s, c, discarded := cacheOf(full{memory.New()}, 2)
	f, data := storagetest.File(t, 1, 2*cs, cs)
	if err := s.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	c.Begin(f.ID, f.Chunks())
	if err := c.Put(t.Context(), shoal.Chunk{File: f.ID, Index: 0}, data[:cs]); !errors.Is(err, shoal.NoSpace) {
		t.Errorf("put: %v", err)
	}
	if err := c.End(t.Context(), f.ID); err != nil || len(*discarded) > 0 {
		t.Errorf("%v are discarded, %v", *discarded, err)
	}
}
