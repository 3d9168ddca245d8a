package host

import (
	"context"
	"slices"
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
	"shoal/internal/testnet/sim/flaw"
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
	met     []reconcile.Peer                          // all that were ever told
	waited  map[int]time.Duration                     // files for whose copies somebody waits, and until when
}

func (p *Process) newKeeping() keeping {
	return keeping{
		machine: reconcile.New(p.config(), p.moment()), replies: make(map[reconcile.Call]func(reconcile.Action)), waited: make(map[int]time.Duration),
	}
}

// config is how the node's reconciler is set.
func (p *Process) config() reconcile.Config {
	return reconcile.Config{
		Self: p.m.ID, RepairDelay: p.w.Flaw.Delay(RepairDelay), TrimDelay: TrimDelay, Trash: p.w.Flaw.Trash(Trash), Rescan: Rescan,
		Waking: liveness.DefaultDown + liveness.DefaultUpdate,
	}
}

// moment is both clocks of the machine.
func (p *Process) moment() reconcile.Clock {
	return reconcile.Clock{Mono: p.w.Now(), Wall: p.m.Wall()}
}

// Tell steps the reconciler, and performs its actions.
func (p *Process) Tell(e reconcile.Event) {
	for _, a := range p.keep.machine.Step(p.moment(), e) {
		p.perform(a)
	}
}

// Call tells the reconciler of a caller that waits; reply is called with the action
// that ends the wait.
func (p *Process) Call(event func(reconcile.Call) reconcile.Event, reply func(reconcile.Action)) reconcile.Call {
	p.keep.calls++
	call := p.keep.calls
	p.keep.replies[call] = reply
	p.Tell(event(call))
	return call
}

func (p *Process) reply(call reconcile.Call, a reconcile.Action) {
	reply := p.keep.replies[call]
	delete(p.keep.replies, call)
	if reply != nil {
		reply(a)
	}
}

// Soon has the process do something a little later.
func (p *Process) Soon(do func()) { p.w.After(p.w.Latency(), func() { p.Hand(do) }) }

// poke tells the reconciler of the nodes, right after the present event.
func (p *Process) poke() {
	if p.keep.poked {
		return
	}
	p.keep.poked = true
	p.w.After(0, func() {
		p.Hand(func() {
			p.keep.poked = false
			p.Tell(p.nodes())
		})
	})
}

// work is done every second.
func (p *Process) work() {
	p.streams.listen()
	p.Tell(p.nodes())
	p.Tell(p.passed())
	p.w.Witness.Looks(p)
}

// nodes returns the storage nodes of the roster, with their liveness and reports.
func (p *Process) nodes() reconcile.Nodes {
	seen := make(map[shoal.NodeID]liveness.Member)
	for _, m := range p.Seen() {
		seen[m.Node] = m
	}
	var all []reconcile.Peer
	for _, r := range p.Roster.Nodes() {
		if !p.w.Flaw.Stores(r) {
			continue
		}
		m := seen[r.ID]
		report, reported := safety.Parse(m.Own.Digest)
		all = append(all, reconcile.Peer{
			Name: string(r.ID), Alive: m.State == liveness.Alive, Linked: p.m.conns[p.w.Node(r.ID).Index], Reported: reported, Report: report,
			Node: repair.Node{
				Node: Placed(r), Absence: repair.Absence{For: r.Maintenance, Word: r.MaintenanceSaid},
				Up: r.ID == p.m.ID || m.State != liveness.Down, Since: m.Since,
			},
		})
	}
	if p.w.Flaw == flaw.Nostalgic {
		for _, old := range p.keep.met {
			if !slices.ContainsFunc(all, func(n reconcile.Peer) bool { return n.ID == old.ID }) {
				all = append(all, old)
			}
		}
		p.keep.met = slices.Clone(all)
	}
	return reconcile.Nodes{Storage: all}
}

// passed returns the facts that the reconciler gets with every step in time.
func (p *Process) passed() reconcile.Passed {
	return reconcile.Passed{Log: p.Log(), Free: p.room()}
}

// Log returns the beginning of the digest of the journal's vector.
func (p *Process) Log() [8]byte {
	digest, err := p.Digest()
	if err != nil {
		p.w.Breach("%s has no digest of its journal: %v", p.m.Name(), err)
	}
	return [8]byte(digest[:8])
}

// tellNames tells the reconciler of a batch.
func (p *Process) tellNames(b record.Batch) {
	news := reconcile.Named{Heard: []reconcile.Position{{Author: b.Author, Upto: b.Seq}}}
	for _, r := range b.Records {
		if r.Kind != record.KindPut {
			continue
		}
		if put, err := merge.ParsePut(r.Body); err == nil {
			news.Files = append(news.Files, reconcile.Name{File: put.File, By: b.Author, At: r.Stamp.Time()})
		}
	}
	p.Tell(news)
}

// Placed returns a node of the roster as placement wants it.
func Placed(n roster.Node) placement.Node {
	return placement.Node{ID: n.ID, Zone: n.Zone, Weight: n.Allotment}
}

// room is how many bytes may still be stored.
func (p *Process) room() int64 {
	usage, err := p.quota.Usage(context.Background())
	if err != nil {
		p.w.Breach("%s does not know how full it is: %v", p.m.Name(), err)
	}
	return usage.Free
}

// Verdict returns what status says.
func (p *Process) Verdict() safety.Verdict {
	o := reconcile.Outside{Log: p.Log(), Wanted: make(map[int]int)}
	for _, want := range p.Wanted {
		if want.Live && want.Copies > 0 {
			o.Wanted[want.Copies]++
		}
	}
	return safety.Judge(p.w.Flaw.Believe(p.keep.machine.State().Shoal(p.moment(), p.config(), o)))
}

// Counting returns the map of all nodes that store, whether they answer or not.
func (p *Process) Counting() *placement.Map {
	var nodes []placement.Node
	for _, n := range p.Roster.Nodes() {
		if n.Stores() {
			nodes = append(nodes, Placed(n))
		}
	}
	if p.storing == nil || !slices.Equal(nodes, p.stores) {
		p.stores, p.storing = nodes, placement.New(nodes)
	}
	return p.storing
}
