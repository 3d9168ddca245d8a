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
	there := append([]holding{{node: n.self(), Hold: wire.Hold{Has: have}}}, n.askHolders(ctx, n.neighbours(), wire.Ask{File: f.ID, Chunks: own.Chunks})...)
	least := leastOf(own.Chunks, there)
	name := f.ID.Short()
	if entries, err := n.catalog.Of(ctx, f.ID); err == nil && len(entries) > 0 {
		name = entries[0].Name
	}
	for _, h := range there {
		need := repair.NeedOf(view, h.node, own, h.Has, nil)
		move := shoal.Move{File: f.ID, Name: name, Node: h.node, NodeName: n.membership.Title(h.node)}
		if count := need.Pull.Count(); count > 0 {
			move.Kind, move.Chunks, move.Bytes = shoal.MoveCopy, count, min(int64(count)*int64(f.ChunkSize), f.Size)
			move.Why = fmt.Sprintf("it should hold them, and %d of %d copies are on nodes that answer", least, f.Copies)
			moves = append(moves, move)
		}
		if count := need.Surplus.Count(); count > 0 {
			move.Kind, move.Chunks, move.Bytes = shoal.MoveDelete, count, min(int64(count)*int64(f.ChunkSize), f.Size)
			move.Why = fmt.Sprintf("others should hold them; they go when %d have pledged to keep theirs", f.Copies)
			moves = append(moves, move)
		}
	}
	return moves, nil
}

// leastOf is the fewest copies that a chunk has.
func leastOf(chunks int, there []holding) int {
	counts := make([]int, chunks)
	for _, h := range there {
		for chunk := range h.Has.All {
			counts[chunk]++
		}
	}
	least := counts[0]
	for _, count := range counts {
		least = min(least, count)
	}
	return least
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
	there := append([]holding{{node: n.self(), Hold: wire.Hold{Has: have}}}, n.askHolders(ctx, n.neighbours(), wire.Ask{File: info.ID, Chunks: own.Chunks})...)
	layout := view.In.File(own.ID, own.Chunks, own.Copies)
	for _, h := range there {
		c := shoal.Copy{Node: h.node, Name: n.membership.Title(h.node), Chunks: h.Has.Count(), Of: own.Chunks}
		for chunk := range own.Chunks {
			if layout.Holds(h.node, chunk) {
				c.Should++
			}
		}
		if c.Chunks > 0 || c.Should > 0 {
			info.Kept = append(info.Kept, c)
		}
	}
}
