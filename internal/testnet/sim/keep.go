package sim

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
	"shoal/internal/redundancy/placement"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/safety"
	"shoal/internal/redundancy/trim"
)

// What a node waits for, and how much it does at once. The delays are shorter
// than the defaults so that a run sees much in little time.
const (
	RepairDelay = 20 * time.Second
	TrimDelay   = 10 * time.Second
	Trash       = 60 * time.Second

	pullWidth   = 4 // chunks being fetched at once
	pullTimeout = 5 * time.Second
	answerIn    = 2 * time.Second // answers to a question are waited for
	askEvery    = 5 * time.Second // of nodes without room, and about what is refused
	trimEvery   = 10 * time.Second
	waitedFor   = 30 * time.Second // after the last question of one who waits for copies
)

// keeping is what a process knows of copies.
type keeping struct {
	pulling map[[2]int]time.Duration // file and chunk, and when it was asked for
	lacks   map[int]int              // chunks of each file that it should hold and does not
	refused map[int]bool             // files of which it has no room for all it should hold
	seen    bool                     // all files were looked at since who counts last changed
	heard   map[heardOf]answer       // what others said they have
	asked   map[int]time.Duration    // when it last asked about a file
	coming  map[int]bool             // files being fetched
	waited  map[int]time.Duration    // files for whose copies somebody waits, and until when
	adds    int                      // files that are being added and have no name yet
	goes    int                      // files being deleted that have none
	trimmed time.Duration            // when it last looked for surplus
	adding  []*adding
}

// heardOf is who said something about which file.
type heardOf struct{ file, node int }

// answer is what a node said it has of a file, and pledges to keep.
type answer struct {
	asked       time.Duration
	upto        uint64 // how far it had to have heard of the asker
	has, pledge content.Bitmap
}

// adding is an add that waits for its copies.
type adding struct {
	f     *file
	since time.Duration
	asked time.Duration
	upto  uint64 // how far those must have heard this node that are asked
	said  uint64 // the batch that names it
}

func newKeeping() keeping {
	return keeping{
		pulling: make(map[[2]int]time.Duration), lacks: make(map[int]int), refused: make(map[int]bool),
		heard: make(map[heardOf]answer), asked: make(map[int]time.Duration), coming: make(map[int]bool),
		waited: make(map[int]time.Duration),
	}
}

// has is the chunks of a file that lie durably on the node's disk, and stay there.
func (p *process) has(f *file) content.Bitmap { return p.keeper.Here(f.ID, p.m.disk.has(f)) }

// work looks at all that is to be done, as the steward of a node does.
func (p *process) work() {
	p.listen()
	p.look()
	p.came()
	p.keep.lacks, p.keep.refused = make(map[int]int), make(map[int]bool)
	for _, index := range sortedKeys(p.wanted) {
		p.consider(p.w.files[index])
	}
	p.keep.seen = true
	if p.w.Now() >= p.keep.trimmed+trimEvery {
		p.keep.trimmed = p.w.Now()
		p.trim()
		p.orphans()
	}
	p.await()
	p.account()
	p.judge()
}

// look brings up to date who counts.
func (p *process) look() {
	p.keeper.Look(p.w.Now(), p.m.wall())
	seen := make(map[shoal.NodeID]liveness.Member)
	for _, m := range p.seen() {
		seen[m.Node] = m
	}
	var nodes []repair.Node
	for _, r := range p.roster.Nodes() {
		if !p.w.cfg.stores(r) {
			continue
		}
		m := seen[r.ID]
		nodes = append(nodes, repair.Node{
			Node: placed(r), Absence: repair.Absence{For: r.Maintenance, Word: r.MaintenanceSaid},
			Up: r.ID == p.m.id || m.State != liveness.Down, Since: m.Since,
		})
	}
	before := p.view.In
	p.view = p.census.Step(p.w.Now(), p.w.cfg.delay(), nodes)
	if p.view.In != before {
		p.keep.seen = false
	}
}

