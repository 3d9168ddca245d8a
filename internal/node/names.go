package node

import (
	"context"

	"shoal"
)

// Search finds files by what is in their names. See shoal.Library.
func (n *Node) Search(ctx context.Context, req shoal.SearchRequest) (shoal.SearchPage, error) {
	return n.catalog.Search(ctx, req)
}

// Trash lists what can be had back. See shoal.Library.
func (n *Node) Trash(ctx context.Context, prefix string) ([]shoal.Removed, error) {
	return n.catalog.Trash(ctx, prefix)
}
