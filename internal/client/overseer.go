package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"shoal"
	"shoal/internal/api/wire"
)

// Peers lists the node's peers: see shoal.Overseer.
func (c *Client) Peers(ctx context.Context) ([]shoal.Peer, error) {
	var answer wire.PeerList
	err := c.ask(ctx, request{method: http.MethodGet, path: "/peers"}, &answer)
	return answer.Peers, err
}

// Status is the node's account of itself: see shoal.Overseer.
func (c *Client) Status(ctx context.Context) (shoal.Status, error) {
	var status shoal.Status
	err := c.ask(ctx, request{method: http.MethodGet, path: "/status"}, &status)
	return status, err
}

// Plan says what the nodes are about to copy and delete: see shoal.Overseer.
func (c *Client) Plan(ctx context.Context, limit int) ([]shoal.Move, error) {
	query := make(url.Values)
	setUnless(query, "limit", strconv.Itoa(limit), "0")
	var answer wire.MoveList
	err := c.ask(ctx, request{method: http.MethodGet, path: "/repair", query: query}, &answer)
	return answer.Moves, err
}

// Repair has the node look at all files now: see shoal.Overseer.
func (c *Client) Repair(ctx context.Context) error {
	resp, err := c.do(ctx, request{method: http.MethodPost, path: "/repair"})
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// Verify reads and checks what is on the node: see shoal.Overseer.
func (c *Client) Verify(ctx context.Context, ref string, watch func(shoal.Event)) (shoal.VerifyReport, error) {
	query := make(url.Values)
	setUnless(query, "ref", ref, "")
	report, err := c.follow(ctx, request{method: http.MethodPost, path: "/verify", query: query}, watch)
	if report == nil {
		return shoal.VerifyReport{}, err
	}
	return *report, err
}