// placed is a node of the roster as placement wants it.
func placed(n roster.Node) placement.Node {
	return placement.Node{ID: n.ID, Zone: n.Zone, Weight: n.Allotment}
}

// counting is the map of all nodes that store, whether they answer or not.
func (p *process) counting() *placement.Map {
	var nodes []placement.Node
	for _, n := range p.roster.Nodes() {
		if n.Stores() {
			nodes = append(nodes, placed(n))
		}
	}
	if p.storing == nil || !slices.Equal(nodes, p.stores) {
		p.stores, p.storing = nodes, placement.New(nodes)
	}
	return p.storing
}

// consider does about one file what is to be done.
func (p *process) consider(f *file) {
	if !p.wanted[f.index].live {
		p.removed(f)
		return
	}
	p.keeper.Wanted(f.ID)
	have := p.has(f)
	own := p.file(f)
	own.Waited = p.w.Now() < p.keep.waited[f.index]
	need := repair.NeedOf(p.view, p.m.id, own, have, p.lacksOf(f))
	room := p.room()
	refused := content.NewBitmap(f.chunks)
	for chunk := range need.Pull.All {
		if _, going := p.m.disk.chunks[f.index][chunk]; !going && room < chunkSize {
			refused.Set(chunk)
			continue
		}
		room -= chunkSize
		p.pull(f, chunk)
	}
	lacking := need.Pull.Count()
	pledges := p.pledges(f)
	for chunk := range refused.All {
		if trim.Pledged(p.w.Now(), p.view, chunk, pledges) >= p.file(f).Copies {
			lacking--
		}
	}
	if lacking > 0 {
		p.keep.lacks[f.index] = lacking
	}
	if refused.Count() > 0 {
		p.keep.refused[f.index] = true
		p.inquire(f)
	}
}

// room is how many bytes may still be stored.
func (p *process) room() int64 {
	usage, err := p.quota.Usage(context.Background())
	if err != nil {
		p.w.breach("%s does not know how full it is: %v", p.m.name(), err)
	}
	return usage.Free
}

// short is the nodes that say they have no room for all they should hold.
func (p *process) short() []int {
	var nodes []int
	for _, m := range p.seen() {
		if a, ok := safety.Parse(m.Own.Digest); ok && a.Refused > 0 && m.State != liveness.Down && m.Node != p.m.id {
			nodes = append(nodes, p.w.node(m.Node).index)
		}
	}
	return nodes
}

// lacksOf tells what nodes without room lack of a file, as far as they said, and
// asks them again now and then.
func (p *process) lacksOf(f *file) repair.Lacks {
	short := p.short()
	if len(short) == 0 {
		return nil
	}
	p.inquire(f)
	return func(node shoal.NodeID, chunk int) bool {
		at := p.w.node(node).index
		a, known := p.keep.heard[heardOf{f.index, at}]
		return known && slices.Contains(short, at) && !a.has.Has(chunk)
	}
}

// inquire asks about a file now and then.
func (p *process) inquire(f *file) {
	if last, asked := p.keep.asked[f.index]; !asked || p.w.Now() >= last+askEvery {
		p.askAll(f, 0)
	}
}

// askAll asks all who may hold something of a file what they have of it, if they
// have heard what this node said up to a number.
func (p *process) askAll(f *file, upto uint64) {
	p.keep.asked[f.index] = p.w.Now()
	asked, from := p.w.Now(), p.m
	for _, node := range p.view.Up.Nodes() {
		to := p.w.node(node.ID)
		if to == p.m {
			continue
		}
		p.w.send(p.m, to, func(q *process) {
			if q.vector[from.id] < upto {
				return
			}
			if upto > 0 {
				q.keep.waited[f.index] = q.w.Now() + waitedFor
			}
			has, pledge := q.answer(f)
			q.w.send(q.m, from, func(p *process) {
				key := heardOf{f.index, to.index}
				if asked >= p.keep.heard[key].asked {
					p.keep.heard[key] = answer{asked: asked, upto: upto, has: has, pledge: pledge}
				}
			})
		})
	}
}

