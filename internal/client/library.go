package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"shoal"
	"shoal/internal/api/wire"
)

// List gives entries in order of name: see shoal.Library.
func (c *Client) List(ctx context.Context, req shoal.ListRequest) ([]shoal.Entry, error) {
	query := make(url.Values)
	setUnless(query, "prefix", req.Prefix, "")
	setUnless(query, "after", req.After, "")
	setUnless(query, "limit", strconv.Itoa(req.Limit), "0")
	var answer wire.EntryList
	err := c.ask(ctx, request{method: http.MethodGet, path: "/files", query: query}, &answer)
	return answer.Entries, err
}

// Info tells what the node knows of a file: see shoal.Library.
func (c *Client) Info(ctx context.Context, ref string) (shoal.FileInfo, error) {
	var info shoal.FileInfo
	err := c.askFile(ctx, http.MethodGet, ref, "", &info)
	return info, err
}

// Remove takes names away: see shoal.Library.
func (c *Client) Remove(ctx context.Context, req shoal.RemoveRequest) (shoal.Entry, error) {
	var entry shoal.Entry
	path, err := below("/files/", req.Ref, "")
	if err != nil {
		return entry, err
	}
	query := make(url.Values)
	setUnless(query, "now", strconv.FormatBool(req.Now), "false")
	err = c.ask(ctx, request{method: http.MethodDelete, path: path, query: query}, &entry)
	return entry, err
}

// Link gives the text by which others can get a file: see shoal.Library.
func (c *Client) Link(ctx context.Context, ref string) (shoal.Link, error) {
	var answer wire.LinkAnswer
	err := c.askFile(ctx, http.MethodGet, ref, "/link", &answer)
	return answer.Link, err
}

// askFile asks about one file.
func (c *Client) askFile(ctx context.Context, method, ref, what string, answer any) error {
	path, err := below("/files/", ref, what)
	if err != nil {
		return err
	}
	return c.ask(ctx, request{method: method, path: path}, answer)
}

// setUnless sets a member of a query that is not what the node takes anyway.
func setUnless(query url.Values, key, value, standard string) {
	if value != standard {
		query.Set(key, value)
	}
}
