package node

import (
	"cmp"
	"context"
	"fmt"

	"shoal"
	"shoal/internal/catalog"
	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/redundancy/repair"
)

// Plan says what the nodes are about to copy and delete. See shoal.Overseer.
func (n *Node) Plan(ctx context.Context, limit int) ([]shoal.Move, error) {
	if limit < 0 || limit > shoal.MaxList {
		return nil, fmt.Errorf("limit %d is not from 0 to %d: %w", limit, shoal.MaxList, shoal.Usage)
	}
	limit = cmp.Or(limit, shoal.MaxList)
	view := n.reconciler.look(ctx).View
	moves := []shoal.Move{}
	for after := (shoal.FileID{}); len(moves) < limit; {
		page, err := n.catalog.Files(ctx, after)
		if err != nil || len(page) == 0 {
			return moves, err
		}
		for _, f := range page {
			if !f.Live || f.Copies == 0 {
				continue
			}
			if moves, err = n.planFile(ctx, view, f, moves); err != nil {
				return moves, err
			}
			if len(moves) >= limit {
				break
			}
		}
		after = page[len(page)-1].ID
	}
	return moves[:limit], nil
}

// planFile adds what is to be done about a file, at each node that answers.
func (n *Node) planFile(ctx context.Context, view repair.View, f catalog.File, moves []shoal.Move) ([]shoal.Move, error) {
	own := repair.File{ID: f.ID, Chunks: content.ChunkSize(f.ChunkSize).Chunks(f.Size), Copies: f.Copies}
	if own.Chunks == 0 {
		return moves, nil
	}
	have, err := n.own(ctx, own)
	if err != nil {
		return moves, err
	}
	there := n.held(ctx, own.ID, have)
	least := repair.Fewest(own.Chunks, there)
	name := f.ID.Short()
	if entries, err := n.catalog.Of(ctx, f.ID); err == nil && len(entries) > 0 {
		name = entries[0].Name
	}
	for _, m := range repair.Moves(view, own, there) {
		move := shoal.Move{
			File: f.ID, Name: name, Node: m.Node, NodeName: n.membership.Title(m.Node), Kind: m.Kind,
			Chunks: m.Chunks, Bytes: min(int64(m.Chunks)*int64(f.ChunkSize), f.Size),
			Why: fmt.Sprintf("it should hold them, and %d of %d copies are on nodes that answer", least, f.Copies),
		}
		if m.Kind == shoal.MoveDelete {
			move.Why = fmt.Sprintf("others should hold them; they go when %d have pledged to keep theirs", f.Copies)
		}
		moves = append(moves, move)
	}
	return moves, nil
}

// held returns the chunks of a file here, and at the connected nodes that answer.
func (c *core) held(ctx context.Context, id shoal.FileID, here content.Bitmap) []repair.Held {
	there := []repair.Held{{Node: c.self(), Has: here}}
	for _, h := range c.askHolders(ctx, c.neighbours(), wire.Ask{File: id, Chunks: here.Len()}) {
		there = append(there, repair.Held{Node: h.node, Has: h.Has})
	}
	return there
}

// Repair has this node look at all files at once. See shoal.Overseer.
func (n *Node) Repair(context.Context) error {
	n.reconciler.post(reconcile.Recheck{All: true})
	return nil
}

// addCopies fills in which nodes keep how much of a file.
func (n *Node) addCopies(ctx context.Context, info *shoal.FileInfo) {
	if info.Chunks == 0 {
		return
	}
	view := n.reconciler.look(ctx).View
	own := repair.File{ID: info.ID, Chunks: info.Chunks, Copies: info.Copies}
	have, err := n.own(ctx, own)
	if err != nil {
		have = content.NewBitmap(own.Chunks)
	}
	for _, share := range repair.Shares(view, own, n.held(ctx, own.ID, have)) {
		info.Kept = append(info.Kept, shoal.Copy{
			Node: share.Node, Name: n.membership.Title(share.Node), Chunks: share.Has, Of: own.Chunks, Should: share.Should,
		})
	}
}
