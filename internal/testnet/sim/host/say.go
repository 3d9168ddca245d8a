package host

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"shoal/internal/catalog/merge"
	"shoal/internal/membership/roster"
	"shoal/internal/record"
	"shoal/internal/redundancy/repair"
	"shoal/internal/testnet/sim/disk"
	"shoal/internal/testnet/sim/flaw"
	"shoal/internal/testnet/sim/names"
)

// SortedKeys returns the keys of a map, in order.
func SortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// say has the node say something to all, durably, if it may speak yet.
func (p *Process) say(write func(record.Stamp) (record.Record, error)) bool {
	if !p.Ready {
		return false
	}
	r, err := write(p.Clock.Next(p.m.Wall()))
	if err != nil {
		p.w.Breach("%s cannot say something: %v", p.m.Name(), err)
		return false
	}
	p.append(p.m.Sign(p.Upto(p.m.ID)+1, r))
	p.streams.speak()
	return true
}

// Sign returns what a machine says in its next batch, and means.
func (m *Machine) Sign(seq uint64, records ...record.Record) disk.Batch {
	b := disk.Batch{Batch: record.Batch{Author: m.ID, Seq: seq, Records: records}}
	data, err := record.Sign(m.w.Nodes[0].ID, m.Key, b.Batch)
	if err != nil {
		m.w.Breach("%s cannot sign: %v", m.Name(), err)
	}
	b.Data = data
	m.w.Witness.Signed(b)
	return b
}

// rosterSelf is what a machine says of itself.
func rosterSelf(m *Machine) roster.Self {
	return roster.Self{Name: m.Name(), Zone: m.zone, Allotment: 1 << 30, Addrs: []string{fmt.Sprintf("%s at place %d", m.Name(), m.Place)}}
}

// SayRoster has the node say something of the roster, and reports whether it may speak.
func (p *Process) SayRoster(body any) bool {
	return p.say(func(s record.Stamp) (record.Record, error) { return roster.Record(s, body) })
}

// Who returns the roster in words.
func (p *Process) Who() string {
	var text strings.Builder
	for _, n := range p.Roster.Nodes() {
		fmt.Fprintf(&text, "%s:%v:%v ", n.ID, n.Role, n.State)
	}
	return text.String()
}

// Put has a name point at a file.
func (p *Process) Put(name string, f *File, copies int) bool {
	return p.say(func(s record.Stamp) (record.Record, error) {
		body, err := merge.Put{
			Name: name, File: f.ID, Size: f.Size, ChunkSize: ChunkSize, Copies: copies, Added: p.m.Wall(), Over: p.Names[name].Over(),
		}.Append(nil)
		return record.Record{Stamp: s, Kind: record.KindPut, Body: body}, err
	})
}

// Drop has a name point at nothing.
func (p *Process) Drop(name string) bool {
	return p.say(func(s record.Stamp) (record.Record, error) {
		body, err := merge.Drop{Name: name, Over: p.Names[name].Over()}.Append(nil)
		return record.Record{Stamp: s, Kind: record.KindDrop, Body: body}, err
	})
}

// reread makes the view of names anew, without what is void.
func (p *Process) reread() {
	cut := p.Roster.Cut()
	if p.w.Flaw != flaw.Clinging {
		for author, upto := range cut { // void is not kept
			p.Void(author, upto)
		}
	}
	p.Reread(p.m.Disk.Log, cut)
	p.mean()
}

// mean works out again which files are wanted.
func (p *Process) mean() {
	p.Mean(names.Moment{Mono: p.w.Now(), Wall: p.m.Wall()}, p.m.Disk.Died)
}

// AsNamed returns a file as this node's catalogue has it.
func (p *Process) AsNamed(f *File) repair.File {
	return repair.File{ID: f.ID, Chunks: f.Chunks(), Copies: p.Wanted[f.Index].Copies}
}
