package sim

import (
	"time"

	"shoal"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/standing"
	"shoal/internal/redundancy/reconcile"
)

// lookAround is how often a process looks at its connections, as a node does.
const lookAround = 5 * time.Second

// stand hands an event to the machine of this node's standing, and performs its actions.
func (p *process) stand(e standing.Event) {
	p.todo = append(p.todo, p.standing.Step(p.w.Now(), e)...)
	if p.acting {
		return // the caller further up performs them
	}
	p.acting = true
	for len(p.todo) > 0 {
		next := p.todo[0]
		p.todo = p.todo[1:]
		p.act(next)
	}
	p.acting = false
}

func (p *process) act(action standing.Action) {
	switch a := action.(type) {
	case standing.Enrol:
		p.detect(liveness.NewRoster(a.Nodes))
		for _, i := range p.m.peers() {
			p.detect(liveness.Connected{Peer: p.w.nodes[i].id})
		}
	case standing.Moved:
		p.detect(liveness.Moved{Peer: a.Node})
	case standing.Greet:
		p.greet(p.w.node(a.Peer))
	case standing.Disconnect:
		to := p.w.node(a.Peer)
		p.lose(to)
		p.w.cut(p.m, to, liveness.Closed)
	case standing.Recover:
		p.recover(p.w.node(a.Peer))
	case standing.Settle:
		p.m.moved = false
	case standing.MaySpeak:
		p.ready = true
	case standing.Introduce:
		p.w.After(0, func() {
			p.hand(func() { p.stand(standing.Said{OK: p.sayRoster(a.Self)}) })
		})
	case standing.Ask:
		p.askWelcome(p.w.node(a.Peer))
	case standing.Serve:
		p.decide(a.Visit, true)
	case standing.Refuse:
		p.decide(a.Visit, false)
	case standing.Wake:
		p.w.After(a.At-p.w.Now(), func() { p.hand(p.wake) })
	case standing.Doubt, standing.Joined: // are for people
	}
}

// wake tells that time has passed, and first how far others have heard this node.
func (p *process) wake() {
	p.recall()
	p.stand(standing.Tick{})
}

// recollect begins to find out how far this node had come itself.
func (p *process) recollect() {
	p.recall()
	if p.w.cfg.Flaw == Forgetful {
		p.stand(standing.Told{Met: len(p.w.nodes), Sure: true})
	}
	p.stand(standing.Place{Self: rosterSelf(p.m)})
	p.stand(standing.Begin{Moved: p.m.moved && p.w.cfg.Flaw != Forgetful})
	p.every(lookAround, func() {
		var peers []shoal.NodeID
		for _, i := range p.m.peers() {
			peers = append(peers, p.w.nodes[i].id)
		}
		p.stand(standing.Connections{Peers: peers})
	})
}

// recall tells how far others have heard this node, until it may speak.
func (p *process) recall() {
	if met, sure := p.talks.Own(); !p.ready {
		p.stand(standing.Told{Met: met, Sure: sure})
	}
}

// enrol has everyone act on the roster as it is now.
func (p *process) enrol() {
	p.stand(standing.Roster{Nodes: p.roster.Nodes()})
	p.poke()
}

// allows reports whether a node may be spoken with.
func (p *process) allows(id shoal.NodeID) bool { return p.standing.Allows(id) }

// seek finds the one this node joins through, until it is on the roster.
func (p *process) seek() {
	for _, id := range p.standing.Seeks() {
		if to := p.w.node(id); !p.m.conns[to.index] {
			p.w.dial(p.m, to)
		}
	}
}

// knock has the gate decide whether a peer is served, and tells it.
func (p *process) knock(peer shoal.NodeID, answer func(served bool)) {
	p.visits++
	p.visitors[p.visits] = answer
	p.stand(standing.Knock{Visit: p.visits, Peer: peer})
}

func (p *process) decide(visit uint64, served bool) {
	answer := p.visitors[visit]
	delete(p.visitors, visit)
	answer(served)
}

// askWelcome asks another whether this node is on its roster.
func (p *process) askWelcome(to *machine) {
	answered := false
	reply := func(a standing.Answer) {
		p.hand(func() {
			if !answered {
				answered = true
				p.stand(standing.Welcome{Peer: to.id, Answer: a})
			}
		})
	}
	p.w.After(reconcile.HoldTimeout, func() { reply(standing.Unknown) })
	p.reach(to, func(q *process) {
		q.knock(p.m.id, func(served bool) {
			answer := standing.No
			if served {
				answer = standing.Yes
			}
			q.reach(p.m, func(*process) { reply(answer) })
		})
	})
}

// recover asks another for what the founder and this node have said.
func (p *process) recover(to *machine) {
	p.w.After(reconcile.HoldTimeout, func() { p.hand(func() { p.stand(standing.Recovered{Peer: to.id}) }) })
	p.reach(to, func(q *process) {
		given := append(append([]signed(nil), q.m.disk.log[p.w.nodes[0].id]...), q.m.disk.log[p.m.id]...)
		q.reach(p.m, func(p *process) {
			if _, err := p.take(given); err != nil {
				p.w.breach("%s cannot recover: %v", p.m.name(), err)
			}
		})
	})
}

// reach does something at another machine a little later, if its process runs and can
// be reached by then.
func (p *process) reach(to *machine, do func(*process)) {
	q := to.process
	p.w.After(p.w.latency(), func() {
		if q != nil && to.process == q && !p.w.severed(p.m, to) {
			q.hand(func() { do(q) })
		}
	})
}

// advise has a person who has given up the other half of the shoal say so to a node that
// waits for it: shoal doctor --moved.
func (w *world) advise() {
	for _, m := range w.nodes {
		if p := m.process; p != nil && !p.ready && m.moved && w.Now() > p.started+time.Minute {
			w.note("%s is told that its folder was moved", m.name())
			m.kill()
			m.moved = false
			m.start()
		}
	}
}
