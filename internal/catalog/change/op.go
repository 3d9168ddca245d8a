package change

import (
	"fmt"
	"slices"

	"shoal"
)

// Op is one change, decided and not yet made.
type Op struct {
	Entry shoal.Entry   // the file, as it was found
	Puts  []shoal.Entry // entries to write, if any
	Drops []shoal.Entry

	// Name is the name under which the file is found afterwards. It is empty for
	// a removal, and for a move to the name that the file has.
	Name string

	// Remove is the request of a removal; else nil.
	Remove *shoal.RemoveRequest

	ref  string // the reference to the file in the request
	what string // the operation, for errors; empty if they name it
}

// Whole reports whether a removal is of all names of the file. Drops may lack some of
// them.
func (op Op) Whole() bool { return op.Remove != nil && op.Remove.Ref != op.Entry.Name }

func (op Op) explain(err error) error {
	if op.what == "" {
		return err
	}
	return fmt.Errorf("%s: %w", op.what, err)
}

// names lists the names that the change reads or writes.
func (op Op) names() []string {
	names := []string{op.ref, op.Entry.Name}
	for _, e := range slices.Concat(op.Puts, op.Drops) {
		names = append(names, e.Name)
	}
	return names
}

// size is the number of entries to write.
func (op Op) size() int { return len(op.Puts) + len(op.Drops) }

// maxGroup is the most entries that a group writes.
const maxGroup = 8 * maxWrite

// group is changes that do not depend on each other. They are written together, and
// wait for the disk once.
type group struct {
	items   []int // of the request, one for each op
	ops     []Op
	size    int             // entries to write
	touched map[string]bool // names, and ids of files
}

// fits reports whether a change depends on none of the group, and can be written
// with it.
func (g *group) fits(op Op) bool {
	byID := op.ref != op.Entry.Name
	return g.size+op.size() <= maxGroup && (!byID || !g.touched[op.Entry.ID.String()]) &&
		!slices.ContainsFunc(op.names(), func(name string) bool { return g.touched[name] })
}

func (g *group) add(item int, op Op) {
	g.items, g.ops, g.size = append(g.items, item), append(g.ops, op), g.size+op.size()
	g.touched[op.Entry.ID.String()] = true
	for _, name := range op.names() {
		g.touched[name] = true
	}
}

// cuts returns the end of each run of changes that fit into one write.
func (g *group) cuts() (ends []int) {
	size := 0
	for i, op := range g.ops {
		if size += op.size(); size > maxWrite {
			ends, size = append(ends, i), op.size()
		}
	}
	return append(ends, len(g.ops))
}

func (g *group) clear() {
	g.items, g.ops, g.size = nil, nil, 0
	clear(g.touched)
}