// answer says what this node has of a file, and pledges what it should keep.
func (p *process) answer(f *file) (has, pledge content.Bitmap) {
	has, pledge = p.has(f), content.NewBitmap(f.chunks)
	if want, known := p.wanted[f.index]; !known || !want.live {
		if !known {
			has = content.NewBitmap(f.chunks)
		}
		return has, pledge
	}
	need := repair.NeedOf(p.view, p.m.id, p.file(f), has, p.lacksOf(f))
	return has, p.keeper.Give(p.w.Now(), f.ID, has, need)
}

// pledges is what others have pledged of a file.
func (p *process) pledges(f *file) []trim.Pledge {
	var all []trim.Pledge
	for i, m := range p.w.nodes {
		if a, ok := p.keep.heard[heardOf{f.index, i}]; ok {
			all = append(all, trim.Pledge{From: m.id, Asked: a.asked, Chunks: a.pledge})
		}
	}
	return all
}

// trim asks about every file of which it has what it need not hold, and deletes
// what may go when the answers are in.
func (p *process) trim() {
	p.keeper.Sweep(p.w.Now())
	if p.view.Braked || p.w.Now() < p.view.Changed+TrimDelay {
		return
	}
	for _, index := range sortedKeys(p.wanted) {
		f := p.w.files[index]
		if !p.wanted[index].live || p.surplus(f).Count() == 0 {
			continue
		}
		p.askAll(f, 0)
		p.w.After(answerIn, func() { p.hand(func() { p.letGo(f) }) })
	}
}

func (p *process) surplus(f *file) content.Bitmap {
	return repair.NeedOf(p.view, p.m.id, p.file(f), p.has(f), p.lacksOf(f)).Surplus
}

// letGo deletes what may go of a file.
func (p *process) letGo(f *file) {
	if !p.wanted[f.index].live {
		return
	}
	need := repair.NeedOf(p.view, p.m.id, p.file(f), p.has(f), p.lacksOf(f))
	p.keeper.Look(p.w.Now(), p.m.wall())
	free := p.keeper.Surplus(p.w.Now(), TrimDelay, p.view, p.file(f), need, p.w.cfg.pledges(p.pledges(f)))
	if free.Count() == 0 || !p.keeper.Leave(f.ID, free) {
		return
	}
	wanted := p.file(f).Copies // of more that are wanted from now on it need not know
	p.meanwhile(func() {
		p.keeper.Gone(f.ID)
		for chunk := range free.All {
			p.w.deletes(p, f, chunk, wanted)
			p.m.disk.drop(f.index, chunk)
		}
		p.w.note("%s deletes %d surplus chunks of %s", p.m.name(), free.Count(), f)
	})
}

// pull fetches a chunk that this node should hold.
func (p *process) pull(f *file, chunk int) {
	at := [2]int{f.index, chunk}
	if b := p.m.disk.chunks[f.index][chunk]; b != nil {
		return // being synced
	}
	if _, going := p.keep.pulling[at]; going || len(p.keep.pulling) >= pullWidth {
		return
	}
	if !p.keep.coming[f.index] && !p.keeper.Come(f.ID) {
		return
	}
	p.keep.coming[f.index] = true
	p.w.repairs(p, f, chunk)
	p.keep.pulling[at] = p.w.Now()
	if !p.request(f, chunk, func(data []byte) {
		delete(p.keep.pulling, at)
		if data != nil {
			p.receive(f, chunk, data)
		}
	}) {
		delete(p.keep.pulling, at)
	}
}

