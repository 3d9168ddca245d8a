// Package merge is what the records of all nodes make of each name: which file
// it means, which others are in conflict with that, and which were replaced or
// removed. Whoever has the same records has the same answer, in whatever order
// they came.
//
// It is pure. It keeps no database; package catalog does.
package merge

import (
	"cmp"
	"slices"

	"shoal"
	"shoal/internal/record"
)

// Dot names a version: nobody says two things with one stamp.
type Dot struct {
	Stamp  record.Stamp
	Author shoal.NodeID
}

// Compare orders dots by stamp, and those of one stamp by author.
func (d Dot) Compare(e Dot) int {
	return cmp.Or(cmp.Compare(d.Stamp, e.Stamp), cmp.Compare(d.Author, e.Author))
}

// Version is what one record said of a name: that it points at a file, or, with
// a zero File, at nothing. Over is the versions its author saw and meant to
// replace; one that Over does not name was said without knowing of this one.
type Version struct {
	Dot
	File shoal.FileID
	Over []Dot
}

// IsDrop reports whether the version says that the name points at nothing.
func (v Version) IsDrop() bool { return v.File.IsZero() }

// Name is all known versions of one name, in order of their dots: a register of
// several values (Shapiro et al., "A comprehensive study of Convergent and
// Commutative Replicated Data Types", INRIA 2011, section 3.2.2). The zero Name
// has none.
type Name []Version

// NameOf is the name with these versions.
func NameOf(versions ...Version) Name {
	n := slices.Clone(versions)
	slices.SortFunc(n, func(v, w Version) int { return v.Dot.Compare(w.Dot) })
	return slices.CompactFunc(n, func(v, w Version) bool { return v.Dot == w.Dot })
}

// Heads is the versions nothing has replaced, the latest first. Nothing
// replaces what came later, so there are no circles, whatever a liar writes.
func (n Name) Heads() []Version {
	var heads []Version
	replaced := make(map[Dot]bool)
	for _, v := range slices.Backward(n) {
		if !replaced[v.Dot] {
			heads = append(heads, v)
		}
		for _, dot := range v.Over {
			replaced[dot] = true
		}
	}
	return heads
}

// Meaning is what a name means now.
type Meaning struct {
	Current   Version   // the latest head that points at a file
	Conflicts []Version // the other heads that point at other files, the latest first
	Twins     []Version // the heads that point at a file which another one shows
}

// Meaning is what the name means, and whether it means anything. Someone who
// removes a name removes only what they saw, so a file added at the same
// time stays.
func (n Name) Meaning() (m Meaning, ok bool) {
	for _, head := range n.Heads() {
		switch {
		case head.IsDrop():
		case !ok:
			m.Current, ok = head, true
		case head.File == m.Current.File, slices.ContainsFunc(m.Conflicts, func(v Version) bool { return v.File == head.File }):
			m.Twins = append(m.Twins, head)
		default:
			m.Conflicts = append(m.Conflicts, head)
		}
	}
	return m, ok
}

// Over is what a new version must name as seen, so that it replaces all that is
// known: the dots of the heads, the latest MaxOver of them.
func (n Name) Over() []Dot {
	var dots []Dot
	for _, head := range n.Heads() {
		dots = append(dots, head.Dot)
	}
	return dots[:min(len(dots), MaxOver)]
}
