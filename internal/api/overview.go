package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"shoal"
	"shoal/internal/api/wire"
)

// overview answers how the node is.
type overview struct{ node shoal.Overseer }

func (o overview) register(api huma.API) {
	register(api, huma.Operation{
		OperationID: "status", Method: http.MethodGet, Path: "/status",
		Tags: []string{"node"}, Summary: "The node's account of itself",
	}, o.status)
	register(api, huma.Operation{
		OperationID: "peers", Method: http.MethodGet, Path: "/peers",
		Tags: []string{"node"}, Summary: "The connected peers",
	}, o.peers)
	register(api, huma.Operation{
		OperationID: "plan", Method: http.MethodGet, Path: "/repair",
		Tags: []string{"shoal"}, Summary: "What the nodes are about to copy and delete",
	}, o.plan)
	register(api, huma.Operation{
		OperationID: "repair", Method: http.MethodPost, Path: "/repair",
		Tags: []string{"shoal"}, Summary: "Have this node look at all files now",
		DefaultStatus: http.StatusNoContent,
	}, o.repair)
	register(api, huma.Operation{
		OperationID: "verify", Method: http.MethodPost, Path: "/verify",
		Tags: []string{"node"}, Summary: "Read and check every chunk of one file, or of all",
		Description: "Answers with JSON lines: events, a line for each rotten chunk and each file that is missing, and a summary with the counts.",
		Responses:   streamResponses(api),
	}, o.verify)
}

type statusAnswer struct{ Body shoal.Status }

func (o overview) status(ctx context.Context, _ *struct{}) (*statusAnswer, error) {
	status, err := o.node.Status(ctx)
	return &statusAnswer{status}, err
}

type peersAnswer struct{ Body wire.PeerList }

func (o overview) peers(ctx context.Context, _ *struct{}) (*peersAnswer, error) {
	peers, err := o.node.Peers(ctx)
	return &peersAnswer{wire.PeerList{Peers: peers}}, err
}

type planRequest struct {
	Limit int `query:"limit" minimum:"0" maximum:"10000" doc:"At most so many moves; 0 for the most there may be"`
}

type planAnswer struct{ Body wire.MoveList }

func (o overview) plan(ctx context.Context, in *planRequest) (*planAnswer, error) {
	moves, err := o.node.Plan(ctx, in.Limit)
	return &planAnswer{wire.MoveList{Moves: moves}}, err
}

func (o overview) repair(ctx context.Context, _ *struct{}) (*struct{}, error) {
	return nil, o.node.Repair(ctx)
}

type verifyRequest struct {
	Ref string `query:"ref" maxLength:"8192" doc:"Which file: an id, a prefix of one, a name or a link; all files without it"`
}

func (o overview) verify(_ context.Context, in *verifyRequest) (*huma.StreamResponse, error) {
	return streamed(func(ctx context.Context, watch func(shoal.Event)) (*shoal.VerifyReport, error) {
		report, err := o.node.Verify(ctx, in.Ref, watch)
		return &report, err
	}), nil
}
