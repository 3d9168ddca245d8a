package apitest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"shoal"
)

// List gives the names in order.
func (n *Node) List(_ context.Context, req shoal.ListRequest) ([]shoal.Entry, error) {
	if err := n.broken(); err != nil {
		return nil, err
	}
	if req.Limit < 0 || req.Limit > shoal.MaxList {
		return nil, fmt.Errorf("a listing has from 1 to %d entries: %w", shoal.MaxList, shoal.Usage)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var entries []shoal.Entry
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		if strings.HasPrefix(name, req.Prefix) && name > req.After {
			entries = append(entries, n.names[name])
		}
	}
	if req.Limit > 0 {
		entries = entries[:min(len(entries), req.Limit)]
	}
	return entries, nil
}

// Info tells what is in memory.
func (n *Node) Info(_ context.Context, ref string) (shoal.FileInfo, error) {
	entry, err := n.resolve(ref)
	if err != nil {
		return shoal.FileInfo{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	info := shoal.FileInfo{Entry: entry, Beside: []shoal.Entry{}, Chunks: int((entry.Size + ChunkSize - 1) / ChunkSize)}
	info.Present = info.Chunks
	info.Places = []shoal.Place{{Kind: shoal.PlaceStore, Chunks: info.Chunks}}
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		if n.names[name].ID == entry.ID {
			info.Names = append(info.Names, name)
		}
	}
	info.Kept = []shoal.Copy{{Node: n.state.ID, Name: n.state.Name, Chunks: info.Chunks, Should: info.Chunks / 2, Of: info.Chunks}}
	for i, p := range n.peers {
		info.Sources = append(info.Sources, shoal.Presence{Node: p.ID, Name: p.Name, Chunks: info.Chunks / (i + 1), Of: info.Chunks})
	}
	return info, nil
}

// Link names the file and the node.
func (n *Node) Link(_ context.Context, ref string) (shoal.Link, error) {
	entry, err := n.resolve(ref)
	if err != nil {
		return shoal.Link{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return shoal.Link{ID: entry.ID, Name: entry.Name, Size: entry.Size, Addrs: slices.Clone(n.state.Listen)}, nil
}
