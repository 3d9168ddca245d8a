package catalog

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"shoal"
)

// Every question is answered from an index, in its order: none looks through
// all entries or sorts more than the entries of one file.
func TestQueryPlans(t *testing.T) {
	c, err := Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"), Config{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	words, args := query{words: []string{"holiday"}}.sql()
	for text, args := range map[string][]any{
		words:       args,
		visibleIn:   {"a", "b", 1},
		ofFile:      {make([]byte, shoal.FileIDSize), 1},
		inRange:     {[]byte{0}, []byte{1}, 1},
		latestStamp: {"a"},
		"SELECT v.number FROM versions v " + heads: {"a"},
	} {
		plan := explainPlan(t, c, text, args)
		if !strings.Contains(plan, "INDEX") || strings.Contains(plan, "SCAN v") {
			t.Errorf("%s\nlooks through everything: %s", text, plan)
		}
		if strings.Contains(plan, "TEMP B-TREE") && text != ofFile {
			t.Errorf("%s\nsorts: %s", text, plan)
		}
	}
}

func explainPlan(t *testing.T, c *Catalog, query string, args []any) string {
	t.Helper()
	rows, err := c.data.Readers.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, step)
	}
	return strings.Join(plan, "; ")
}
