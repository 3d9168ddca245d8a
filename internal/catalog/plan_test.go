package catalog

import (
	"path/filepath"
	"strings"
	"testing"

	"shoal"
)

// Every question is answered from an index, in its order: no query looks
// through all entries or sorts more than the entries of one file.
func TestQueryPlans(t *testing.T) {
	c, err := Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for query, args := range map[string][]any{
		latestIn: {"a", "b", 1},
		withBase: {"a"},
		versions: {"a", 1},
		ofFile:   {make([]byte, shoal.FileIDSize), 1},
		inRange:  {[]byte{0}, []byte{1}, 1},
	} {
		plan := explainPlan(t, c, query, args)
		if !strings.Contains(plan, "USING INDEX") || strings.Contains(plan, "SCAN") {
			t.Errorf("%s\nlooks through everything: %s", query, plan)
		}
		if strings.Contains(plan, "TEMP B-TREE") && query != ofFile {
			t.Errorf("%s\nsorts: %s", query, plan)
		}
	}
}

func explainPlan(t *testing.T, c *Catalog, query string, args []any) string {
	t.Helper()
	rows, err := c.data.readers.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
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
