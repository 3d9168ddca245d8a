package trim_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/redundancy/placement"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/trim"
)

// world is a few nodes that would all like to be rid of what they need not
// hold, whose views come and go as they like, and whose messages are late, come
// twice, or not at all. Time goes in seconds.
type world struct {
	random *rand.Rand
	now    time.Duration
	nodes  []*node
	file   repair.File
	mail   []letter
	gone   int // chunks deleted
}

// node is one of them.
type node struct {
	id      shoal.NodeID
	have    content.Bitmap
	census  repair.Census
	view    repair.View
	keeper  *trim.Keeper
	pledges []trim.Pledge
	frozen  time.Duration // until when it does nothing
}

// letter is a question, or the answer to it.
type letter struct {
	at       time.Duration
	from, to int
	asked    time.Duration
	answer   bool
	chunks   content.Bitmap
}

func newWorld(seed uint64) *world {
	w := &world{random: rand.New(rand.NewPCG(seed, 1)), file: repair.File{ID: shoal.FileID{byte(seed)}, Chunks: 6, Copies: 2}}
	for i := range 3 + w.random.IntN(6) {
		n := &node{id: shoal.NodeID(fmt.Sprintf("node-%d", i)), have: content.NewBitmap(w.file.Chunks), keeper: trim.NewKeeper(0)}
		for c := range w.file.Chunks {
			if w.random.IntN(4) > 0 {
				n.have.Set(c)
			}
		}
		w.nodes = append(w.nodes, n)
	}
	for _, n := range w.nodes {
		w.look(n)
	}
	return w
}

// look gives a node some view: of those it thinks there are, any may be away,
// by its own clock for long.
func (w *world) look(n *node) {
	var seen []repair.Node
	for _, m := range w.nodes {
		up := m == n || w.random.IntN(5) > 0
		seen = append(seen, repair.Node{Node: placement.Node{ID: m.id, Weight: 1}, Up: up, Since: w.now - time.Duration(w.random.IntN(100))*time.Second})
	}
	n.view = n.census.Step(w.now, time.Minute, seen)
}

func (w *world) need(n *node) repair.Need { return repair.NeedOf(n.view, n.id, w.file, n.have, nil) }

// send sends a letter, which may get lost, be doubled, or overtaken.
func (w *world) send(l letter) {
	for range w.random.IntN(3) {
		l.at = w.now + time.Duration(w.random.IntN(25))*time.Second
		w.mail = append(w.mail, l)
	}
}

