// Package reconcile keeps, on one node, every file at its number of copies and no
// chunk without need. It decides about the census of storage nodes,
// the files to look at, retries, questions to other nodes, leases (pledges),
// surplus and garbage, the report this node sends to all, and the moment at
// which an added file is acknowledged.
//
// It is a pure machine: Step takes the time and an event and returns actions.
// It reads no clock, disk or catalogue and sends nothing; a runner performs the
// actions and hands their results back as events. The simulator runs the same
// machine as a node does.
package reconcile

import (
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/safety"
	"shoal/internal/redundancy/trim"
)

// Intervals and bounds of the machine's work.
const (
	RescanEvery   = 10 * time.Minute // the default of Config.Rescan
	RetryAfter    = 5 * time.Second  // the first retry of a failed fetch or look
	maxRetryAfter = time.Minute

	newsLimit  = 10_000 // single files to look at; with more, all are looked at
	lookBatch  = 256    // files of one Look
	jobWidth   = 16     // files that wait for answers of other nodes at once
	pullsWait  = 64     // fetches that wait for places
	trimWidth  = 4      // files whose surplus is asked about at once
	vainTries  = 2      // failures in a row after which a file counts as stuck
	freshFor   = 10 * time.Minute
	awaitedFor = 30 * time.Second

	// HoldTimeout is how long other nodes have to answer a question. Answers
	// count for twice as long: later ones mean that this process stood still.
	HoldTimeout = 5 * time.Second

	// AnswerWithin is the longest that an answer is held back for an asker that
	// waits for copies.
	AnswerWithin = 2 * time.Second

	// TrimEvery is how often surplus is looked at, CompactEvery how often the
	// catalogue may forget names that are long gone.
	TrimEvery    = 30 * time.Second
	CompactEvery = time.Hour

	reportEvery = 5 * time.Second // a report is made at least that often
	reportLull  = time.Second     // between two reports while work goes on
	pulse       = time.Second     // the machine is stepped at least that often
	stall       = 3 * time.Second // a longer gap means that the process stood still
)

// Clock is a moment on both clocks of a machine.
type Clock struct {
	Mono time.Duration // since the node started; stands still while the machine sleeps
	Wall time.Time     // without Go's monotonic part
}

// Config says for which node a machine decides, and by which delays. A delay of
// 0 is none: nothing here replaces it by a default. Rescan must be positive.
type Config struct {
	Self        shoal.NodeID
	RepairDelay time.Duration // a node counts for so long after it went down
	TrimDelay   time.Duration // nothing is deleted for so long after the census changed
	Trash       time.Duration // files without a name are kept for so long
	Rescan      time.Duration // the time between two looks at every file
	Waking      time.Duration // after standing still nothing is called safe for so long

	// Ephemeral machines answer questions and know the census. They fetch,
	// delete and report nothing.
	Ephemeral bool
}

// Machine is the reconciler of one node. It is for one goroutine at a time.
type Machine struct {
	*outbox
	cfg     Config
	stepped bool          // now has been set
	woke    time.Duration // when the process was last found to have stood still; 0 is never

	census

	keeper  *trim.Keeper
	backlog backlog
	sweep   sweep
	looks   looks
	asking  asking
	jobs    map[*job]bool
	pulls   pulls
	heard   map[shoal.NodeID]uint64 // how far each author's batches have come
	held    []*inquiry
	adds    []*add
	intake  intake

	fresh   map[shoal.FileID]shoal.NodeID // files just named, with the author of the name; this node's part is not here yet
	awaited map[shoal.FileID]time.Duration
	lacks   lacks
	surplus map[shoal.FileID]bool
	rotten  map[shoal.FileID]int
	refused map[shoal.FileID]bool    // files this node has no room for
	instead map[shoal.FileID]extents // holdings of full nodes that this node stands in for
	trims   trims

	compacted  time.Duration
	compacting Op

	free     int64
	roomy    time.Duration // when refused files were last looked at for there being more room
	late     bool          // the catalogue is behind the journal
	log      [8]byte
	own      safety.Account // as it was last reported
	reported time.Duration
	hurry    bool          // the next report must not wait
	settled  time.Duration // when no file waited to be decided on last
	progress progress
	wake     time.Duration
}

// New returns a machine that starts now. It looks at every file first.
func New(cfg Config, now Clock) *Machine {
	box := &outbox{now: now}
	m := &Machine{
		outbox: box, cfg: cfg, census: census{self: cfg.Self}, keeper: trim.NewKeeper(now.Mono), backlog: newBacklog(),
		looks:   looks{outbox: box, open: make(map[Op]*look)},
		asking:  asking{outbox: box, self: cfg.Self, open: make(map[Op]*question)},
		pulls:   pulls{outbox: box, running: make(map[Op]*pull), resting: make(map[shoal.FileID]time.Duration)},
		trims:   trims{next: now.Mono + cfg.trimEvery(), running: make(map[shoal.FileID]bool), deleting: make(map[Op]deletion)},
		intake:  intake{taking: make(map[Call]bool)},
		lacks:   lacks{of: make(map[shoal.FileID]int64)},
		jobs:    make(map[*job]bool),
		heard:   make(map[shoal.NodeID]uint64),
		fresh:   make(map[shoal.FileID]shoal.NodeID),
		awaited: make(map[shoal.FileID]time.Duration),
		surplus: make(map[shoal.FileID]bool),
		rotten:  make(map[shoal.FileID]int),
		refused: make(map[shoal.FileID]bool),
		instead: make(map[shoal.FileID]extents),

		reported: now.Mono - reportEvery,
	}
	m.sweep.wanted = true
	m.count()
	return m
}

