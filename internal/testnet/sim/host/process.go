package host

import (
	"hash/fnv"
	"time"

	"shoal"
	"shoal/internal/catalog/gossip"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
	"shoal/internal/membership/standing"
	"shoal/internal/record"
	"shoal/internal/redundancy/placement"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/storage/quota"
	"shoal/internal/testnet/sim/disk"
	"shoal/internal/testnet/sim/names"
)

// Process is a running node: what is in memory, and lost with it.
type Process struct {
	*disk.Journal
	*names.View
	m       *Machine
	w       *Net
	Started time.Duration
	backlog []func() // what waits for it to thaw

	talks   *gossip.Node
	streams streams
	Ready   bool // it may speak
	gate    gate

	detector *liveness.Detector
	members  []liveness.Member
	Roster   *roster.Roster
	Clock    record.Clock

	stores  []placement.Node
	storing *placement.Map // of those

	keep    keeping
	fetches fetches
	quota   *quota.Store
}

// The beats of a process.
const (
	tickEvery = liveness.DefaultInterval / 5
	workEvery = time.Second     // it looks at what is to be done
	seekEvery = 2 * time.Second // it looks for the one it joins through
)

func newProcess(m *Machine) *Process {
	p := Remember(m)
	p.fetches = fetches{p: p}
	p.keep, p.quota = p.newKeeping(), m.bounded()
	p.talks, p.streams = gossip.New(m.ID, p), streams{p: p, calls: make(map[int]*call)}
	detector, err := liveness.New(liveness.Config{
		Self: m.ID, Keys: keys{m.ID}, Incarnation: m.Disk.Starts, Nonce: uint64(m.w.Now())<<8 | uint64(m.Index), Seed: m.w.Random.Uint64(),
	})
	if err != nil {
		m.w.Breach("%s has no detector: %v", m.Name(), err)
	}
	p.detector = detector
	return p
}

// Remember returns a process that has read what is on its disk, and no more.
func Remember(m *Machine) *Process {
	p := &Process{m: m, w: m.w, Started: m.w.Now(), Roster: roster.New(m.w.Nodes[0].ID), Journal: disk.Open(&m.Disk)}
	p.View = names.New(names.Config{Number: p.w.number, Enter: p.w.Flaw.Enter})
	cfg := standing.Config{Self: m.ID, Founder: m.w.Nodes[0].ID}
	if m.Sponsor != nil {
		cfg.Sponsor = m.Sponsor.ID
	}
	p.gate = gate{p: p, standing: standing.New(cfg), visitors: make(map[uint64]func(bool))}
	for _, author := range SortedKeys(m.Disk.Log) {
		for _, b := range m.Disk.Log[author] {
			p.Roster.Add(b.Batch)
			for _, r := range b.Records {
				_ = p.Clock.Hear(r.Stamp, r.Stamp.Time()) // it was believed before
			}
		}
	}
	p.gate.acting = true // done when it begins
	p.gate.todo = p.gate.standing.Step(m.w.Now(), standing.Roster{Nodes: p.Roster.Nodes()})
	p.reread()
	return p
}

// begin sets the process going.
func (p *Process) begin() {
	p.gate.acting = false
	p.enrol()
	p.Tell(p.nodes())
	p.every(tickEvery, func() { p.detect(liveness.Tick{}) })
	p.every(workEvery, p.work)
	p.seek()
	p.every(seekEvery, p.seek)
	p.recollect()
}

// Hand has the process do something now, or when it thaws.
func (p *Process) Hand(do func()) {
	switch {
	case p.m.Process != p:
	case p.m.Frozen:
		p.backlog = append(p.backlog, do)
	default:
		do()
	}
}

// every has the process do something again and again. It does so once, however
// long it was frozen.
func (p *Process) every(interval time.Duration, do func()) {
	var next func()
	next = func() {
		p.Hand(func() {
			do()
			p.w.After(interval, next)
		})
	}
	p.w.After(time.Duration(p.w.Random.Int64N(int64(interval))), next)
}

// detect tells the detector what happened, and does what it asks for.
func (p *Process) detect(e liveness.Event) {
	for _, action := range p.detector.Step(p.w.Now(), e) {
		switch a := action.(type) {
		case liveness.Send:
			p.beat(p.w.Node(a.To), a.Message)
		case liveness.Dial:
			p.w.Dial(p.m, p.w.Node(a.To))
		case liveness.Changed:
			p.w.Note("%s sees %s %v", p.m.Name(), p.w.Node(a.Member.Node).Name(), a.Member.State)
			p.poke()
		case liveness.Told:
			p.poke()
		}
	}
	p.members = nil
}

// beat sends a message of the detector's.
func (p *Process) beat(to *Machine, m *liveness.Message) {
	from := p.m.ID
	p.w.Send(p.m, to, func(q *Process) { q.detect(liveness.Heard{From: from, Message: m}) })
}

// Seen returns what the detector knows of all.
func (p *Process) Seen() []liveness.Member {
	if p.members == nil {
		p.members = p.detector.Members()
	}
	return p.members
}

// keys stands in for signatures, for forging is not the question here: a hash of
// node and text.
type keys struct{ self shoal.NodeID }

func (k keys) Sign(text []byte) (sig [liveness.SigSize]byte) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(k.self)) // a hash takes everything
	_, _ = h.Write(text)
	h.Sum(sig[:0])
	return sig
}

func (k keys) Verify(node shoal.NodeID, text []byte, sig [liveness.SigSize]byte) bool {
	return keys{node}.Sign(text) == sig
}

// Machine returns the computer on which the process runs.
func (p *Process) Machine() *Machine { return p.m }

// Keeper returns what the reconciler knows.
func (p *Process) Keeper() reconcile.State { return p.keep.machine.State() }

// Quota returns the node's store, within its limit.
func (p *Process) Quota() *quota.Store { return p.quota }

// Waited returns until when somebody waits for the copies of a file.
func (p *Process) Waited(f *File) time.Duration { return p.keep.waited[f.Index] }

// Fetching returns the files of which chunks are being fetched.
func (p *Process) Fetching() (files []*File) {
	for _, g := range p.fetches.running {
		files = append(files, g.f)
	}
	return files
}
