package sim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"shoal"
	"shoal/internal/catalog/merge"
	"shoal/internal/membership/roster"
	"shoal/internal/record"
	"shoal/internal/redundancy/repair"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// say has the node say something to all, durably, if it may speak yet.
func (p *process) say(write func(record.Stamp) (record.Record, error)) bool {
	if !p.ready {
		return false
	}
	r, err := write(p.clock.Next(p.m.wall()))
	if err != nil {
		p.w.breach("%s cannot say something: %v", p.m.name(), err)
		return false
	}
	p.append(p.m.sign(p.vector[p.m.id]+1, r))
	p.speak()
	return true
}

// sign is what a machine says in its next batch, and means.
func (m *machine) sign(seq uint64, records ...record.Record) signed {
	b := signed{Batch: record.Batch{Author: m.id, Seq: seq, Records: records}}
	data, err := record.Sign(m.w.nodes[0].id, m.key, b.Batch)
	if err != nil {
		m.w.breach("%s cannot sign: %v", m.name(), err)
	}
	b.data = data
	m.w.said[string(data)] = true
	return b
}

// rosterSelf is what a machine says of itself.
func rosterSelf(m *machine) roster.Self {
	return roster.Self{Name: m.name(), Zone: m.zone, Allotment: 1 << 30, Addrs: []string{fmt.Sprintf("%s at place %d", m.name(), m.place)}}
}

func (p *process) sayRoster(body any) bool {
	return p.say(func(s record.Stamp) (record.Record, error) { return roster.Record(s, body) })
}

// reread makes the view of names anew, without what is void.
func (p *process) reread() {
	p.cut = p.roster.Cut()
	for author, upto := range p.cut { // void is not kept
		if log := p.m.disk.log[author]; uint64(len(log)) > upto && p.w.cfg.Flaw != Clinging {
			p.m.disk.log[author], p.vector[author] = log[:upto:upto], upto
			if upto == 0 {
				delete(p.vector, author)
			}
		}
	}
	clear(p.names)
	for _, author := range sortedKeys(p.m.disk.log) {
		for _, b := range p.m.disk.log[author] {
			p.addVersions(b.Batch)
		}
	}
	p.mean()
}

// addVersions enters what a batch says of names.
func (p *process) addVersions(b record.Batch) (found bool) {
	if upto, isCut := p.cut[b.Author]; isCut && b.Seq > upto {
		return false
	}
	for _, r := range b.Records {
		dot := merge.Dot{Stamp: r.Stamp, Author: b.Author}
		switch r.Kind {
		case record.KindPut:
			if put, err := merge.ParsePut(r.Body); err == nil {
				p.names[put.Name], found = p.w.cfg.enter(p.names[put.Name], put.Version(dot)), true
				p.copies[dot] = put.Copies
			}
		case record.KindDrop:
			if drop, err := merge.ParseDrop(r.Body); err == nil {
				p.names[drop.Name], found = p.w.cfg.enter(p.names[drop.Name], drop.Version(dot)), true
			}
		default: // the roster's
		}
	}
	return found
}

// mean works out which files are wanted, as the catalogue does: in as many copies
// as the one asks for that asks for most, of those that mean the file if any does.
func (p *process) mean() {
	before := p.wanted
	p.wanted = make(map[int]want)
	for _, name := range p.names {
		for _, v := range name {
			p.want(v, false)
		}
		for _, head := range name.Heads() { // those in conflict are shown, too
			p.want(head, true)
		}
	}
	for index, was := range before {
		if was.live && !p.wanted[index].live {
			p.unnamed[index] = p.w.Now()
		}
	}
	for _, index := range sortedKeys(p.wanted) {
		_, known := p.m.disk.died[index]
		switch {
		case p.wanted[index].live:
			delete(p.m.disk.died, index)
		case before[index].live || !known:
			p.m.disk.died[index] = p.m.wall()
		}
	}
}

// want notes that a version points at a file, or did.
func (p *process) want(v merge.Version, live bool) {
	f := p.w.file(v.File)
	if f == nil {
		return
	}
	now := want{live: live, copies: p.copies[v.Dot]}
	switch before := p.wanted[f.index]; {
	case before.live && !live:
		now = before
	case before.live == live:
		now.copies = max(now.copies, before.copies)
	}
	p.wanted[f.index] = now
}

// file is a file as this node's catalogue has it.
func (p *process) file(f *file) repair.File {
	return repair.File{ID: f.ID, Chunks: f.chunks, Copies: p.wanted[f.index].copies}
}

// put has a name point at a file.
func (p *process) put(name string, f *file, copies int) bool {
	f.names[name] = true
	return p.say(func(s record.Stamp) (record.Record, error) {
		body, err := merge.Put{
			Name: name, File: f.ID, Size: f.Size, ChunkSize: chunkSize, Copies: copies, Added: p.m.wall(), Over: p.names[name].Over(),
		}.Append(nil)
		return record.Record{Stamp: s, Kind: record.KindPut, Body: body}, err
	})
}

// drop has a name point at nothing.
func (p *process) drop(name string) bool {
	return p.say(func(s record.Stamp) (record.Record, error) {
		body, err := merge.Drop{Name: name, Over: p.names[name].Over()}.Append(nil)
		return record.Record{Stamp: s, Kind: record.KindDrop, Body: body}, err
	})
}

// meaning is the names that mean something, and what.
func (p *process) meaning() string {
	var text strings.Builder
	for _, n := range sortedKeys(p.names) {
		if m, ok := p.names[n].Meaning(); ok {
			fmt.Fprintf(&text, "%s=%x+%d ", n, m.Current.File[:2], len(m.Conflicts))
		}
	}
	return text.String()
}

// who is the roster in words.
func (p *process) who() string {
	var text strings.Builder
	for _, n := range p.roster.Nodes() {
		fmt.Fprintf(&text, "%s:%v:%v ", n.ID, n.Role, n.State)
	}
	return text.String()
}

// file is the one of an id.
func (w *world) file(id shoal.FileID) *file {
	for _, f := range w.files {
		if f.ID == id {
			return f
		}
	}
	return nil
}
