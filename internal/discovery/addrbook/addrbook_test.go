package addrbook_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"shoal"
	"shoal/internal/discovery/addrbook"
)

func TestTheLatestAddressesAreKept(t *testing.T) {
	var b addrbook.Book
	for _, c := range []struct {
		addrs, want []string
		news        bool
	}{
		{nil, nil, false},
		{[]string{"a", "b", "a"}, []string{"a", "b"}, true},
		{[]string{"b", "a"}, []string{"a", "b"}, false},
		{[]string{"a", "c"}, []string{"c", "a", "b"}, true},
		{[]string{strings.Repeat("x", 1000)}, []string{"c", "a", "b"}, false},
		{[]string{"1", "2", "3", "4", "5", "6"}, []string{"1", "2", "3", "4", "5", "6", "c", "a"}, true},
	} {
		news := b.Note("node", c.addrs)
		if got := b.Nodes["node"]; news != c.news || !slices.Equal(got, c.want) {
			t.Errorf("after %v: %v, news %v", c.addrs, got, news)
		}
	}
}

func TestABookHasBounds(t *testing.T) {
	var b addrbook.Book
	for i := range addrbook.MaxNodes {
		b.Note(shoal.NodeID(fmt.Sprint(i)), []string{"a"})
	}
	if b.Note("one more", []string{"a"}) {
		t.Error("one more node was noted")
	}
	if !b.Keep(func(id shoal.NodeID) bool { return id == "7" }) || len(b.Nodes) != 1 || b.Keep(func(shoal.NodeID) bool { return true }) {
		t.Errorf("%d nodes are left", len(b.Nodes))
	}
	if !b.Note("one more", []string{"a"}) {
		t.Error("there is no room for one more node")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"ports":{":0":4711},"nodes":{"12D3":["/ip4/10.0.0.1/tcp/4001/p2p/12D3"]}}`))
	f.Add([]byte(`{"nodes":{"12D3":["1","2","3","4","5","6","7","8","9"]}}`))
	f.Add([]byte(`{"ports":{"":70000}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := addrbook.Parse(data)
		if err != nil {
			if shoal.CodeOf(err) != shoal.Integrity {
				t.Errorf("no code: %v", err)
			}
			return
		}
		text, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := addrbook.Parse(text); err != nil || !cmp.Equal(again, b, cmpopts.EquateEmpty()) {
			t.Errorf("%s is read as something else: %v", text, err)
		}
	})
}
