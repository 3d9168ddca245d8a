package client

import (
	"context"
	"net/http"
	"net/url"

	"shoal"
	"shoal/internal/api/wire"
)

// Invite makes a ticket: see shoal.Council.
func (c *Client) Invite(ctx context.Context, req shoal.InviteRequest) (shoal.Invite, error) {
	var made shoal.Invite
	err := c.ask(ctx, request{method: http.MethodPost, path: "/invites", body: req}, &made)
	return made, err
}

// Nodes lists the shoal's nodes: see shoal.Council.
func (c *Client) Nodes(ctx context.Context) ([]shoal.Member, error) {
	var answer wire.NodeList
	err := c.ask(ctx, request{method: http.MethodGet, path: "/nodes"}, &answer)
	return answer.Nodes, err
}

// SetNode changes what holds for a node: see shoal.Council.
func (c *Client) SetNode(ctx context.Context, ref string, change shoal.NodeChange) (shoal.Member, error) {
	var member shoal.Member
	err := c.ask(ctx, request{method: http.MethodPatch, path: "/nodes/" + url.PathEscape(ref), body: change}, &member)
	return member, err
}
