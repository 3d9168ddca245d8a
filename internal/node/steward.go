package node

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"shoal"
	"shoal/internal/catalog"
	"shoal/internal/catalog/merge"
	"shoal/internal/content"
	"shoal/internal/journal"
	"shoal/internal/membership/liveness"
	"shoal/internal/record"
	"shoal/internal/redundancy/placement"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/safety"
	"shoal/internal/redundancy/trim"
)

// How the steward goes about its work.
const (
	rescanEvery   = 10 * time.Minute // all files are looked at, whatever happened
	retryAfter    = 5 * time.Second  // a file that could not be fetched is looked at again
	maxRetryAfter = time.Minute
	newsLimit     = 10_000           // files that were in the news; with more, all are looked at
	freshFor      = 10 * time.Minute // after it was named somebody may be waiting for a file's copies
	awaitedFor    = 30 * time.Second // after it was last asked about, somebody is waiting
)

// steward keeps on this node what it should hold, and nothing else: it looks at
// who counts and at what exists, works out what this node should hold, fetches
// what is missing and deletes what is not needed. What it decides by lies in
// packages repair and trim; here is who is asked in which order.
type steward struct {
	n      *Node
	wake   chan struct{}
	keeper *trim.Keeper

	mu      sync.Mutex // of what is below
	census  repair.Census
	view    repair.View
	news    map[shoal.FileID]bool // files to look at
	all     bool                  // every file is to be looked at
	again   map[shoal.FileID]retry
	waited  map[shoal.FileID]naming        // files just named, for whose copies somebody may be waiting
	awaited map[shoal.FileID]time.Duration // files for whose copies somebody says to be waiting, and until when that is believed
	lacks   map[shoal.FileID]int64         // bytes of each file that it should hold and does not
	surplus map[shoal.FileID]bool          // files of which it has what it need not hold
	rotten  map[shoal.FileID]int           // chunks that have rotted here and are not back yet
	noRoom  []shoal.NodeID                 // other nodes that have no room for all they should hold
	instead map[shoal.FileID]extents       // what those have of files that this node holds in their place
	refused map[shoal.FileID]bool          // files of which this node has no room for all it should hold
	own     safety.Account
	seen    bool // all files were looked at since who counts last changed

	compacted time.Duration // when the catalogue was last swept
}

// retry is when to look at a file again that could not be fetched, or not all of it yet.
type retry struct {
	at   time.Duration
	wait time.Duration
	vain int // how often in a row nobody had what was asked for
}

func newSteward(n *Node) *steward {
	s := &steward{
		n: n, wake: make(chan struct{}, 1), all: true, keeper: trim.NewKeeper(0),
		news: make(map[shoal.FileID]bool), again: make(map[shoal.FileID]retry),
		waited: make(map[shoal.FileID]naming), awaited: make(map[shoal.FileID]time.Duration),
		lacks: make(map[shoal.FileID]int64), surplus: make(map[shoal.FileID]bool),
		rotten:  make(map[shoal.FileID]int),
		instead: make(map[shoal.FileID]extents), refused: make(map[shoal.FileID]bool),
	}
	s.look()
	return s
}

// now is the steward's clock.
func (s *steward) now() time.Duration { return time.Since(s.n.started) }

// poke has the steward look at what is to be done.
func (s *steward) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// heard notes the files that batches are about.
func (s *steward) heard(items []journal.Item) {
	s.mu.Lock()
	for _, item := range items {
		for _, r := range item.Records {
			if r.Kind != record.KindPut {
				continue
			}
			put, err := merge.ParsePut(r.Body)
			if err != nil {
				continue
			}
			s.news[put.File] = true
			if time.Since(r.Stamp.Time()) < freshFor {
				s.expect(put.File, item.Author)
			}
		}
	}
	if len(s.news) > newsLimit {
		clear(s.news)
		s.all = true
	}
	s.mu.Unlock()
	s.poke()
}

// tell has the steward look at a file.
func (s *steward) tell(id shoal.FileID) {
	s.mu.Lock()
	s.news[id] = true
	s.mu.Unlock()
	s.poke()
}

// rotted has the steward get a chunk again that has rotted.
func (s *steward) rotted(id shoal.FileID) {
	s.mu.Lock()
	s.rotten[id]++
	s.mu.Unlock()
	s.tell(id)
}

