package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"shoal"
	"shoal/internal/api/wire"
)

// Search finds files by what is in their names: see shoal.Library.
func (c *Client) Search(ctx context.Context, req shoal.SearchRequest) (shoal.SearchPage, error) {
	query := url.Values{"type": req.Types}
	setUnless(query, "text", req.Text, "")
	setUnless(query, "min_size", strconv.FormatInt(req.MinSize, 10), "0")
	setUnless(query, "max_size", strconv.FormatInt(req.MaxSize, 10), "0")
	setUnless(query, "after", req.After, "")
	setUnless(query, "limit", strconv.Itoa(req.Limit), "0")
	if !req.Since.IsZero() {
		query.Set("since", req.Since.Format(time.RFC3339Nano))
	}
	var page shoal.SearchPage
	err := c.ask(ctx, request{method: http.MethodGet, path: "/search", query: query}, &page)
	return page, err
}

// Move renames an entry: see shoal.Library.
func (c *Client) Move(ctx context.Context, req shoal.MoveRequest) (shoal.Entry, error) {
	return c.change(ctx, "/files/", req.Ref, "/move", wire.Rename{Name: req.Name, Force: req.Force})
}

// Undelete takes a file out of the trash: see shoal.Library.
func (c *Client) Undelete(ctx context.Context, req shoal.UndeleteRequest) (shoal.Entry, error) {
	return c.change(ctx, "/trash/", req.Ref, "/undelete", wire.Undelete{Name: req.Name})
}

// Change does several things to names: see shoal.Library.
func (c *Client) Change(ctx context.Context, req shoal.ChangeRequest, watch func(shoal.Event)) error {
	_, err := c.follow(ctx, request{method: http.MethodPost, path: "/changes", body: req}, watch)
	return err
}

// Trash lists what can be had back: see shoal.Library.
func (c *Client) Trash(ctx context.Context, prefix string) ([]shoal.Removed, error) {
	query := make(url.Values)
	setUnless(query, "prefix", prefix, "")
	var answer wire.TrashList
	err := c.ask(ctx, request{method: http.MethodGet, path: "/trash", query: query}, &answer)
	return answer.Removed, err
}

// change has the node do something with what ref means, and gives the entry that
// comes of it.
func (c *Client) change(ctx context.Context, folder, ref, what string, body any) (shoal.Entry, error) {
	var entry shoal.Entry
	path, err := below(folder, ref, what)
	if err != nil {
		return entry, err
	}
	err = c.ask(ctx, request{method: http.MethodPost, path: path, body: body}, &entry)
	return entry, err
}