// Step takes an event and its moment, and returns actions in the order in which to
// perform them. Moments must not go back on the monotonic clock. It never blocks.
func (m *Machine) Step(now Clock, e Event) []Action {
	m.look(now)
	m.handle(e)
	m.advance()
	actions := m.actions
	m.actions = nil
	return actions
}

// outbox holds the moment of the present Step, and collects its actions.
type outbox struct {
	now     Clock
	actions []Action
	ops     Op // the number of the last action with a result
}

func (o *outbox) do(a Action) { o.actions = append(o.actions, a) }

// op returns a number for an action whose result will come back.
func (o *outbox) op() Op {
	o.ops++
	return o.ops
}

// look reads the clocks: a gap on either means that the process stood still.
func (m *Machine) look(now Clock) {
	if m.stepped && gap(m.now, now) > stall {
		m.woke = now.Mono
	}
	m.now, m.stepped = now, true
	m.keeper.Look(now.Mono, now.Wall)
}

// gap is the longer of the times that passed on the two clocks.
func gap(before, now Clock) time.Duration {
	return max(now.Mono-before.Mono, now.Wall.Sub(before.Wall))
}

func (m *Machine) handle(e Event) {
	switch e := e.(type) {
	case Nodes:
		m.meet(e.Storage)
	case Named:
		m.named(e)
	case Passed:
		m.log, m.late = e.Log, e.Late
		m.room(e.Free)
	case Recheck:
		m.recheck(e)
	case Damaged:
		m.damaged(e)
	case Looked:
		m.free = e.Free
		m.looks.looked(e)
	case Listed:
		m.listed(e)
	case GarbageListed:
		m.garbageListed(e)
	case Answered:
		m.asking.answered(e)
	case Fetched:
		m.fetched(e)
	case Deleted:
		m.deleted(e)
	case Compacted:
		m.compacting = 0
	default:
		m.handleCall(e)
	}
}

// handleCall handles the events of callers that wait for an action.
func (m *Machine) handleCall(e Event) {
	switch e := e.(type) {
	case TakeIn:
		m.takeIn(e.Call)
	case TakenIn:
		delete(m.intake.taking, e.Call)
	case Added:
		m.added(e)
	case Asked:
		m.asked(e)
	case Examine:
		m.examine(e)
	case HungUp:
		m.hungUp(e.Call)
	}
}

// advance does the work that is due or has become possible.
func (m *Machine) advance() {
	if m.view.Next > 0 && m.now.Mono >= m.view.Next {
		m.count()
	}
	m.asking.expire()
	m.advanceAdds()
	m.release()
	if !m.cfg.Ephemeral {
		m.advanceTrims()
		m.advanceSweep()
		m.lookAtNews()
		m.considerAll()
		m.pulls.startAll()
		m.watchPulls()
		m.report()
	}
	m.setWake()
}

// setWake asks for the next Step, if the one asked for last is not right.
func (m *Machine) setWake() {
	at := m.now.Mono + pulse
	sooner := func(t time.Duration) { at = min(at, max(t, m.now.Mono+time.Millisecond)) }
	if m.view.Next > 0 {
		sooner(m.view.Next)
	}
	if t, ok := m.backlog.retries.next(); ok {
		sooner(t)
	}
	if len(m.asking.order) > 0 {
		sooner(m.asking.order[0].asked + HoldTimeout)
	}
	for _, i := range m.held {
		sooner(i.until)
	}
	for _, a := range m.adds {
		if a.next > 0 {
			sooner(a.next)
		}
	}
	if !m.cfg.Ephemeral && m.account() != m.own {
		sooner(m.saidBy())
	}
	if m.wake <= m.now.Mono || at < m.wake {
		m.wake = at
		m.do(Wake{At: at})
	}
}

// fileOf is a file as the deciders of package repair know it.
func fileOf(s Seen) repair.File {
	return repair.File{ID: s.File, Chunks: content.ChunkSize(s.ChunkSize).Chunks(s.Size), Copies: s.Copies}
}

// here is the chunks of a file that lie durably in this node's own store, and
// stay there.
func (m *Machine) here(s Seen) content.Bitmap {
	chunks := fileOf(s).Chunks
	if s.Own.Len() != chunks {
		return content.NewBitmap(chunks)
	}
	return m.keeper.Here(s.File, s.Own)
}
