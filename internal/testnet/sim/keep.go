package sim

import (
	"context"
	"time"

	"shoal"
	"shoal/internal/catalog/merge"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
	"shoal/internal/record"
	"shoal/internal/redundancy/placement"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/safety"
)

// The delays of a node's reconciler: shorter than the defaults, so that a run sees
// much in little time.
const (
	RepairDelay = 20 * time.Second
	TrimDelay   = 10 * time.Second
	Trash       = 60 * time.Second
	Rescan      = 15 * time.Second
)

// keeping is a process's reconciler, the machine that ships, with the state of the
// models that perform its actions.
type keeping struct {
	machine *reconcile.Machine
	poked   bool // the nodes are to be told
	wakes   time.Duration
	calls   reconcile.Call
	replies map[reconcile.Call]func(reconcile.Action) // of callers that wait
	waited  map[int]time.Duration                     // files for whose copies somebody waits, and until when
	fetches []*fetching
}

func (p *process) newKeeping() keeping {
	return keeping{
		machine: reconcile.New(p.config(), p.moment()), replies: make(map[reconcile.Call]func(reconcile.Action)), waited: make(map[int]time.Duration),
	}
}

// config is how the node's reconciler is set.
func (p *process) config() reconcile.Config {
	return reconcile.Config{
		Self: p.m.id, RepairDelay: p.w.cfg.delay(), TrimDelay: TrimDelay, Trash: p.w.cfg.lease(), Rescan: Rescan,
		Waking: liveness.DefaultDown + liveness.DefaultUpdate,
	}
}

// moment is both clocks of the machine.
func (p *process) moment() reconcile.Clock {
	return reconcile.Clock{Mono: p.w.Now(), Wall: p.m.wall()}
}

// tell steps the reconciler, and performs its actions.
func (p *process) tell(e reconcile.Event) {
	for _, a := range p.keep.machine.Step(p.moment(), e) {
		p.perform(a)
	}
}

// call tells the reconciler of a caller that waits; reply is called with the action
// that ends the wait.
func (p *process) call(event func(reconcile.Call) reconcile.Event, reply func(reconcile.Action)) reconcile.Call {
	p.keep.calls++
	call := p.keep.calls
	p.keep.replies[call] = reply
	p.tell(event(call))
	return call
}

func (p *process) reply(call reconcile.Call, a reconcile.Action) {
	reply := p.keep.replies[call]
	delete(p.keep.replies, call)
	if reply != nil {
		reply(a)
	}
}

// soon has the process do something a little later.
func (p *process) soon(do func()) { p.w.After(p.w.latency(), func() { p.hand(do) }) }

// poke tells the reconciler of the nodes, right after the present event.
func (p *process) poke() {
	if p.keep.poked {
		return
	}
	p.keep.poked = true
	p.w.After(0, func() {
		p.hand(func() {
			p.keep.poked = false
			p.tell(p.nodes())
		})
	})
}

// work is done every second.
func (p *process) work() {
	p.listen()
	p.tell(p.nodes())
	p.tell(p.passed())
	p.judge()
}

// nodes returns the storage nodes of the roster, with their liveness and reports.
func (p *process) nodes() reconcile.Nodes {
	seen := make(map[shoal.NodeID]liveness.Member)
	for _, m := range p.seen() {
		seen[m.Node] = m
	}
	var all []reconcile.Peer
	for _, r := range p.roster.Nodes() {
		if !p.w.cfg.stores(r) {
			continue
		}
		m := seen[r.ID]
		report, reported := safety.Parse(m.Own.Digest)
		all = append(all, reconcile.Peer{
			Name: string(r.ID), Alive: m.State == liveness.Alive, Linked: p.m.conns[p.w.node(r.ID).index], Reported: reported, Report: report,
			Node: repair.Node{
				Node: placed(r), Absence: repair.Absence{For: r.Maintenance, Word: r.MaintenanceSaid},
				Up: r.ID == p.m.id || m.State != liveness.Down, Since: m.Since,
			},
		})
	}
	return reconcile.Nodes{Storage: all}
}

// passed returns the facts that the reconciler gets with every step in time.
func (p *process) passed() reconcile.Passed {
	return reconcile.Passed{Log: p.log(), Free: p.room()}
}

// log is the beginning of the digest of the journal's vector.
func (p *process) log() [8]byte {
	digest, err := p.Digest()
	if err != nil {
		p.w.breach("%s has no digest of its journal: %v", p.m.name(), err)
	}
	return [8]byte(digest[:8])
}

// tellNames tells the reconciler of a batch.
func (p *process) tellNames(b record.Batch) {
	news := reconcile.Named{Heard: []reconcile.Position{{Author: b.Author, Upto: b.Seq}}}
	for _, r := range b.Records {
		if r.Kind != record.KindPut {
			continue
		}
		if put, err := merge.ParsePut(r.Body); err == nil {
			news.Files = append(news.Files, reconcile.Name{File: put.File, By: b.Author, At: r.Stamp.Time()})
		}
	}
	p.tell(news)
}

// placed is a node of the roster as placement wants it.
func placed(n roster.Node) placement.Node {
	return placement.Node{ID: n.ID, Zone: n.Zone, Weight: n.Allotment}
}

// room is how many bytes may still be stored.
func (p *process) room() int64 {
	usage, err := p.quota.Usage(context.Background())
	if err != nil {
		p.w.breach("%s does not know how full it is: %v", p.m.name(), err)
	}
	return usage.Free
}

// verdict is what status says.
func (p *process) verdict() safety.Verdict {
	o := reconcile.Outside{Log: p.log(), Wanted: make(map[int]int)}
	for _, want := range p.wanted {
		if want.live && want.copies > 0 {
			o.Wanted[want.copies]++
		}
	}
	return safety.Judge(p.w.cfg.believe(p.keep.machine.State().Shoal(p.moment(), p.config(), o)))
}