// step lets a second pass.
func (w *world) step() error {
	w.now += time.Second
	mail := w.mail
	w.mail = nil
	for _, l := range mail {
		if l.at > w.now || w.nodes[l.to].frozen > w.now {
			w.mail = append(w.mail, l)
		} else {
			w.deliver(l)
		}
	}
	for i, n := range w.nodes {
		if n.frozen > w.now {
			continue
		}
		if err := w.act(i, n); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) deliver(l letter) {
	n := w.nodes[l.to]
	if l.answer {
		n.pledges = append(n.pledges, trim.Pledge{From: w.nodes[l.from].id, Asked: l.asked, Chunks: l.chunks})
		return
	}
	w.send(letter{from: l.to, to: l.from, asked: l.asked, answer: true, chunks: n.keeper.Give(w.now, w.file.ID, n.have, w.need(n))})
}

// act has a node do one of the things that nodes do.
func (w *world) act(i int, n *node) error {
	switch dice := w.random.IntN(1000); {
	case dice < 1: // it is restarted
		n.keeper, n.pledges = trim.NewKeeper(w.now), nil
	case dice < 8:
		w.look(n)
	case dice < 11:
		n.frozen = w.now + time.Duration(w.random.IntN(90))*time.Second
	case dice < 40:
		w.pull(n)
	case dice < 140:
		for j := range w.nodes {
			if j != i {
				w.send(letter{from: i, to: j, asked: w.now})
			}
		}
	case dice < 300:
		return w.trim(n)
	}
	return nil
}

// pull has a node get what it should hold from somebody who has it.
func (w *world) pull(n *node) {
	for c := range w.need(n).Pull.All {
		for _, m := range w.nodes {
			if m.have.Has(c) {
				n.have.Set(c)
			}
		}
	}
}

// trim deletes what may be deleted, and looks at that instant whether enough is
// left that nobody else may delete.
func (w *world) trim(n *node) error {
	const delay = 5 * time.Second // short, so that changing views are met in the midst of it
	for c := range n.keeper.Surplus(w.now, delay, n.view, w.file, w.need(n), n.pledges).All {
		left := 0
		for _, m := range w.nodes {
			if m != n && m.have.Has(c) {
				left++
			}
		}
		if left < w.file.Copies {
			return fmt.Errorf("at %v %s deletes chunk %d, of which others have %d copies", w.now, n.id, c, left)
		}
		n.have.Clear(c)
		w.gone++
	}
	return nil
}

// Whatever the views and messages, at the instant of every delete enough others
// have the chunk.
func TestEnoughAreLeftAtEveryDelete(t *testing.T) {
	gone := 0
	for seed := range uint64(60) {
		w := newWorld(seed)
		for range 2000 {
			if err := w.step(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		gone += w.gone
	}
	if gone < 60 {
		t.Errorf("only %d chunks were deleted: the simulation shows little", gone)
	}
}

// settled is a view in which n nodes count and answer, for long.
func settled(n int) repair.View {
	var seen []repair.Node
	for i := range n {
		seen = append(seen, repair.Node{Node: placement.Node{ID: shoal.NodeID(fmt.Sprintf("node-%d", i)), Weight: 1}, Up: true})
	}
	var c repair.Census
	return c.Step(0, time.Minute, seen)
}

// Each rule alone is enough to keep a chunk.
func TestRules(t *testing.T) {
	f := repair.File{ID: shoal.FileID{9}, Chunks: 1, Copies: 2}
	v := settled(5)
	layout := v.In.File(f.ID, f.Chunks, f.Copies)
	order := layout.Order(0)
	holder, other, self := order[0], order[1], order[4]
	full := content.FullBitmap(1)
	now := time.Hour
	need := repair.NeedOf(v, self, f, full, nil)
	good := []trim.Pledge{{From: holder, Asked: now - trim.Counts, Chunks: full}, {From: other, Asked: now, Chunks: full}}
	free := func(k *trim.Keeper, v repair.View, need repair.Need, pledges []trim.Pledge) bool {
		return k.Surplus(now, trim.DefaultDelay, v, f, need, pledges).Has(0)
	}
	if !free(trim.NewKeeper(0), v, need, good) {
		t.Fatal("a chunk that two others have pledged is kept")
	}
	steady := v
	if steady.Changed = now - trim.DefaultDelay; !free(trim.NewKeeper(now-trim.Kept), steady, need, good) {
		t.Error("it is kept when the delay is over and nothing from before the start binds any more")
	}
	braked, fresh := v, v
	braked.Braked, fresh.Changed = true, now-trim.DefaultDelay+1
	for what, kept := range map[string]bool{
		"the brake is on":        free(trim.NewKeeper(0), braked, need, good),
		"who counts has changed": free(trim.NewKeeper(0), fresh, need, good),
		"just started":           free(trim.NewKeeper(now-trim.Kept+1), v, need, good),
		"one pledge":             free(trim.NewKeeper(0), v, need, good[:1]),
		"one pledge, twice":      free(trim.NewKeeper(0), v, need, []trim.Pledge{good[1], good[1]}),
		"an old pledge":          free(trim.NewKeeper(0), v, need, []trim.Pledge{{From: holder, Asked: now - trim.Counts - 1, Chunks: full}, good[1]}),
		"of another chunk":       free(trim.NewKeeper(0), v, need, []trim.Pledge{{From: holder, Asked: now, Chunks: content.NewBitmap(1)}, good[1]}),
		"by a stranger":          free(trim.NewKeeper(0), v, need, []trim.Pledge{{From: "stranger", Asked: now, Chunks: full}, good[1]}),
		"taken back":             free(trim.NewKeeper(0), v, need, append([]trim.Pledge{{From: other, Asked: now, Chunks: content.NewBitmap(1)}}, good[0])),
		"it should hold it":      free(trim.NewKeeper(0), v, repair.NeedOf(v, holder, f, full, nil), good),
	} {
		if kept {
			t.Errorf("%s: the chunk is deleted", what)
		}
	}
	k := trim.NewKeeper(0)
	if got := k.Give(now-trim.Kept+1, f.ID, full, repair.NeedOf(v, holder, f, full, nil)); got.Count() != 1 {
		t.Fatal("a holder does not pledge what it has")
	}
	if free(k, v, need, good) {
		t.Error("it deletes what it has pledged")
	}
	if got := k.Give(now, f.ID, full, need); got.Count() != 0 {
		t.Error("it pledges what it would like to be rid of")
	}
}

// Nodes rely on each other's times, so these are the ones that docs/spec/wire.md and
// docs/adr/0014-copies.md give.
func TestTimesArePublished(t *testing.T) {
	for what, c := range map[string]struct{ got, want time.Duration }{
		"a pledge counts":                       {trim.Counts, 30 * time.Second},
		"a pledge is kept":                      {trim.Kept, 2 * time.Minute},
		"nothing goes after a change":           {trim.DefaultDelay, 10 * time.Minute},
		"the wall clock is not believed":        {trim.Grace, time.Hour},
		"a process may stand still":             {trim.Asleep, time.Minute},
		"the chunks of a removed file are kept": {trim.DefaultTrash, 24 * time.Hour},
	} {
		if c.got != c.want {
			t.Errorf("%s for %v, want %v", what, c.got, c.want)
		}
	}
}

// A pledge binds for as long as it is kept, whatever is pledged or swept meanwhile,
// and no longer.
func TestPledgesBind(t *testing.T) {
	f := repair.File{ID: shoal.FileID{9}, Chunks: 2, Copies: 0}
	for what, meanwhile := range map[string]func(k *trim.Keeper, now time.Duration){
		"nothing happens":     func(*trim.Keeper, time.Duration) {},
		"the keeper is swept": func(k *trim.Keeper, now time.Duration) { k.Sweep(now) },
		"another file is pledged": func(k *trim.Keeper, now time.Duration) {
			k.Give(now, shoal.FileID{8}, content.FullBitmap(2), repair.Need{})
		},
		"nothing of it is pledged": func(k *trim.Keeper, now time.Duration) { k.Give(now, f.ID, content.NewBitmap(2), repair.Need{}) },
	} {
		k := trim.NewKeeper(-time.Hour)
		one := content.NewBitmap(f.Chunks)
		one.Set(1)
		k.Give(0, f.ID, one, repair.Need{})
		meanwhile(k, trim.Kept-1)
		if k.Orphan(trim.Kept-1, f, 0) {
			t.Errorf("%s: what was pledged goes", what)
		}
		meanwhile(k, trim.Kept)
		if !k.Orphan(trim.Kept, f, 0) {
			t.Errorf("%s: the pledge binds for too long", what)
		}
	}
	k := trim.NewKeeper(-time.Hour)
	k.Give(0, f.ID, content.FullBitmap(f.Chunks), repair.Need{})
	k.Give(trim.Counts, f.ID, content.FullBitmap(f.Chunks), repair.Need{})
	k.Give(trim.Kept, f.ID, content.FullBitmap(f.Chunks), repair.Need{})
	k.Sweep(trim.Kept + trim.Counts)
	if k.Orphan(2*trim.Kept-1, f, 0) || !k.Orphan(2*trim.Kept, f, 0) {
		t.Error("of several pledges not the last counts")
	}
}

// Nothing of a file goes while one of its chunks is coming.
func TestSurplusStaysWhileTheFileComes(t *testing.T) {
	f := repair.File{ID: shoal.FileID{9}, Chunks: 1, Copies: 1}
	v, full, now := settled(2), content.FullBitmap(1), time.Hour
	order := v.In.File(f.ID, f.Chunks, f.Copies).Order(0)
	need := repair.NeedOf(v, order[1], f, full, nil)
	pledges := []trim.Pledge{{From: order[0], Asked: now, Chunks: full}}
	k := trim.NewKeeper(0)
	k.Come(f.ID)
	if k.Surplus(now, 0, v, f, need, pledges).Count() != 0 {
		t.Error("a chunk goes while others of its file come")
	}
	k.Came(f.ID)
	if k.Surplus(now, 0, v, f, need, pledges).Count() != 1 {
		t.Error("it stays when they have come")
	}
}

func TestRemoved(t *testing.T) {
	f := repair.File{ID: shoal.FileID{9}, Chunks: 2, Copies: 2}
	wall := time.UnixMilli(1_700_000_000_000)
	const trash = trim.DefaultTrash
	for what, c := range map[string]struct {
		heard, now time.Duration // of the removal, and now
		ago        time.Duration // the removal, by the wall clock
		want       bool
	}{
		"before the trash time has passed":          {trim.Kept, trim.Kept + trim.Grace, trash - 1, false},
		"when it has":                               {trim.Kept, trim.Kept + trim.Grace, trash, true},
		"when the clock has jumped":                 {time.Hour, time.Hour + trim.Grace - 1, 365 * trash, false},
		"when the clock was put back":               {0, trash, -365 * trash, true},
		"when the process knows it for long":        {0, trash - 1, -365 * trash, false},
		"of a process that began a moment ago":      {-trim.Grace, trim.Kept - 1, trash, false},
		"of a process that did so a while ago":      {-trim.Grace, trim.Kept, trash, true},
		"a short trash time, as soon as it is over": {time.Hour, time.Hour, 0, false},
	} {
		k := trim.NewKeeper(0)
		since := wall.Add(-c.ago)
		k.Removed(c.heard, f, wall, since, trash)
		if got := k.Removed(c.now, f, wall, since, trash); got != c.want {
			t.Errorf("it goes %s: %v, want %v", what, got, c.want)
		}
	}
	k := trim.NewKeeper(-time.Hour)
	k.Removed(0, f, wall, wall, time.Second)
	if !k.Removed(time.Second, f, wall, wall, time.Second) {
		t.Error("a trash time that is shorter than the grace is not kept to")
	}
}

// A process that was stopped for long, or whose machine slept, knows as little as
// one that has just started.
func TestAsleep(t *testing.T) {
	f := repair.File{ID: shoal.FileID{9}, Chunks: 2, Copies: 2}
	wall := time.UnixMilli(1_700_000_000_000)
	for what, after := range map[string]struct{ gap, jump time.Duration }{
		"stopped":                {trim.Asleep + 1, trim.Asleep + 1},
		"stopped with its clock": {trim.Asleep + 1, time.Second},
		"asleep":                 {time.Second, 30 * trim.DefaultTrash},
		"with a clock put back":  {time.Second, -time.Hour},
	} {
		k, last := trim.NewKeeper(0), 2*time.Hour
		for at := time.Hour; at <= last; at += trim.Asleep { // as seldom as may be, and by clocks as far apart
			k.Look(at, wall.Add(at-last))
			k.Look(at, wall.Add(at-last+trim.Asleep))
			k.Look(at, wall.Add(at-last))
		}
		k.Removed(last, f, wall, wall, time.Second)
		now := last + after.gap
		if k.Steady(now) != now {
			t.Errorf("%s: steady for %v, want %v", what, k.Steady(now), now)
		}
		k.Look(now, wall.Add(after.jump))
		if k.Steady(now) != 0 {
			t.Errorf("%s: steady for %v all the same", what, k.Steady(now))
		}
		if k.Removed(now+trim.Kept-1, f, wall, wall, time.Second) {
			t.Errorf("%s: it deletes at once", what)
		}
		if !k.Removed(now+trim.Kept, f, wall, wall, time.Second) {
			t.Errorf("%s: it never deletes again", what)
		}
	}
}

func TestOrphan(t *testing.T) {
	f := repair.File{ID: shoal.FileID{9}, Chunks: 2, Copies: 0}
	k := trim.NewKeeper(-time.Hour)
	if k.Orphan(0, f, time.Hour) || k.Orphan(time.Hour-1, f, time.Hour) {
		t.Error("it goes before its lease is over")
	}
	if !k.Orphan(time.Hour, f, time.Hour) {
		t.Error("it does not go when its lease is over")
	}
	// One that had a name meanwhile, and lost it again, is another matter.
	k.Orphan(0, f, time.Hour)
	wall := time.UnixMilli(1)
	if k.Removed(trim.Grace-1, f, wall.Add(time.Hour), wall, time.Hour) {
		t.Error("the lease of an orphan counted for the trash")
	}
}

// What had no name for a while, and then one, begins anew when it loses that.
func TestWantedMeanwhile(t *testing.T) {
	f := repair.File{ID: shoal.FileID{9}, Chunks: 2, Copies: 0}
	k := trim.NewKeeper(-time.Hour)
	k.Orphan(0, f, time.Hour)
	k.Wanted(f.ID)
	if k.Orphan(time.Hour, f, time.Hour) || k.Orphan(2*time.Hour-1, f, time.Hour) {
		t.Error("the time before it was wanted counts")
	}
	if !k.Orphan(2*time.Hour, f, time.Hour) {
		t.Error("it never goes")
	}
}

// Of one file nothing comes while something goes, and the other way round.
func TestNothingComesWhileSomethingGoes(t *testing.T) {
	f := repair.File{ID: shoal.FileID{9}, Chunks: 2, Copies: 0}
	half := content.NewBitmap(f.Chunks)
	half.Set(1)
	k := trim.NewKeeper(-time.Hour)
	if !k.Come(f.ID) || k.Come(f.ID) || !k.Coming(f.ID) || k.Idle() {
		t.Error("a file comes once at a time")
	}
	if k.Orphan(0, f, 0) || k.Leave(f.ID, half) {
		t.Error("it goes while it comes")
	}
	k.Came(f.ID)
	if !k.Idle() || !k.Orphan(0, f, 0) || !k.Leave(f.ID, half) || k.Leave(f.ID, half) {
		t.Error("it goes once, when it has come")
	}
	if k.Come(f.ID) {
		t.Error("it comes while it goes")
	}
	if here := k.Here(f.ID, content.FullBitmap(f.Chunks)); here.Count() != 1 || here.Has(1) {
		t.Error("what goes is still here")
	}
	k.Gone(f.ID)
	if !k.Here(f.ID, content.FullBitmap(f.Chunks)).Full() || !k.Come(f.ID) {
		t.Error("it is not over")
	}
}