// look brings the view of who counts up to date, and returns it.
func (s *steward) look() repair.View {
	var nodes []repair.Node
	seen := make(map[shoal.NodeID]liveness.Member)
	for _, m := range s.n.beats.Members() {
		seen[m.Node] = m
	}
	offset := s.now() - s.n.beats.Now()
	for _, r := range s.n.roll.nodes() {
		if !r.Stores() {
			continue
		}
		m := seen[r.ID]
		node := repair.Node{
			Node: placement.Node{ID: r.ID, Zone: r.Zone, Weight: r.Allotment}, Absence: repair.Absence{For: r.Maintenance, Word: r.MaintenanceSaid},
			Up: r.ID == s.n.self() || m.State != liveness.Down, Since: m.Since + offset,
		}
		nodes = append(nodes, node)
	}
	short := s.short()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(short, s.noRoom) {
		s.noRoom, s.all, s.seen = short, true, false
	}
	s.keeper.Look(s.now(), time.Now().Round(0)) // without the monotonic part, which stands still while the machine sleeps
	before := s.view.In
	s.view = s.census.Step(s.now(), orDefault(s.n.cfg.RepairDelay, repair.DefaultDelay), nodes)
	if s.view.In != before {
		s.all, s.seen = true, false
	}
	return s.view
}

// excused is until when a node is in maintenance; zero if it is not.
func (s *steward) excused(node shoal.NodeID) time.Time {
	s.mu.Lock()
	until, so := s.view.Excused[node]
	s.mu.Unlock()
	if !so {
		return time.Time{}
	}
	return s.n.started.Add(until).UTC().Truncate(time.Second)
}

// orDefault is d, or another if d is 0; less than 0 is none.
func orDefault(d, other time.Duration) time.Duration { return max(cmp.Or(d, other), 0) }

// run keeps house until ctx ends.
func (s *steward) run(ctx context.Context) {
	var fetching sync.WaitGroup
	defer fetching.Wait()
	fetching.Go(func() { s.trimming(ctx) })
	places := semaphore.NewWeighted(pullWidth)
	rescan := time.NewTicker(rescanEvery)
	defer rescan.Stop()
	for ctx.Err() == nil {
		s.n.cutOff()
		view := s.look()
		if err := s.sweep(ctx, view, places, &fetching); err != nil && ctx.Err() == nil {
			s.n.cfg.Log.Error("the files could not be looked at", "err", err)
		}
		s.account()
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-rescan.C:
			s.mu.Lock()
			s.all = true
			s.mu.Unlock()
		case <-time.After(s.pause(view)):
		}
	}
}

