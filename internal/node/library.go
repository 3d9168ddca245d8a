package node

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"shoal"
)

// List lists the names here. See shoal.Library.
func (n *Node) List(ctx context.Context, req shoal.ListRequest) ([]shoal.Entry, error) {
	if req.Limit < 0 || req.Limit > shoal.MaxList {
		return nil, fmt.Errorf("limit %d is not from 0 to %d: %w", req.Limit, shoal.MaxList, shoal.Usage)
	}
	return n.catalog.List(ctx, req)
}

// Info tells what is known of a file. See shoal.Library.
func (n *Node) Info(ctx context.Context, ref string) (shoal.FileInfo, error) {
	r, err := resolve(ctx, n.finder, ref)
	if err != nil {
		return shoal.FileInfo{}, err
	}
	info := shoal.FileInfo{Entry: r.Entry, Places: []shoal.Place{}, Sources: []shoal.Presence{}, Kept: []shoal.Copy{}, Names: []string{}, Beside: []shoal.Entry{}}
	entries, err := n.catalog.Of(ctx, r.Entry.ID)
	if err != nil {
		return info, err
	}
	for _, e := range entries {
		info.Names = append(info.Names, e.Name)
	}
	if beside, err := n.catalog.Beside(ctx, r.Entry); err == nil && r.Entry.Name != "" {
		info.Beside = append(info.Beside, beside...)
	}
	if file, err := n.store.File(ctx, r.Entry.ID); err == nil {
		info.Size, info.ChunkSize, info.Chunks = file.Size, int(file.ChunkSize), file.Chunks()
		info.Present = n.present(ctx, file.ID)
		if places, err := n.store.Places(ctx, file.ID); err == nil {
			info.Places = places
		}
	}
	n.addSources(ctx, &info)
	n.addCopies(ctx, &info)
	if info.Chunks == 0 && len(info.Sources) == 0 && len(entries) == 0 {
		return info, fmt.Errorf("file %s: %w, here or at any of %d connected peers", r.Entry.ID.Short(), shoal.NotFound, len(n.host.Peers()))
	}
	return info, nil
}

// addSources asks the connected peers what they have of a file.
func (n *Node) addSources(ctx context.Context, info *shoal.FileInfo) {
	for _, h := range n.finder.Ask(ctx, info.ID.String()) {
		if h.Entry.ID != info.ID || slices.ContainsFunc(info.Sources, func(p shoal.Presence) bool { return p.Node == h.Peer }) {
			continue
		}
		if info.Chunks == 0 {
			info.Size, info.ChunkSize = h.Entry.Size, h.Entry.ChunkSize
		}
		chunks := chunksOf(h.Entry)
		info.Sources = append(info.Sources, shoal.Presence{Node: h.Peer, Name: n.membership.Title(h.Peer), Chunks: min(h.Present, chunks), Of: chunks})
	}
	if info.Chunks == 0 && info.ChunkSize > 0 {
		info.Chunks = chunksOf(info.Entry)
	}
}

func chunksOf(e shoal.Entry) int {
	return int((e.Size + int64(e.ChunkSize) - 1) / int64(e.ChunkSize))
}

// Link gives the text by which others get a file. See shoal.Library.
func (n *Node) Link(ctx context.Context, ref string) (shoal.Link, error) {
	entry, err := n.changer.Find(ctx, ref)
	if err != nil {
		return shoal.Link{}, err
	}
	addrs := forOthers(n.host.Addrs())
	return shoal.Link{ID: entry.ID, Name: entry.Name, Size: entry.Size, Addrs: addrs[:min(len(addrs), shoal.MaxLinkAddrs)]}, nil
}

// forOthers leaves out the addresses that mean this machine on every machine,
// unless there are no others.
func forOthers(addrs []string) []string {
	far := slices.DeleteFunc(slices.Clone(addrs), func(addr string) bool {
		return strings.HasPrefix(addr, "/ip4/127.") || strings.HasPrefix(addr, "/ip6/::1/")
	})
	if len(far) == 0 {
		return addrs
	}
	return far
}
