package main

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const ms = time.Millisecond

func TestDuelTakesTurns(t *testing.T) {
	b := bench{rounds: 3}
	var order strings.Builder
	contest := func(name string, took time.Duration) contestant {
		return func() (time.Duration, error) {
			order.WriteString(name)
			return took, nil
		}
	}
	m, err := b.duel(contest("o", 1*ms), contest("t", 2*ms))
	if err != nil || order.String() != "ottootto" {
		t.Errorf("in the order %q, %v", order.String(), err)
	}
	want := match{ours: []time.Duration{ms, ms, ms}, theirs: []time.Duration{2 * ms, 2 * ms, 2 * ms}}
	if diff := cmp.Diff(want, m, cmp.AllowUnexported(match{})); diff != "" {
		t.Error(diff)
	}
	broken := errors.New("broken")
	failing := func() (time.Duration, error) { return 0, broken }
	for _, pair := range [][2]contestant{{failing, contest("t", ms)}, {contest("o", ms), failing}} {
		if _, err := b.duel(pair[0], pair[1]); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
}

func TestMatch(t *testing.T) {
	m := match{ours: []time.Duration{4 * ms, 2 * ms, 2 * ms}, theirs: []time.Duration{2 * ms, 1 * ms, 3 * ms}}
	low, high := m.spread()
	for _, got := range [][2]float64{{m.ratio(), 1}, {low, 0.5}, {high, 1.5}} {
		if math.Abs(got[0]-got[1]) > 1e-9 {
			t.Errorf("got %v, want %v", got[0], got[1])
		}
	}
	if !m.result(1, 1).Met || m.result(1, 1.01).Met {
		t.Error("a ratio of 1 meets 1, and nothing more")
	}
	if got := m.result(2e6, 1).Ours; got != "1000 MB/s" {
		t.Errorf("got %s", got)
	}
	if m.ours[0] != 4*ms {
		t.Error("the median sorts what it is given")
	}
}

func TestPublish(t *testing.T) {
	report := filepath.Join(t.TempDir(), "report.json")
	results := []result{
		{Name: "get", Target: "0.85 x", Ours: "9 MB/s", Theirs: "10 MB/s", Ratio: 0.9, Spread: []float64{0.8, 1}, Met: true},
		{Name: "cat", Target: "20 ms", Ours: "21.0 ms", Note: "slow"},
	}
	var text strings.Builder
	if err := publish(&text, report, results); err != nil {
		t.Fatal(err)
	}
	want := `measure     ours   theirs  ratio                target  verdict  note
───────  ───────  ───────  ───────────────────  ──────  ───────  ────
get       9 MB/s  10 MB/s  0.90 (0.80 to 1.00)  0.85 x  met
cat      21.0 ms                                20 ms   MISSED   slow
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Error(diff)
	}
	data, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var back struct{ Results []result }
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(results, back.Results); diff != "" {
		t.Error(diff)
	}
	results[0].fail(errors.New("no node"))
	if err := publish(&text, "", results); err == nil || !strings.Contains(err.Error(), "get: no node") {
		t.Errorf("got %v", err)
	}
}

func TestPickResult(t *testing.T) {
	const said = `goos: linux
BenchmarkPick/seeds-2         	  300000	       101.5 ns/op	       0 B/op	       0 allocs/op
BenchmarkPick/disjoint-2      	  300000	      1999 ns/op	        17 x/op	       0 B/op	       0 allocs/op
PASS`
	res, err := pickResult(said)
	if err != nil || !res.Met || res.Ours != "1999 ns" || !strings.Contains(res.Note, "Pick/disjoint-2") {
		t.Errorf("got %+v, %v", res, err)
	}
	for _, worse := range []string{strings.Replace(said, "0 allocs", "1 allocs", 1), strings.Replace(said, "1999", "2001", 1)} {
		if res, err := pickResult(worse); err != nil || res.Met {
			t.Errorf("got %+v, %v", res, err)
		}
	}
	if _, err := pickResult("PASS"); err == nil {
		t.Error("no benchmark is no error")
	}
}
