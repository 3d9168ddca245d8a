package host

import (
	"time"

	"shoal"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/standing"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/testnet/sim/disk"
	"shoal/internal/testnet/sim/flaw"
)

// lookAround is how often a process looks at its connections, as a node does.
const lookAround = 5 * time.Second

// gate is the machine of a process's standing, the machine that ships, with the actions
// that are to be performed and the visitors that wait.
type gate struct {
	p        *Process
	standing *standing.Machine
	todo     []standing.Action // that it asked for
	acting   bool              // they are being done
	visits   uint64
	visitors map[uint64]func(served bool) // by visit
}

// stand hands an event to the machine of this node's standing, and performs its actions.
func (p *Process) stand(e standing.Event) {
	p.gate.todo = append(p.gate.todo, p.gate.standing.Step(p.w.Now(), e)...)
	if p.gate.acting {
		return // the caller further up performs them
	}
	p.gate.acting = true
	for len(p.gate.todo) > 0 {
		next := p.gate.todo[0]
		p.gate.todo = p.gate.todo[1:]
		p.act(next)
	}
	p.gate.acting = false
}

func (p *Process) act(action standing.Action) {
	switch a := action.(type) {
	case standing.Enrol:
		p.detect(liveness.NewRoster(a.Nodes))
		for _, i := range p.m.Peers() {
			p.detect(liveness.Connected{Peer: p.w.Nodes[i].ID})
		}
	case standing.Moved:
		p.detect(liveness.Moved{Peer: a.Node})
	case standing.Greet:
		p.streams.greet(p.w.Node(a.Peer))
	case standing.Disconnect:
		to := p.w.Node(a.Peer)
		p.streams.lose(to)
		p.w.Cut(p.m, to, liveness.Closed)
	case standing.Recover:
		p.recover(p.w.Node(a.Peer))
	case standing.Settle:
		p.m.Moved = false
	case standing.MaySpeak:
		p.Ready = true
	case standing.Introduce:
		p.w.After(0, func() {
			p.Hand(func() { p.stand(standing.Said{OK: p.SayRoster(a.Self)}) })
		})
	case standing.Ask:
		p.askWelcome(p.w.Node(a.Peer))
	case standing.Serve:
		p.gate.decide(a.Visit, true)
	case standing.Refuse:
		p.gate.decide(a.Visit, false)
	case standing.Wake:
		p.w.After(a.At-p.w.Now(), func() { p.Hand(p.wake) })
	case standing.Doubt, standing.Joined: // are for people
	}
}

// wake tells that time has passed, and first how far others have heard this node.
func (p *Process) wake() {
	p.recall()
	p.stand(standing.Tick{})
}

// recollect begins to find out how far this node had come itself.
func (p *Process) recollect() {
	p.recall()
	if p.w.Flaw == flaw.Forgetful {
		p.stand(standing.Told{Met: len(p.w.Nodes), Sure: true})
	}
	p.stand(standing.Place{Self: rosterSelf(p.m)})
	p.stand(standing.Begin{Moved: p.m.Moved && p.w.Flaw != flaw.Forgetful})
	p.every(lookAround, func() {
		var peers []shoal.NodeID
		for _, i := range p.m.Peers() {
			peers = append(peers, p.w.Nodes[i].ID)
		}
		p.stand(standing.Connections{Peers: peers})
	})
}

// recall tells how far others have heard this node, until it may speak.
func (p *Process) recall() {
	if met, sure := p.talks.Own(); !p.Ready {
		p.stand(standing.Told{Met: met, Sure: sure})
	}
}

// enrol has everyone act on the roster as it is now.
func (p *Process) enrol() {
	p.stand(standing.Roster{Nodes: p.Roster.Nodes()})
	p.poke()
}

// Allows reports whether a node may be spoken with.
func (p *Process) Allows(id shoal.NodeID) bool { return p.gate.standing.Allows(id) }

// seek finds the one this node joins through, until it is on the roster.
func (p *Process) seek() {
	for _, id := range p.gate.standing.Seeks() {
		if to := p.w.Node(id); !p.m.conns[to.Index] {
			p.w.Dial(p.m, to)
		}
	}
}

// knock has the gate decide whether a peer is served, and tells it.
func (g *gate) knock(peer shoal.NodeID, answer func(served bool)) {
	g.visits++
	g.visitors[g.visits] = answer
	g.p.stand(standing.Knock{Visit: g.visits, Peer: peer})
}

func (g *gate) decide(visit uint64, served bool) {
	answer := g.visitors[visit]
	delete(g.visitors, visit)
	answer(served)
}

// askWelcome asks another whether this node is on its roster.
func (p *Process) askWelcome(to *Machine) {
	answered := false
	reply := func(a standing.Answer) {
		p.Hand(func() {
			if !answered {
				answered = true
				p.stand(standing.Welcome{Peer: to.ID, Answer: a})
			}
		})
	}
	p.w.After(reconcile.HoldTimeout, func() { reply(standing.Unknown) })
	p.reach(to, func(q *Process) {
		q.gate.knock(p.m.ID, func(served bool) {
			answer := standing.No
			if served {
				answer = standing.Yes
			}
			q.reach(p.m, func(*Process) { reply(answer) })
		})
	})
}

// recover asks another for what the founder and this node have said.
func (p *Process) recover(to *Machine) {
	p.w.After(reconcile.HoldTimeout, func() { p.Hand(func() { p.stand(standing.Recovered{Peer: to.ID}) }) })
	p.reach(to, func(q *Process) {
		given := append(append([]disk.Batch(nil), q.Behind(p.w.Nodes[0].ID, 0)...), q.Behind(p.m.ID, 0)...)
		q.reach(p.m, func(p *Process) {
			if _, err := p.Take(given); err != nil {
				p.w.Breach("%s cannot recover: %v", p.m.Name(), err)
			}
		})
	})
}

// reach does something at another machine a little later, if its process runs and can
// be reached by then.
func (p *Process) reach(to *Machine, do func(*Process)) {
	q := to.Process
	p.w.After(p.w.Latency(), func() {
		if q != nil && to.Process == q && !p.w.Severed(p.m, to) {
			q.Hand(func() { do(q) })
		}
	})
}
