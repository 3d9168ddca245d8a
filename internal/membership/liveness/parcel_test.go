package liveness_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"shoal/internal/membership/liveness"
)

// The answers to a comparison are full: what the next one begins with did not fit
// into the one before. Buckets come with the last one, if
// there is room, and if all was told in fewer than four.
func TestAnswersAreFull(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		d := wellInformed(t, random, 2+random.IntN(60))
		asked := &liveness.Message{Incarnation: 1, Nonce: 200, Buckets: make([]uint32, 1<<random.IntN(8))}
		var answers []*liveness.Message
		for _, a := range d.Step(1, liveness.Heard{From: "b", Message: asked}) {
			if send, ok := a.(liveness.Send); ok && send.Message.Flags == liveness.Compared {
				answers = append(answers, send.Message)
			}
		}
		for i, m := range answers {
			if m.Size() > liveness.MaxMessage || len(m.Statements) > liveness.MaxStatements || len(m.Claims) > liveness.MaxClaims {
				t.Fatalf("seed %d: a message of %d bytes, %d statements and %d claims", seed, m.Size(), len(m.Statements), len(m.Claims))
			}
			if i > 0 {
				checkFull(t, seed, answers[i-1], m)
			}
		}
		last := *answers[len(answers)-1]
		last.Buckets = nil
		room := last.Size()+4*len(asked.Buckets) <= liveness.MaxMessage
		if has := len(answers[len(answers)-1].Buckets) > 0; len(answers) < 4 && has != room {
			t.Errorf("seed %d: %d bytes, and %d buckets: there are buckets: %t", seed, last.Size(), len(asked.Buckets), has)
		}
	}
}

// checkFull fails if what a message begins with would have fitted into the one before.
func checkFull(t *testing.T, seed uint64, before, m *liveness.Message) {
	t.Helper()
	rest := liveness.MaxMessage - before.Size()
	empty := (&liveness.Message{Incarnation: 1}).Size()
	if s := m.Statements[0]; !slices.Contains(before.Statements, s) {
		size := (&liveness.Message{Incarnation: 1, Statements: m.Statements[:1]}).Size() - empty
		if size <= rest && len(before.Statements) < liveness.MaxStatements {
			t.Errorf("seed %d: a statement of %d bytes was left out where %d were free", seed, size, rest)
		}
		return
	}
	missing := slices.DeleteFunc(slices.Clone(m.Claims), func(c liveness.Claim) bool {
		return c.Node != m.Statements[0].Node || slices.Contains(before.Claims, c)
	})
	if len(missing) == 0 {
		t.Fatalf("seed %d: a message begins with a node that was told of", seed)
	}
	size := (&liveness.Message{Incarnation: 1, Claims: missing[:1]}).Size() - empty
	if size <= rest && len(before.Claims) < liveness.MaxClaims {
		t.Errorf("seed %d: a claim of %d bytes was left out where %d were free", seed, size, rest)
	}
}

// wellInformed is a detector that has heard of all n nodes a statement of some length,
// and claims against some.
func wellInformed(t *testing.T, random *rand.Rand, n int) *liveness.Detector {
	d, err := liveness.New(liveness.Config{Self: "a", Keys: stampKeys{"a"}, Incarnation: 1, Nonce: 100})
	if err != nil {
		t.Fatal(err)
	}
	nodes := names(n)
	d.Step(0, liveness.NewRoster(nodes))
	d.Step(0, liveness.Connected{Peer: "b"})
	for _, node := range nodes[1:] {
		s := &liveness.Statement{Node: liveness.HandleOf(node), Incarnation: 1, Nonce: 200}
		s.Own.Digest = make([]byte, random.IntN(liveness.MaxDigest+1))
		s.Sig = stampKeys{node}.Sign(statementText(node, s))
		m := &liveness.Message{Flags: liveness.Compared, Incarnation: 1, Nonce: 200, Statements: []*liveness.Statement{s}}
		for range random.IntN(3) {
			reporter := nodes[random.IntN(n)]
			c := liveness.Claim{Node: s.Node, Reporter: liveness.HandleOf(reporter), Incarnation: 1, Level: liveness.Gone}
			c.Sig = stampKeys{reporter}.Sign(claimText(node, reporter, &c))
			m.Claims = append(m.Claims, c)
		}
		d.Step(0, liveness.Heard{From: "b", Message: m})
	}
	return d
}
