package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"shoal"
	"shoal/internal/api/wire"
)

// names answers what is called what, and what was.
type names struct{ node shoal.Node }

func (n names) register(api huma.API) {
	register(api, huma.Operation{
		OperationID: "search", Method: http.MethodGet, Path: "/search",
		Tags: []string{"files"}, Summary: "The entries that answer a search, the latest first",
	}, n.search)
	register(api, huma.Operation{
		OperationID: "move", Method: http.MethodPost, Path: "/files/{ref}/move",
		Tags: []string{"files"}, Summary: "Give an entry another name",
	}, n.move)
	register(api, huma.Operation{
		OperationID: "change", Method: http.MethodPost, Path: "/changes",
		Tags: []string{"files"}, Summary: "Move, remove and undelete several files, in order",
		Description: "Answers with JSON lines: events, of which done and failed end an item each, and a summary.",
		Responses:   streamResponses(api),
	}, n.change)
	register(api, huma.Operation{
		OperationID: "trash", Method: http.MethodGet, Path: "/trash",
		Tags: []string{"files"}, Summary: "What was removed or replaced and can be had back, the latest first",
	}, n.trash)
	register(api, huma.Operation{
		OperationID: "undelete", Method: http.MethodPost, Path: "/trash/{ref}/undelete",
		Tags: []string{"files"}, Summary: "Take a file out of the trash",
	}, n.undelete)
}

// searchRequest is a shoal.SearchRequest in a query.
type searchRequest struct {
	Text    string    `query:"text" maxLength:"1024" doc:"Words that are in the name, in any case; START* is what a name or its last element starts with"`
	Types   []string  `query:"type,explode" maxItems:"16" doc:"Name endings such as pdf, any of them"`
	MinSize int64     `query:"min_size" minimum:"0" doc:"Bytes"`
	MaxSize int64     `query:"max_size" minimum:"0" doc:"Bytes; 0 is no bound"`
	Since   time.Time `query:"since" doc:"Added then or later"`
	After   string    `query:"after" maxLength:"64" doc:"The next of the page before"`
	Limit   int       `query:"limit" minimum:"0" maximum:"10000" doc:"At most so many; 0 for the most there may be"`
}

type searchAnswer struct{ Body shoal.SearchPage }

func (n names) search(ctx context.Context, in *searchRequest) (*searchAnswer, error) {
	page, err := n.node.Search(ctx, shoal.SearchRequest(*in))
	return &searchAnswer{page}, err
}

type moveRequest struct {
	Ref  string `path:"ref" maxLength:"8192" doc:"An id, a prefix of one of at least 8 hex digits, a name or a link; slashes as %2F"`
	Body wire.Rename
}

func (n names) move(ctx context.Context, in *moveRequest) (*entryAnswer, error) {
	entry, err := n.node.Move(ctx, shoal.MoveRequest{Ref: in.Ref, Name: in.Body.Name, Force: in.Body.Force})
	return &entryAnswer{entry}, err
}

type changeRequest struct{ Body shoal.ChangeRequest }

func (n names) change(_ context.Context, in *changeRequest) (*huma.StreamResponse, error) {
	if err := checkItems(len(in.Body.Items)); err != nil {
		return nil, err
	}
	return streamed(func(ctx context.Context, watch func(shoal.Event)) (*shoal.VerifyReport, error) {
		return nil, n.node.Change(ctx, in.Body, watch)
	}), nil
}

type trashRequest struct {
	Prefix string `query:"prefix" maxLength:"1024" doc:"Only names that start with this"`
}

type trashAnswer struct{ Body wire.TrashList }

func (n names) trash(ctx context.Context, in *trashRequest) (*trashAnswer, error) {
	removed, err := n.node.Trash(ctx, in.Prefix)
	return &trashAnswer{wire.TrashList{Removed: removed}}, err
}

type undeleteRequest struct {
	Ref  string `path:"ref" maxLength:"8192" doc:"An id, a prefix of one of at least 8 hex digits, a name or a link; slashes as %2F"`
	Body wire.Undelete
}

func (n names) undelete(ctx context.Context, in *undeleteRequest) (*entryAnswer, error) {
	entry, err := n.node.Undelete(ctx, shoal.UndeleteRequest{Ref: in.Ref, Name: in.Body.Name})
	return &entryAnswer{entry}, err
}