// pause is how long there is nothing to do, if nothing happens.
func (s *steward) pause(view repair.View) time.Duration {
	const most = 5 * time.Second // an account is made at least that often
	wait, now := most, s.now()
	if view.Next > 0 {
		wait = min(wait, max(view.Next-now, time.Millisecond))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.again {
		wait = min(wait, max(r.at-now, time.Millisecond))
	}
	return wait
}

// sweep looks at the files that may have changed.
func (s *steward) sweep(ctx context.Context, view repair.View, places *semaphore.Weighted, fetching *sync.WaitGroup) error {
	files, all := s.take()
	look := func(f catalog.File) error { return s.file(ctx, view, f, places, fetching) }
	if !all {
		for _, id := range files {
			f, err := s.n.catalog.FileOf(ctx, id)
			if errors.Is(err, shoal.NotFound) { // what named it was taken back, with all that a revoked node said
				s.forget(id)
				continue
			}
			if err == nil {
				err = look(f)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	for after := (shoal.FileID{}); ; {
		page, err := s.n.catalog.Files(ctx, after)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, f := range page {
			if err := look(f); err != nil {
				return err
			}
		}
		after = page[len(page)-1].ID
	}
	if err := s.orphans(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = s.view.In == view.In
	return nil
}

// take takes the files to look at now off the list.
func (s *steward) take() (files []shoal.FileID, all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	maps.DeleteFunc(s.awaited, func(_ shoal.FileID, until time.Duration) bool { return until <= now })
	for id, r := range s.again {
		if r.at <= now && !s.keeper.Coming(id) {
			s.news[id] = true
		}
	}
	for id := range s.news {
		files = append(files, id)
	}
	clear(s.news)
	all, s.all = s.all, false
	slices.SortFunc(files, func(a, b shoal.FileID) int { return slices.Compare(a[:], b[:]) })
	return files, all
}

// file sees to one file.
func (s *steward) file(ctx context.Context, view repair.View, f catalog.File, places *semaphore.Weighted, fetching *sync.WaitGroup) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !f.Live {
		return s.removed(ctx, f)
	}
	s.mu.Lock()
	s.keeper.Wanted(f.ID)
	s.mu.Unlock()
	p, err := s.consider(ctx, view, f)
	if err != nil {
		return err
	}
	s.note(f, p)
	task := pull{file: f, chunks: p.pull}
	if by, fresh := s.namedBy(f.ID); fresh {
		task.awaited, task.by = true, by
		if first := repair.First(view, s.n.self(), by, fileOf(f), p.pull); first.Count() > 0 {
			task.chunks, task.first = first, true // the rest when they are here
		}
	}
	if task.chunks.Count() == 0 || !s.begin(f.ID) {
		return nil
	}
	cost := pullCost(int64(task.chunks.Count()) * int64(f.ChunkSize))
	if err := places.Acquire(ctx, cost); err != nil {
		s.end(f.ID, err, 0)
		return err
	}
	fetching.Go(func() {
		defer places.Release(cost)
		began, rest := s.now(), time.Duration(0)
		err := s.pull(ctx, task)
		if err != nil && ctx.Err() == nil {
			s.n.cfg.Log.Info("chunks this node should hold were not got", "file", f.ID, "chunks", task.chunks.Count(), "err", err)
		}
		if task.first {
			rest = repair.RestAfter(s.now() - began)
		}
		s.end(f.ID, err, rest)
		s.poke()
	})
	return nil
}

func fileOf(f catalog.File) repair.File {
	return repair.File{ID: f.ID, Chunks: content.ChunkSize(f.ChunkSize).Chunks(f.Size), Copies: f.Copies}
}

// has is the chunks of a file that lie durably in this node's own store, and
// stay there.
func (s *steward) has(ctx context.Context, f repair.File) (content.Bitmap, error) {
	have, err := s.n.store.Own(ctx, f.ID)
	if errors.Is(err, shoal.NotFound) || err == nil && have.Len() != f.Chunks {
		return content.NewBitmap(f.Chunks), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keeper.Here(f.ID, have), err
}

// note keeps what this node lacks of a file. What it refuses and others do not
// have yet is looked at again.
func (s *steward) note(f catalog.File, p plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.pull.Count() == 0 {
		s.served(f.ID)
	}
	if count := p.lacking.Count(); count > 0 {
		s.lacks[f.ID] = min(int64(count)*int64(f.ChunkSize), f.Size)
	} else {
		delete(s.lacks, f.ID)
		delete(s.again, f.ID)
	}
	if p.pull.Count() == 0 && p.lacking.Count() > 0 {
		s.later(f.ID)
	}
	if len(p.short) > 0 {
		s.instead[f.ID] = p.short
	} else {
		delete(s.instead, f.ID)
	}
	if p.Surplus.Count() > 0 {
		s.surplus[f.ID] = true
	} else {
		delete(s.surplus, f.ID)
	}
}

// begin marks a file as being fetched, unless it is, or something of it is being
// deleted.
func (s *steward) begin(id shoal.FileID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keeper.Come(id)
}

// end marks a file as no longer being fetched. It is looked at again after rest,
// for it may have changed, or not all of it was fetched; after a failure a little later.
func (s *steward) end(id shoal.FileID, err error, rest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keeper.Came(id)
	if err == nil {
		s.n.scrubber.Repaired(s.rotten[id])
		delete(s.rotten, id)
		s.again[id] = retry{at: s.now() + rest}
		s.served(id)
		return
	}
	s.later(id)
	r := s.again[id]
	if r.vain++; !errors.Is(err, shoal.NotFound) && !errors.Is(err, shoal.Network) {
		r.vain = 0
	}
	s.again[id] = r
}

// vainTries is how often nobody must have had what a file lacks before that is
// said: once may be an accident.
const vainTries = 2

// stuck counts the files of which nobody has what this node lacks. The caller
// holds mu.
func (s *steward) stuck() (files int) {
	for _, r := range s.again {
		if r.vain >= vainTries {
			files++
		}
	}
	return files
}

// later has a file looked at again after a while. The caller holds mu.
func (s *steward) later(id shoal.FileID) {
	r := s.again[id]
	r.wait = min(max(2*r.wait, retryAfter), maxRetryAfter)
	r.at = s.now() + r.wait
	s.again[id] = r
}

// forget drops what was noted of a file that this node should hold nothing of.
func (s *steward) forget(id shoal.FileID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.lacks, id)
	delete(s.again, id)
	s.served(id)
	delete(s.refused, id)
	delete(s.instead, id)
	delete(s.surplus, id)
	delete(s.rotten, id)
}
