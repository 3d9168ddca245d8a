package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"shoal"
)

// transfers puts files in and takes them out, on the node's own machine.
type transfers struct{ node shoal.Mover }

func (t transfers) register(api huma.API) {
	register(api, huma.Operation{
		OperationID: "add", Method: http.MethodPost, Path: "/files",
		Tags: []string{"files"}, Summary: "Add files that lie on the node's machine",
		Description: "Answers with JSON lines: events, of which done and failed end a file each, and a summary.",
		Responses:   streamResponses(api),
	}, t.add)
	register(api, huma.Operation{
		OperationID: "get", Method: http.MethodPost, Path: "/downloads",
		Tags: []string{"files"}, Summary: "Fetch files to paths on the node's machine",
		Description: "Answers with JSON lines: events, of which done and failed end a file each, and a summary. " +
			"What an earlier attempt left is not fetched again.",
		Responses: streamResponses(api),
	}, t.get)
}

type addRequest struct{ Body shoal.AddRequest }

func (t transfers) add(_ context.Context, in *addRequest) (*huma.StreamResponse, error) {
	if err := checkItems(len(in.Body.Items)); err != nil {
		return nil, err
	}
	return streamed(func(ctx context.Context, watch func(shoal.Event)) (*shoal.VerifyReport, error) {
		return nil, t.node.Add(ctx, in.Body, watch)
	}), nil
}

type getRequest struct{ Body shoal.GetRequest }

func (t transfers) get(_ context.Context, in *getRequest) (*huma.StreamResponse, error) {
	if err := checkItems(len(in.Body.Items)); err != nil {
		return nil, err
	}
	return streamed(func(ctx context.Context, watch func(shoal.Event)) (*shoal.VerifyReport, error) {
		return nil, t.node.Get(ctx, in.Body, watch)
	}), nil
}

// checkItems bounds what one request may ask for.
func checkItems(n int) error {
	if n < 1 || n > shoal.MaxItems {
		return fmt.Errorf("a request names from 1 to %d files, this names %d: %w", shoal.MaxItems, n, shoal.Usage)
	}
	return nil
}
