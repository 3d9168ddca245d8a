package liveness_test

import (
	"fmt"
	"testing"
	"time"

	"shoal/internal/membership/liveness"
)

// TestLiar has one node claim of all others, in each message, that they are
// gone. Nobody else may call anybody down, and who dies is found out.
func TestLiar(t *testing.T) {
	for _, c := range []struct{ nodes, fullMesh, watchers int }{{4, 0, 0}, {9, 0, 0}, {12, 4, 3}, {24, 4, 4}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			w := newWorld(t, c.nodes, 1, liveness.Config{FullMesh: c.fullMesh, Watchers: c.watchers})
			liar, dead := w.nodes[0], w.nodes[1]
			w.lie = func(from *node, m *liveness.Message) {
				if from == liar {
					w.slander(liar, m)
				}
			}
			w.watch = func(at *node, a liveness.Action) {
				if down, ok := a.(liveness.Changed); ok && down.Member.State == liveness.Down && at != liar && down.Member.Node != dead.id {
					t.Errorf("%v: %s believes that %s is down", w.Now(), at.id, down.Member.Node)
				}
			}
			w.startAll()
			w.Run(20 * time.Second)
			w.unplug(dead)
			w.Run(30 * time.Second)
			for _, n := range w.nodes[2:] {
				if m, _ := n.detector.Member(dead.id); m.State != liveness.Down {
					t.Errorf("%s calls the dead %v", n.id, m.State)
				}
			}
		})
	}
}

// slander fills a message with claims against as many nodes as it can hold, of
// whatever incarnation they are, which the liar knows.
func (w *world) slander(liar *node, m *liveness.Message) {
	for i := range w.nodes {
		victim := w.nodes[(i+w.random.IntN(len(w.nodes)))%len(w.nodes)]
		if victim == liar || len(m.Claims) == liveness.MaxClaims {
			continue
		}
		c := liveness.Claim{Node: liveness.HandleOf(victim.id), Reporter: liveness.HandleOf(liar.id), Level: liveness.Gone}
		c.Incarnation = w.said[victim.index]
		c.Sig = stampKeys{liar.id}.Sign(claimText(victim.id, liar.id, &c))
		m.Claims = append(m.Claims, c)
		if m.Size() > liveness.MaxMessage {
			m.Claims = m.Claims[:len(m.Claims)-1]
		}
	}
}
