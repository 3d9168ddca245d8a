package sim

import "time"

// The bounds of a recall, as a node has them.
const (
	recallTime  = 3 * time.Second
	recallLimit = 30 * time.Second
	recallPeers = 8
)

// recollect begins to find out how far this node had come itself: it says nothing
// before it knows that, or has waited long enough.
func (p *process) recollect() {
	p.enough = p.others()
	for _, wait := range []time.Duration{recallTime, recallLimit} {
		p.w.After(wait, func() { p.hand(p.recall) })
	}
	p.recall()
}

// others is how many have to say how far they are, while there is time.
func (p *process) others() int {
	others := 0
	for _, n := range p.roster.Nodes() {
		if n.Present() && n.ID != p.m.id {
			others++
		}
	}
	return min(others, recallPeers)
}

// recall lets the node speak once it knows how far it had come.
func (p *process) recall() {
	if p.ready {
		return
	}
	if p.w.Now() >= p.started+recallTime {
		p.enough = 0
	}
	met, sure := p.talks.Own()
	if met >= p.enough && sure || p.w.Now() >= p.started+recallLimit || p.w.cfg.Flaw == Forgetful {
		p.ready = true
		p.introduce()
	}
}

// introduce says of the node what others should know, when it is not what it has
// said.
func (p *process) introduce() {
	self := p.roster.Node(p.m.id)
	switch {
	case !p.ready, self.Name != "" && !p.m.moved, !self.Present() && p.vector[p.m.id] > 0:
		return
	}
	p.m.moved = false
	p.sayRoster(rosterSelf(p.m))
}
