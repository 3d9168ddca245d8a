package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"shoal"
	"shoal/internal/api/wire"
)

// files answers what there is.
type files struct{ node shoal.Node }

func (f files) register(api huma.API) {
	register(api, huma.Operation{
		OperationID: "list", Method: http.MethodGet, Path: "/files",
		Tags: []string{"files"}, Summary: "The entries here, in order of name",
	}, f.list)
	register(api, huma.Operation{
		OperationID: "info", Method: http.MethodGet, Path: "/files/{ref}",
		Tags: []string{"files"}, Summary: "All the node knows of a file, and which peers have it",
	}, f.info)
	register(api, huma.Operation{
		OperationID: "remove", Method: http.MethodDelete, Path: "/files/{ref}",
		Tags: []string{"files"}, Summary: "Take a name away, or all names of a file",
	}, f.remove)
	register(api, huma.Operation{
		OperationID: "link", Method: http.MethodGet, Path: "/files/{ref}/link",
		Tags: []string{"files"}, Summary: "The text by which others can get the file",
	}, f.link)
	register(api, huma.Operation{
		OperationID: "content", Method: http.MethodGet, Path: "/files/{ref}/content",
		Tags: []string{"files"}, Summary: "The file's bytes, verified; takes Range and conditions, and answers HEAD",
		Responses: contentResponses(),
	}, f.content)
}

// ref is the file that a path names. Names have slashes and links question
// marks: both are percent-encoded in the path.
type ref struct {
	Ref string `path:"ref" maxLength:"8192" doc:"An id, a prefix of one of at least 8 hex digits, a name or a link; slashes as %2F"`
}

type listRequest struct {
	Prefix string `query:"prefix" maxLength:"1024" doc:"Only names that start with this"`
	After  string `query:"after" maxLength:"1024" doc:"Only names behind this one: the last of the page before"`
	Limit  int    `query:"limit" minimum:"0" maximum:"10000" doc:"At most so many; 0 for the most there may be"`
}

type listAnswer struct{ Body wire.EntryList }

func (f files) list(ctx context.Context, in *listRequest) (*listAnswer, error) {
	entries, err := f.node.List(ctx, shoal.ListRequest{Prefix: in.Prefix, After: in.After, Limit: in.Limit})
	return &listAnswer{wire.EntryList{Entries: entries}}, err
}

type infoAnswer struct{ Body shoal.FileInfo }

func (f files) info(ctx context.Context, in *ref) (*infoAnswer, error) {
	info, err := f.node.Info(ctx, in.Ref)
	return &infoAnswer{info}, err
}

type entryAnswer struct{ Body shoal.Entry }

type removeRequest struct {
	Ref string `path:"ref" maxLength:"8192" doc:"An id, a prefix of one of at least 8 hex digits, a name or a link; slashes as %2F"`
	Now bool   `query:"now" doc:"Delete this node's chunks at once, if no name is left"`
}

func (f files) remove(ctx context.Context, in *removeRequest) (*entryAnswer, error) {
	entry, err := f.node.Remove(ctx, shoal.RemoveRequest{Ref: in.Ref, Now: in.Now})
	return &entryAnswer{entry}, err
}

type linkAnswer struct{ Body wire.LinkAnswer }

func (f files) link(ctx context.Context, in *ref) (*linkAnswer, error) {
	link, err := f.node.Link(ctx, in.Ref)
	return &linkAnswer{wire.LinkAnswer{Link: link}}, err
}

func (f files) content(_ context.Context, in *ref) (*huma.StreamResponse, error) {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		content, err := f.node.Open(r.Context(), in.Ref)
		if err != nil {
			writeProblem(w, err)
			return
		}
		defer content.Close()
		serveContent(w, r, content)
	}}, nil
}
