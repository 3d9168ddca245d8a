package liveness

import (
	"fmt"
	"time"

	"shoal"
)

// The defaults of a Config.
const (
	DefaultInterval   = time.Second
	DefaultSuspect    = 5 * time.Second
	DefaultDown       = 10 * time.Second
	DefaultUpdate     = 5 * time.Second
	DefaultFullMesh   = 64
	DefaultWatchers   = MaxWatchers
	DefaultRumourRate = 800
)

// The bounds of a Config.
const (
	MinInterval = 10 * time.Millisecond
	MaxDown     = time.Hour
	MaxFullMesh = 256
	fewNodes    = 16 // that say at once what they have to say
	ticksABeat  = 5  // how many Ticks an Interval has unless Tick says otherwise
)

// Keys signs for this node and checks what others signed. Both must be pure:
// the same arguments give the same answer (Ed25519 does).
type Keys interface {
	Sign(text []byte) [SigSize]byte
	Verify(node shoal.NodeID, text []byte, sig [SigSize]byte) bool
}

// Config is what a Detector is made of. A zero duration or count means the
// default; Self, Keys and Incarnation have none. Nodes whose Interval, FullMesh
// or Watchers differ work together, and waste messages.
type Config struct {
	Self shoal.NodeID
	Keys Keys

	// Incarnation must be above that of the node's last life, or others hold
	// the node for its own past until it has overtaken it: a counter kept on
	// disk, raised at each start. From 1 to MaxIncarnation.
	Incarnation uint64
	// Nonce is drawn anew at each start. If its upper bits are the time, the
	// newer of two clones can tell that it is the newer.
	Nonce uint64

	Interval time.Duration // between two beats
	Suspect  time.Duration // this much silence makes a node suspect
	Down     time.Duration // and this much down
	Tick     time.Duration // how often the shell sends a Tick
	Update   time.Duration // between two statements of what this node says of itself

	FullMesh   int    // up to so many nodes, each watches each
	Watchers   int    // beyond, a node has so many watchers; at most MaxWatchers
	RumourRate int    // bytes a second for passing on what others say of themselves
	Seed       uint64 // of the choice of whom to tell first
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	fill := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	fill(&c.Interval, DefaultInterval)
	fill(&c.Suspect, DefaultSuspect)
	fill(&c.Down, DefaultDown)
	fill(&c.Tick, c.Interval/ticksABeat)
	fill(&c.Update, DefaultUpdate)
	for _, f := range []struct {
		n     *int
		value int
	}{{&c.FullMesh, DefaultFullMesh}, {&c.Watchers, DefaultWatchers}, {&c.RumourRate, DefaultRumourRate}} {
		if *f.n == 0 {
			*f.n = f.value
		}
	}
	return c
}

// check is a shoal.Usage error that names the field which cannot be.
func (c Config) check() error {
	for _, rule := range []struct {
		broken bool
		text   string
	}{
		{c.Self == "", "a detector needs to know its own node"},
		{c.Keys == nil, "a detector needs keys"},
		{c.Incarnation < 1 || c.Incarnation > MaxIncarnation, "the incarnation is out of range"},
		{c.Interval < MinInterval, fmt.Sprintf("beats must be at least %v apart", MinInterval)},
		{c.Suspect < 3*c.Interval, "a node may be suspected after three intervals at the earliest"},
		{c.Down < c.Suspect+c.Interval, "a node may be called down an interval after it was suspected at the earliest"},
		{c.Down > MaxDown, fmt.Sprintf("a node must be called down after %v at the latest", MaxDown)},
		{c.Tick <= 0 || c.Tick > c.Interval/2, "an interval needs at least two ticks"},
		{c.Update < c.Interval, "statements must be at least an interval apart"},
		{c.FullMesh < 2 || c.FullMesh > MaxFullMesh, fmt.Sprintf("a full mesh has 2 to %d nodes", MaxFullMesh)},
		{c.Watchers < 2 || c.Watchers > MaxWatchers, fmt.Sprintf("a node has 2 to %d watchers", MaxWatchers)},
		{c.RumourRate < 100, "rumours need at least 100 bytes a second"},
	} {
		if rule.broken {
			return fmt.Errorf("%s: %w", rule.text, shoal.Usage)
		}
	}
	return nil
}
