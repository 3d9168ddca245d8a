package api

import (
	"encoding/json"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"shoal/internal/api/wire"
)

// config is huma without the parts that serve pages from elsewhere, add
// members to answers, or build the description under no lock.
func config(version string) huma.Config {
	c := huma.DefaultConfig("Shoal", version)
	c.Info.Description = "One node of a shoal: add files, get them from many nodes at once, see how it goes."
	c.CreateHooks = nil
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.Transformers = []huma.Transformer{asProblem}
	return c
}

// describe serves the OpenAPI description, built once, when all operations are
// there.
func describe(mux *http.ServeMux, api huma.API) {
	delete(api.OpenAPI().Components.Schemas.Map(), "ErrorModel") // huma's own, which no answer has
	document := sync.OnceValues(func() ([]byte, error) { return json.Marshal(api.OpenAPI()) })
	mux.HandleFunc("GET "+wire.Prefix+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		data, err := document()
		if err != nil {
			writeProblem(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
		_, _ = w.Write(data) // a client that is gone needs no answer
	})
}
