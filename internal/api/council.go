package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"shoal"
	"shoal/internal/api/wire"
)

// council answers who belongs to the shoal.
type council struct{ node shoal.Council }

func (c council) register(api huma.API) {
	register(api, huma.Operation{
		OperationID: "invite", Method: http.MethodPost, Path: "/invites",
		Tags: []string{"shoal"}, Summary: "Make a ticket by which machines can join",
	}, c.invite)
	register(api, huma.Operation{
		OperationID: "nodes", Method: http.MethodGet, Path: "/nodes",
		Tags: []string{"shoal"}, Summary: "The nodes of the shoal",
	}, c.nodes)
	register(api, huma.Operation{
		OperationID: "set-node", Method: http.MethodPatch, Path: "/nodes/{node}",
		Tags: []string{"shoal"}, Summary: "Change what holds for a node: its state, role or maintenance",
	}, c.set)
}

type inviteRequest struct{ Body shoal.InviteRequest }

type inviteAnswer struct{ Body shoal.Invite }

func (c council) invite(ctx context.Context, in *inviteRequest) (*inviteAnswer, error) {
	made, err := c.node.Invite(ctx, in.Body)
	return &inviteAnswer{made}, err
}

type nodesAnswer struct{ Body wire.NodeList }

func (c council) nodes(ctx context.Context, _ *struct{}) (*nodesAnswer, error) {
	nodes, err := c.node.Nodes(ctx)
	return &nodesAnswer{wire.NodeList{Nodes: nodes}}, err
}

type setNodeRequest struct {
	Node string `path:"node" maxLength:"256" doc:"A node's name, its id, or the end of one"`
	Body shoal.NodeChange
}

type memberAnswer struct{ Body shoal.Member }

func (c council) set(ctx context.Context, in *setNodeRequest) (*memberAnswer, error) {
	member, err := c.node.SetNode(ctx, in.Node, in.Body)
	return &memberAnswer{member}, err
}
