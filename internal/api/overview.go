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
		OperationID: "verify", Method: http.MethodPost, Path: "/verify",
		Tags: []string{"node"}, Summary: "Read and check every chunk of one file, or of all",
		Description: "Answers with JSON lines: events, a line for each rotten chunk, and a summary with the counts.",
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

type verifyRequest struct {
	Ref string `query:"ref" maxLength:"8192" doc:"Which file: an id, a prefix of one, a name or a link; all files without it"`
}

func (o overview) verify(_ context.Context, in *verifyRequest) (*huma.StreamResponse, error) {
	return streamed(func(ctx context.Context, watch func(shoal.Event)) (*shoal.VerifyReport, error) {
		report, err := o.node.Verify(ctx, in.Ref, watch)
		return &report, err
	}), nil
}
