package apitest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"shoal"
)

// Peers gives the peers that the test made it meet.
func (n *Node) Peers(context.Context) ([]shoal.Peer, error) {
	if err := n.broken(); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.peers), nil
}

// Status counts what is in memory.
func (n *Node) Status(context.Context) (shoal.Status, error) {
	if err := n.broken(); err != nil {
		return shoal.Status{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.state
	s.Listen, s.Trouble = slices.Clone(s.Listen), slices.Clone(s.Trouble)
	s.Files, s.Peers = len(n.files), len(n.peers)
	for _, data := range n.files {
		s.Stored += int64(len(data))
	}
	return s, nil
}

// Plan gives a move for each file: each is to go to the other node.
func (n *Node) Plan(_ context.Context, limit int) ([]shoal.Move, error) {
	if err := n.broken(); err != nil {
		return nil, err
	}
	if limit < 0 || limit > shoal.MaxList {
		return nil, fmt.Errorf("limit %d: %w", limit, shoal.Usage)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	moves := []shoal.Move{}
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		e := n.names[name]
		if limit == 0 || len(moves) < limit {
			moves = append(moves, shoal.Move{
				Kind: shoal.MoveCopy, File: e.ID, Name: name, Node: n.members[1].ID, NodeName: n.members[1].Name,
				Chunks: int((e.Size + ChunkSize - 1) / ChunkSize), Bytes: e.Size, Why: "it should hold them, and 1 of 2 copies are on nodes that answer",
			})
		}
	}
	return moves, nil
}

// Repair does nothing: all is well.
func (n *Node) Repair(context.Context) error { return n.broken() }

// Verify finds what the test made rotten.
func (n *Node) Verify(ctx context.Context, ref string, watch func(shoal.Event)) (shoal.VerifyReport, error) {
	var report shoal.VerifyReport
	c := &call{node: n, watch: watch}
	if err := n.broken(); err != nil {
		return report, err
	}
	if err := c.stall(ctx); err != nil {
		return report, err
	}
	var entries []shoal.Entry
	var err error
	if ref == "" {
		entries, err = n.List(ctx, shoal.ListRequest{})
	} else {
		entries, err = n.under(ref)
	}
	if err != nil {
		return report, err
	}
	for i, entry := range entries {
		c.tell(shoal.Event{Type: shoal.EventStarted, Item: i, File: entry.ID, Name: entry.Name, Total: entry.Size})
		n.verify(entry, &report)
		c.tell(shoal.Event{Type: shoal.EventDone, Item: i, File: entry.ID, Name: entry.Name, Done: entry.Size, Total: entry.Size, Entry: &entry})
	}
	if len(report.Rotten) > 0 {
		return report, fmt.Errorf("%d chunks are rotten: %w", len(report.Rotten), shoal.Integrity)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if report.Missing = slices.Clone(n.missing); ref == "" && len(report.Missing) > 0 {
		return report, fmt.Errorf("%d files are missing: %w", len(report.Missing), shoal.Partial)
	}
	return report, nil
}

// verify adds one file to the report.
func (n *Node) verify(entry shoal.Entry, report *shoal.VerifyReport) {
	n.mu.Lock()
	defer n.mu.Unlock()
	chunks := int((entry.Size + ChunkSize - 1) / ChunkSize)
	report.Files++
	report.Chunks += chunks
	report.Bytes += entry.Size
	for i := range chunks {
		if n.rotten[shoal.Chunk{File: entry.ID, Index: i}] {
			report.Rotten = append(report.Rotten, shoal.Rot{
				File: entry.ID, Name: entry.Name, Index: i, Place: shoal.Place{Kind: shoal.PlaceStore, Chunks: chunks},
			})
		}
	}
}
