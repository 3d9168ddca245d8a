package api

import (
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"shoal"
	"shoal/internal/api/wire"
)

// statusError is a problem as huma wants an error to be.
type statusError struct{ wire.Problem }

func (s statusError) Error() string             { return s.Detail }
func (s statusError) GetStatus() int            { return s.Status }
func (s statusError) ContentType(string) string { return wire.MediaProblem }

// problem is err as the answer to a request.
func problem(err error) statusError {
	f := wire.FailureOf(err)
	status := shoal.CodeOf(err).HTTPStatus()
	return statusError{wire.Problem{
		Type:   "about:blank",
		Title:  title(status, f.Code),
		Status: status,
		Detail: f.Text,
		Code:   f.Code,
		Hint:   f.Hint,
	}}
}

// title is the status in words. 499 has none in the standard: there the code
// stands in.
func title(status int, code string) string {
	if text := http.StatusText(status); text != "" {
		return text
	}
	return code
}

// writeProblem answers with err where huma has no part in the answer.
func writeProblem(w http.ResponseWriter, err error) {
	p := problem(err)
	w.Header().Set("Content-Type", wire.MediaProblem)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // a client that is gone needs no answer
}

// asProblem turns the errors that huma makes itself, for requests that do not
// fit their schema, into problems of ours: they are all the caller's fault,
// unless their status says that they are not.
func asProblem(_ huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	code := shoal.Usage
	if model.Status >= http.StatusInternalServerError {
		code = shoal.Other
	}
	p := wire.Problem{
		Type:   "about:blank",
		Title:  title(model.Status, code.Word()),
		Status: model.Status,
		Detail: model.Detail,
		Code:   code.Word(),
		Hint:   "GET " + wire.Prefix + "/openapi.json says what is allowed",
	}
	for _, detail := range model.Errors[:min(len(model.Errors), maxDetails)] {
		p.Errors = append(p.Errors, detail.Location+": "+detail.Message)
	}
	return p, nil
}

// maxDetails is how many of a request's faults are told; one is enough to
// start with.
const maxDetails = 8

// problemResponse describes problems.
func problemResponse(api huma.API) *huma.Response {
	return &huma.Response{
		Description: "An error: a problem after RFC 9457, with a code and, where there is advice, a hint",
		Content:     map[string]*huma.MediaType{wire.MediaProblem: {Schema: schema[wire.Problem](api)}},
	}
}

// schema is the description of T, shared by all who refer to it.
func schema[T any](api huma.API) *huma.Schema {
	t := reflect.TypeFor[T]()
	return api.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
}
