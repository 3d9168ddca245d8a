package sim

import (
	"hash/fnv"
	"time"

	"shoal"
	"shoal/internal/catalog/gossip"
	"shoal/internal/catalog/merge"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
	"shoal/internal/membership/standing"
	"shoal/internal/record"
	"shoal/internal/redundancy/placement"
	"shoal/internal/storage/quota"
)

// process is a running node: what is in memory, and lost with it.
type process struct {
	m       *machine
	w       *world
	started time.Duration
	backlog []func() // what waits for it to thaw

	talks   *gossip.Node
	streams []*stream
	calls   map[int]*call // streams it keeps, by machine
	ready   bool          // it may speak

	standing *standing.Machine
	todo     []standing.Action // that it asked for
	acting   bool              // they are being done
	visits   uint64
	visitors map[uint64]func(served bool) // at the gate, by visit

	detector *liveness.Detector
	members  []liveness.Member
	roster   *roster.Roster
	clock    record.Clock
	vector   record.Vector
	cut      record.Vector
	names    map[string]merge.Name
	copies   map[merge.Dot]int     // that a version asks for
	wanted   map[int]want          // files that names mean or have meant
	unnamed  map[int]time.Duration // since when no name means a file that one meant

	stores  []placement.Node
	storing *placement.Map // of those

	keep   keeping
	adding []*adding
	quota  *quota.Store
}

// want is what the catalogue wants of a file.
type want struct {
	live   bool
	copies int
}

// The beats of a process.
const (
	tickEvery = liveness.DefaultInterval / 5
	workEvery = time.Second     // it looks at what is to be done
	seekEvery = 2 * time.Second // it looks for the one it joins through
)

func newProcess(m *machine) *process {
	p := remember(m)
	p.keep, p.quota = p.newKeeping(), m.bounded()
	p.talks, p.calls = gossip.New(m.id, p), make(map[int]*call)
	detector, err := liveness.New(liveness.Config{
		Self: m.id, Keys: keys{m.id}, Incarnation: m.disk.starts, Nonce: uint64(m.w.Now())<<8 | uint64(m.index), Seed: m.w.random.Uint64(),
	})
	if err != nil {
		m.w.breach("%s has no detector: %v", m.name(), err)
	}
	p.detector = detector
	return p
}

// remember is a process that has read what is on its disk, and no more.
func remember(m *machine) *process {
	p := &process{
		m: m, w: m.w, started: m.w.Now(), roster: roster.New(m.w.nodes[0].id), vector: make(record.Vector), cut: make(record.Vector),
		names: make(map[string]merge.Name), copies: make(map[merge.Dot]int), wanted: make(map[int]want), unnamed: make(map[int]time.Duration),
		visitors: make(map[uint64]func(bool)),
	}
	cfg := standing.Config{Self: m.id, Founder: m.w.nodes[0].id}
	if m.sponsor != nil {
		cfg.Sponsor = m.sponsor.id
	}
	p.standing = standing.New(cfg)
	for _, author := range sortedKeys(m.disk.log) {
		for _, b := range m.disk.log[author] {
			p.vector[author] = b.Seq
			p.roster.Add(b.Batch)
			for _, r := range b.Records {
				_ = p.clock.Hear(r.Stamp, r.Stamp.Time()) // it was believed before
			}
		}
	}
	p.acting = true // done when it begins
	p.todo = p.standing.Step(m.w.Now(), standing.Roster{Nodes: p.roster.Nodes()})
	p.reread()
	return p
}

// begin sets the process going.
func (p *process) begin() {
	p.acting = false
	p.enrol()
	p.tell(p.nodes())
	p.every(tickEvery, func() { p.detect(liveness.Tick{}) })
	p.every(workEvery, p.work)
	p.seek()
	p.every(seekEvery, p.seek)
	p.recollect()
}

// hand has the process do something now, or when it thaws.
func (p *process) hand(do func()) {
	switch {
	case p.m.process != p:
	case p.m.frozen:
		p.backlog = append(p.backlog, do)
	default:
		do()
	}
}

// every has the process do something again and again. It does so once, however
// long it was frozen.
func (p *process) every(interval time.Duration, do func()) {
	var next func()
	next = func() {
		p.hand(func() {
			do()
			p.w.After(interval, next)
		})
	}
	p.w.After(time.Duration(p.w.random.Int64N(int64(interval))), next)
}

// detect tells the detector what happened, and does what it asks for.
func (p *process) detect(e liveness.Event) {
	for _, action := range p.detector.Step(p.w.Now(), e) {
		switch a := action.(type) {
		case liveness.Send:
			p.beat(p.w.node(a.To), a.Message)
		case liveness.Dial:
			p.w.dial(p.m, p.w.node(a.To))
		case liveness.Changed:
			p.w.note("%s sees %s %v", p.m.name(), p.w.node(a.Member.Node).name(), a.Member.State)
			p.poke()
		case liveness.Told:
			p.poke()
		}
	}
	p.members = nil
}

// beat sends a message of the detector's.
func (p *process) beat(to *machine, m *liveness.Message) {
	from := p.m.id
	p.w.send(p.m, to, func(q *process) { q.detect(liveness.Heard{From: from, Message: m}) })
}

// seen is what the detector knows of all.
func (p *process) seen() []liveness.Member {
	if p.members == nil {
		p.members = p.detector.Members()
	}
	return p.members
}

// node is the machine of an id.
func (w *world) node(id shoal.NodeID) *machine {
	for _, m := range w.nodes {
		if m.id == id {
			return m
		}
	}
	return nil
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
