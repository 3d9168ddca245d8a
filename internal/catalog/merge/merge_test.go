package merge_test

import (
	"bytes"
	"crypto/ed25519"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/catalog/merge"
	"shoal/internal/record"
)

func nodeOf(n byte) shoal.NodeID {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
	return record.NodeOf(key.Public().(ed25519.PublicKey))
}

func dot(stamp record.Stamp, node byte) merge.Dot {
	return merge.Dot{Stamp: stamp, Author: nodeOf(node)}
}

func put(stamp record.Stamp, node, file byte, over ...merge.Dot) merge.Version {
	return merge.Version{Dot: dot(stamp, node), File: shoal.FileID{file}, Over: over}
}

func drop(stamp record.Stamp, node byte, over ...merge.Dot) merge.Version {
	return merge.Version{Dot: dot(stamp, node), Over: over}
}

// with is the name with one more version.
func with(n merge.Name, v merge.Version) merge.Name {
	return merge.NameOf(append(slices.Clone(n), v)...)
}

func nameOf(versions ...merge.Version) merge.Name {
	var n merge.Name
	for _, v := range versions {
		n = with(n, v)
	}
	if diff := cmp.Diff(n, merge.NameOf(versions...), cmpopts.EquateEmpty()); diff != "" {
		panic("one by one is not the same as all at once: " + diff)
	}
	return n
}

// files is what a name means, as the first bytes of the files: the current one,
// then the conflicts; empty if it means nothing.
func files(n merge.Name) []byte {
	m, ok := n.Meaning()
	if !ok {
		return nil
	}
	all := []byte{m.Current.File[0]}
	for _, v := range m.Conflicts {
		all = append(all, v.File[0])
	}
	return all
}

func TestMeaning(t *testing.T) {
	first := put(10, 1, 1)
	for what, test := range map[string]struct {
		name merge.Name
		want []byte
	}{
		"nothing":                {nameOf(), nil},
		"one":                    {nameOf(first), []byte{1}},
		"a new version":          {nameOf(first, put(20, 2, 2, first.Dot)), []byte{2}},
		"two at once":            {nameOf(first, put(20, 2, 2)), []byte{2, 1}},
		"two at once, same file": {nameOf(first, put(20, 2, 1)), []byte{1}},
		"same stamp, the author counts": {nameOf(first, put(10, 2, 2)), func() []byte {
			if nodeOf(2) > nodeOf(1) {
				return []byte{2, 1}
			}
			return []byte{1, 2}
		}()},
		"removed":                        {nameOf(first, drop(20, 2, first.Dot)), nil},
		"removed, and added at once":     {nameOf(first, drop(20, 2, first.Dot), put(15, 3, 3)), []byte{3}},
		"removed without having seen it": {nameOf(first, drop(20, 2)), []byte{1}},
		"removed and added again":        {nameOf(first, drop(20, 2, first.Dot), put(30, 1, 1, dot(20, 2))), []byte{1}},
		"conflict resolved":              {nameOf(first, put(20, 2, 2), put(30, 3, 2, first.Dot, dot(20, 2))), []byte{2}},
		"a liar replaces what is later":  {nameOf(put(10, 1, 1, dot(20, 2)), put(20, 2, 2)), []byte{2, 1}},
		"a liar replaces itself":         {nameOf(put(10, 1, 1, dot(10, 1))), []byte{1}},
		"liars in a circle":              {nameOf(put(10, 1, 1, dot(20, 2)), put(20, 2, 2, dot(10, 1))), []byte{2}},
		"the middle one is not known":    {nameOf(first, put(30, 3, 3, dot(20, 2))), []byte{3, 1}},
	} {
		if got := files(test.name); !bytes.Equal(got, test.want) {
			t.Errorf("%s: means %v, want %v", what, got, test.want)
		}
	}
}

