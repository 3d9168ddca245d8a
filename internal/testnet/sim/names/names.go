// Package names models the catalogue of a simulated node: the names that its journal
// gives, and the files that they mean. Files have numbers here.
package names

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"shoal"
	"shoal/internal/catalog/merge"
	"shoal/internal/record"
	"shoal/internal/testnet/sim/disk"
)

// Config is what a view asks of its surroundings.
type Config struct {
	Number func(shoal.FileID) (number int, known bool)
	Enter  func(merge.Name, merge.Version) merge.Name // adds a version to a name
}

// View is the names at a node, and the files that they want.
type View struct {
	Names   map[string]merge.Name
	Wanted  map[int]Want          // files that names mean or have meant
	Unnamed map[int]time.Duration // since when no name means a file that one meant

	cfg    Config
	cut    record.Vector
	copies map[merge.Dot]int // that a version asks for
}

// Want is what the catalogue wants of a file.
type Want struct {
	Live   bool
	Copies int
}

// Moment is both clocks of a machine.
type Moment struct {
	Mono time.Duration
	Wall time.Time
}

// New returns a view without names.
func New(cfg Config) *View {
	return &View{
		cfg: cfg, Names: make(map[string]merge.Name), Wanted: make(map[int]Want), Unnamed: make(map[int]time.Duration),
		cut: make(record.Vector), copies: make(map[merge.Dot]int),
	}
}

// Cut returns how far the batches of authors count, as the view was read last.
func (v *View) Cut() record.Vector { return v.cut }

// Copies returns how many copies a version asks for.
func (v *View) Copies(dot merge.Dot) int { return v.copies[dot] }

// Reread makes the view anew from all batches, without those that are void.
func (v *View) Reread(log map[shoal.NodeID][]disk.Batch, cut record.Vector) {
	v.cut = cut
	clear(v.Names)
	for _, author := range slices.Sorted(maps.Keys(log)) {
		for _, b := range log[author] {
			v.Add(b.Batch)
		}
	}
}

// Add enters what a batch says of names, and reports whether it says anything.
func (v *View) Add(b record.Batch) (found bool) {
	if upto, isCut := v.cut[b.Author]; isCut && b.Seq > upto {
		return false
	}
	for _, r := range b.Records {
		dot := merge.Dot{Stamp: r.Stamp, Author: b.Author}
		switch r.Kind {
		case record.KindPut:
			if put, err := merge.ParsePut(r.Body); err == nil {
				v.Names[put.Name], found = v.cfg.Enter(v.Names[put.Name], put.Version(dot)), true
				v.copies[dot] = put.Copies
			}
		case record.KindDrop:
			if drop, err := merge.ParseDrop(r.Body); err == nil {
				v.Names[drop.Name], found = v.cfg.Enter(v.Names[drop.Name], drop.Version(dot)), true
			}
		default: // the roster's
		}
	}
	return found
}

// Mean works out which files are wanted, as the catalogue does: in as many copies
// as the version asks for that asks for most, of those that mean the file if any does.
// It notes in died when files lost their last name.
func (v *View) Mean(now Moment, died map[int]time.Time) {
	before := v.Wanted
	v.Wanted = make(map[int]Want)
	for _, name := range v.Names {
		for _, version := range name {
			v.want(version, false)
		}
		for _, head := range name.Heads() { // those in conflict are shown, too
			v.want(head, true)
		}
	}
	for file, was := range before {
		if was.Live && !v.Wanted[file].Live {
			v.Unnamed[file] = now.Mono
		}
	}
	for file, want := range v.Wanted {
		_, known := died[file]
		switch {
		case want.Live:
			delete(died, file)
		case before[file].Live || !known:
			died[file] = now.Wall
		}
	}
}

// want notes that a version points at a file, or did.
func (v *View) want(version merge.Version, live bool) {
	file, known := v.cfg.Number(version.File)
	if !known {
		return
	}
	now := Want{Live: live, Copies: v.copies[version.Dot]}
	switch before := v.Wanted[file]; {
	case before.Live && !live:
		now = before
	case before.Live == live:
		now.Copies = max(now.Copies, before.Copies)
	}
	v.Wanted[file] = now
}

// Meaning returns the names that mean something, and what they mean, as text.
func (v *View) Meaning() string {
	var text strings.Builder
	for _, n := range slices.Sorted(maps.Keys(v.Names)) {
		if m, ok := v.Names[n].Meaning(); ok {
			fmt.Fprintf(&text, "%s=%x+%d ", n, m.Current.File[:2], len(m.Conflicts))
		}
	}
	return text.String()
}

// Meant returns the names that mean something, in order.
func (v *View) Meant() (names []string) {
	for _, n := range slices.Sorted(maps.Keys(v.Names)) {
		if _, ok := v.Names[n].Meaning(); ok {
			names = append(names, n)
		}
	}
	return names
}