// request asks somebody who may have it for a chunk, and reports whether there is
// anybody to ask. What comes is given to then, if it is right.
func (p *process) request(f *file, chunk int, then func(data []byte)) bool {
	peers := p.m.peers()
	if len(peers) == 0 {
		return false
	}
	from, to := p.w.nodes[peers[p.w.random.IntN(len(peers))]], p.m
	if !p.allows(from.id) {
		return false
	}
	p.w.send(to, from, func(q *process) {
		data := q.read(f, chunk)
		if data != nil && from.lies {
			data = wrong(data)
		}
		q.w.send(from, to, func(now *process) {
			if now != p {
				return // the one that asked is gone, and the connection with it
			}
			if data != nil && p.w.cfg.Flaw != Gullible && f.Verify(chunk, data) != nil {
				data = nil
			}
			then(data)
		})
	})
	return true
}

// read reads a chunk, and finds out if it has rotted.
func (p *process) read(f *file, chunk int) []byte {
	b := p.m.disk.chunks[f.index][chunk]
	if b == nil {
		return nil
	}
	if f.Verify(chunk, b.data) == nil {
		return b.data
	}
	p.w.exposed, p.w.harmed, f.harmed[chunk] = p.w.Now(), p.w.Now(), p.w.Now() // now it is gone, and was still counted on
	p.w.note("%s finds that %s/%d has rotted", p.m.name(), f, chunk)
	p.m.disk.drop(f.index, chunk)
	return nil
}

// receive writes a chunk that has come, and has it synced a little later.
func (p *process) receive(f *file, chunk int, data []byte) {
	if p.m.disk.chunks[f.index][chunk] != nil {
		return
	}
	if p.w.cfg.Flaw == Greedy {
		p.m.disk.put(f, chunk, data, p.w.Now())
	} else if p.quota.Put(context.Background(), shoal.Chunk{File: f.ID, Index: chunk}, data) != nil {
		return
	}
	p.w.moved++
	p.w.reads(p, f, chunk, data)
	written := p.m.disk.chunks[f.index][chunk]
	p.w.After(p.w.latency(), func() {
		p.hand(func() { written.synced = true }) // it is no matter if it was deleted meanwhile
	})
}

// account has the node say to all what it lacks.
func (p *process) account() {
	log := fnv.New64a()
	for _, author := range sortedKeys(p.vector) {
		_, _ = fmt.Fprintf(log, "%s %d\n", author, p.vector[author]) // a hash takes everything
	}
	p.own = safety.Account{Map: p.view.In.Digest(), Files: uint32(len(p.keep.lacks)), Refused: uint32(len(p.keep.refused)), Done: p.keep.seen && p.keeper.Idle()}
	binary.BigEndian.PutUint64(p.own.Log[:], log.Sum64())
	for _, index := range sortedKeys(p.keep.lacks) {
		p.own.Bytes += uint64(p.keep.lacks[index]) * chunkSize
	}
	p.detect(liveness.Say{Own: liveness.Own{Digest: p.own.Encode()}})
}

// verdict is what status says.
func (p *process) verdict() safety.Verdict {
	seen := make(map[shoal.NodeID]liveness.Member)
	for _, m := range p.seen() {
		seen[m.Node] = m
	}
	p.notice()
	s := safety.Shoal{Asleep: p.woke > 0 && p.w.Now() < p.woke+waking && p.w.cfg.Flaw != Drowsy, Own: p.own, Keeps: p.view.In.Has(p.m.id) || p.w.cfg.Flaw == Boastful, Braked: p.view.Braked}
	s.Wanted = make(map[int]int)
	for _, want := range p.wanted {
		if want.live && want.copies > 0 {
			s.Wanted[want.copies]++
		}
	}
	for _, node := range p.view.In.Nodes() {
		if node.ID == p.m.id {
			continue
		}
		m := seen[node.ID]
		a, known := safety.Parse(m.Own.Digest)
		s.Others = append(s.Others, p.w.cfg.believe(safety.Node{Name: string(node.ID), Up: m.State == liveness.Alive, Known: known, Account: a}, s.Own))
	}
	for _, id := range p.view.Away {
		s.Away = append(s.Away, string(id))
	}
	return safety.Judge(s)
}