// Nodes that say things at various times, having seen this or that, and hear
// of each other in any order, come to agree, and nothing is lost unseen.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		said := history(t)
		want := nameOf(said...)
		for seed := range uint64(5) {
			shuffled := append(slices.Clone(said), said[:len(said)/2]...)
			rand.New(rand.NewPCG(seed, 0)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			if diff := cmp.Diff(want, nameOf(shuffled...)); diff != "" {
				t.Fatal(diff)
			}
		}
		for _, v := range said {
			replaced := slices.ContainsFunc(said, func(w merge.Version) bool { return slices.Contains(w.Over, v.Dot) })
			if v.IsDrop() || replaced {
				continue
			}
			if !slices.Contains(files(want), v.File[0]) {
				t.Fatalf("file %d was replaced by nobody, and is lost: %v", v.File[0], files(want))
			}
		}
	})
}

// history is what three nodes say of one name; each has seen some of it.
func history(t *rapid.T) []merge.Version {
	var said []merge.Version
	seen := make([]merge.Name, 3)
	for i := range rapid.IntRange(1, 12).Draw(t, "steps") {
		node := rapid.IntRange(0, 2).Draw(t, "node")
		if rapid.Bool().Draw(t, "hears") {
			for _, v := range said {
				seen[node] = with(seen[node], v)
			}
		}
		v := merge.Version{Dot: dot(record.Stamp(10+i), byte(node)), Over: seen[node].Over()}
		if !rapid.Bool().Draw(t, "drops") {
			v.File = shoal.FileID{byte(i + 1)}
		}
		seen[node] = with(seen[node], v)
		said = append(said, v)
	}
	return said
}

func TestWhoHasSeenAllReplacesAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := nameOf(history(t)...)
		n = with(n, merge.Version{Dot: dot(1000, 1), File: shoal.FileID{99}, Over: n.Over()})
		if got := files(n); !bytes.Equal(got, []byte{99}) {
			t.Fatalf("means %v, want the last alone", got)
		}
	})
}

// Each head that points at a file is shown once: as the current version, as a
// conflict with another file, or as a twin of one of those.
func TestEachHeadIsShownOnce(t *testing.T) {
	first, second, third := put(10, 1, 1), put(20, 2, 2), put(30, 3, 1)
	fourth := put(40, 1, 2)
	for what, test := range map[string]struct {
		name merge.Name
		want merge.Meaning
	}{
		"a twin of the current": {nameOf(first, third), merge.Meaning{Current: third, Twins: []merge.Version{first}}},
		"a twin of a conflict": {nameOf(first, third, second), merge.Meaning{
			Current: third, Conflicts: []merge.Version{second}, Twins: []merge.Version{first},
		}},
		"twins of both": {nameOf(first, second, third, fourth), merge.Meaning{
			Current: fourth, Conflicts: []merge.Version{third}, Twins: []merge.Version{second, first},
		}},
		"a drop is not shown": {nameOf(first, drop(50, 2)), merge.Meaning{Current: first}},
	} {
		got, ok := test.name.Meaning()
		if diff := cmp.Diff(test.want, got); diff != "" || !ok {
			t.Errorf("%s: ok %v\n%s", what, ok, diff)
		}
	}
}

// A version names the MaxOver latest heads as seen; the others stay heads.
func TestOverIsBounded(t *testing.T) {
	var n merge.Name
	for i := range merge.MaxOver + 2 {
		n = with(n, put(record.Stamp(10+i), 1, 1))
	}
	over := n.Over()
	if len(over) != merge.MaxOver || over[0] != dot(record.Stamp(10+merge.MaxOver+1), 1) {
		t.Errorf("names %d dots from %v on, want the latest %d", len(over), over[0], merge.MaxOver)
	}
	n = with(n, put(1000, 2, 2, over...))
	if heads := n.Heads(); len(heads) != 3 {
		t.Errorf("%d heads are left, want the new one and the two earliest", len(heads))
	}
}
