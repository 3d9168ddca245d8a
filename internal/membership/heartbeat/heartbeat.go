// Package heartbeat runs the failure detector (package members) over the network: it
// carries its messages, makes the connections it asks for, and tells what it
// found.
//
// It decides nothing.
package heartbeat

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"log/slog"
	"math"
	"sync"
	"time"

	"shoal"
	"shoal/internal/membership/liveness"
	"shoal/internal/network"
	"shoal/internal/record"
)

// Bounds.
const (
	maxEvents    = 1024            // that wait for the detector; more wait in their streams
	maxRate      = 20              // messages a second that are taken from a peer
	maxBurst     = 100             // messages at once
	maxUnsent    = 4               // messages that wait for a peer; more are dropped
	writeTimeout = 5 * time.Second // of one message
	dialTimeout  = 3 * time.Second // of one address
	maxDials     = 8               // addresses of a peer that are tried, and as many of earlier lives
	farewell     = 500 * time.Millisecond
)

// Config is what a Runner is made of.
type Config struct {
	Host     network.Host
	Key      ed25519.PrivateKey // this node's identity
	Detector liveness.Config    // Self and Keys are filled in

	// AddrsOf is where a node can be reached, beside what the host knows.
	AddrsOf func(shoal.NodeID) []string
	// Before is where it was reached in earlier lives of this node. That it is
	// not there any more says nothing. May be nil.
	Before func(shoal.NodeID) []string
	// Clock is the hybrid clock, told to others with each beat.
	Clock func() record.Stamp
	// Notify is called with each action that is news (liveness.Changed, Told and
	// Cloned), from one goroutine. It must not block.
	Notify func(liveness.Action)
	Log    *slog.Logger
}

// Runner runs a detector. Its methods are safe for use by many goroutines at
// once.
type Runner struct {
	cfg    Config
	start  time.Time
	events chan liveness.Event
	done   chan struct{} // closed when Run has returned

	mu      sync.Mutex        // of what is below, up to the empty line
	members []liveness.Member // as after the last Step that changed it
	voices  map[shoal.NodeID]map[*voice]bool
	looked  time.Time     // when the clocks were last looked at
	woke    time.Duration // when this process was last found to have stood still

	senders map[shoal.NodeID]*sender // of Run's goroutine alone
	running sync.WaitGroup           // what Run has started
	machine *liveness.Detector
}

// New returns a runner that is not yet running. Errors are shoal.Usage.
func New(cfg Config) (*Runner, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Detector.Self, cfg.Detector.Keys = cfg.Host.ID(), keys{cfg.Key}
	machine, err := liveness.New(cfg.Detector)
	if err != nil {
		return nil, err
	}
	return &Runner{
		cfg: cfg, start: time.Now(), machine: machine, events: make(chan liveness.Event, maxEvents), done: make(chan struct{}),
		senders: make(map[shoal.NodeID]*sender), voices: make(map[shoal.NodeID]map[*voice]bool),
	}, nil
}

// Members is what is known of every node of the roster, in order of their ids.
func (r *Runner) Members() []liveness.Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.members
}

// Now is the clock of Member.Since.
func (r *Runner) Now() time.Duration { return time.Since(r.start) }

// Enrol changes the set of nodes that should be there.
func (r *Runner) Enrol(nodes []shoal.NodeID) { r.tell(liveness.NewRoster(nodes)) }

// Moved tells that AddrsOf has other addresses of a node than before.
func (r *Runner) Moved(node shoal.NodeID) { r.tell(liveness.Moved{Peer: node}) }

// Say changes what this node says of itself to all.
func (r *Runner) Say(own liveness.Own) { r.tell(liveness.Say{Own: own}) }

// tell hands an event to the detector.
func (r *Runner) tell(e liveness.Event) {
	select {
	case r.events <- e:
	case <-r.done:
	}
}

// Run runs the detector until ctx ends, and then says good-bye. It is called
// once.
func (r *Runner) Run(ctx context.Context) {
	defer close(r.done)
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer r.running.Wait()
	defer stop()
	defer r.cfg.Host.Watch(func(c network.Change) {
		if c.Connected {
			r.tell(liveness.Connected{Peer: c.Peer})
		} else {
			r.tell(liveness.Lost{Peer: c.Peer})
		}
	})()
	r.greet()
	ticker := time.NewTicker(r.tick())
	defer ticker.Stop()
	for {
		select {
		case e := <-r.events:
			r.step(work, e)
		case <-ticker.C:
			r.look()
			r.step(work, liveness.Tick{})
		case <-ctx.Done():
			r.leave(work)
			return
		}
	}
}

// tick is how often the detector is told that time passes.
func (r *Runner) tick() time.Duration {
	const ticksABeat = 5
	return cmp.Or(r.cfg.Detector.Tick, r.interval()/ticksABeat)
}

// interval is the time between two beats.
func (r *Runner) interval() time.Duration {
	return cmp.Or(r.cfg.Detector.Interval, liveness.DefaultInterval)
}

// stall is a gap on a clock that means that this process stood still, or its
// machine slept.
const stall = 3 * time.Second

// look looks at the clocks.
func (r *Runner) look() {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	gap := max(now.Sub(r.looked), now.Round(0).Sub(r.looked.Round(0))) // the monotonic one stands still while a machine sleeps
	if !r.looked.IsZero() && gap > stall {
		r.woke = r.Now()
	}
	r.looked = now
}

// Awake is for how long this process has not stood still, as far as it can tell.
func (r *Runner) Awake() time.Duration {
	r.look()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.woke == 0 {
		return time.Duration(math.MaxInt64)
	}
	return r.Now() - r.woke
}

// step tells the detector what happened, and does what it asks for.
func (r *Runner) step(ctx context.Context, e liveness.Event) {
	changed := false
	for _, action := range r.machine.Step(r.Now(), e) {
		switch a := action.(type) {
		case liveness.Send:
			a.Message.Clock = uint64(r.cfg.Clock())
			r.senderOf(ctx, a.To).send(a.Message)
		case liveness.Dial:
			r.running.Go(func() { r.dial(ctx, a.To) })
		case liveness.Changed, liveness.Told, liveness.Cloned:
			changed = true
			defer r.cfg.Notify(a)
		}
	}
	if _, enrolled := e.(*liveness.Roster); enrolled {
		changed = true
		r.greet()
	}
	if changed {
		r.mu.Lock()
		r.members = r.machine.Members()
		r.mu.Unlock()
	}
}

// greet tells the detector of all connections there are; again when the roster
// has changed, for it ignores those to nodes it does not know. It is called from
// Run's goroutine, which must not wait for itself.
func (r *Runner) greet() {
	for _, conn := range r.cfg.Host.Peers() {
		select {
		case r.events <- liveness.Connected{Peer: conn.Peer}:
		default:
		}
	}
}

// leave says good-bye, and gives it a moment to get out.
func (r *Runner) leave(ctx context.Context) {
	r.step(ctx, liveness.Leave{})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for _, s := range r.senders {
			s.finish()
		}
	}()
	select {
	case <-gone:
	case <-time.After(farewell):
	}
}

// keys signs with the node's identity.
type keys struct{ key ed25519.PrivateKey }

func (k keys) Sign(text []byte) [liveness.SigSize]byte {
	return [liveness.SigSize]byte(ed25519.Sign(k.key, text))
}

func (k keys) Verify(node shoal.NodeID, text []byte, sig [liveness.SigSize]byte) bool {
	key, err := record.KeyOf(node)
	return err == nil && ed25519.Verify(key, text, sig[:])
}
