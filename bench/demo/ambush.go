package main

import (
	"errors"
	"fmt"
	"strings"

	"shoal"
	"shoal/internal/testnet"
)

// victim is a source that is to die.
type victim struct {
	name string
	kill func() error
	lost bool // the get told that it lost this source while there was more to get
}

// ambush kills some of the sources of a get when half of the file is there. It
// watches one get.
type ambush struct {
	victims map[shoal.NodeID]*victim
	order   []string
	sprung  bool
	done    int64 // bytes there were when they were killed
	total   int64
	err     error // why they could not be killed
}

func newAmbush(nodes []*testnet.Node) *ambush {
	a := &ambush{victims: make(map[shoal.NodeID]*victim)}
	for _, node := range nodes {
		a.victims[shoal.NodeID(node.ID)] = &victim{name: node.Name, kill: node.Kill}
		a.order = append(a.order, node.Name)
	}
	return a
}

func (a *ambush) names() string { return strings.Join(a.order, " and ") }

// watch sees the get's events.
func (a *ambush) watch(e shoal.Event) {
	switch {
	case !a.sprung && e.Total > 0 && 2*e.Done >= e.Total:
		a.spring(e)
	case a.sprung && e.Type == shoal.EventSourceLeft && e.Source != nil && e.Done < e.Total:
		if v := a.victims[e.Source.Node]; v != nil {
			v.lost = true
		}
	}
}

func (a *ambush) spring(e shoal.Event) {
	a.sprung, a.done, a.total = true, e.Done, e.Total
	for _, v := range a.victims {
		a.err = errors.Join(a.err, v.kill())
	}
}

// percent is how much of the file there was.
func (a *ambush) percent() int64 { return 100 * a.done / max(a.total, 1) }

// judge is an error unless all were killed while they were needed: the get must
// have told that it lost them before it had everything.
func (a *ambush) judge() error {
	if !a.sprung || a.err != nil {
		return errors.Join(errors.New("nobody was killed half-way"), a.err)
	}
	for _, v := range a.victims {
		if !v.lost {
			return fmt.Errorf("%s was killed too late to be missed, after %d %% of the file: try a larger one, with -size or FILE", v.name, a.percent())
		}
	}
	return nil
}

// maxWaste is how much of a file may come twice or for nothing, as a divisor:
// 1 %.
const maxWaste = 100

// minSources is how many must have given something to a get from five.
const minSources = 3

// judge is an error unless the get shows what the demonstration is for.
func judge(s shoal.Stats, size int64) error {
	if extra := s.Duplicates + s.Wasted; extra > size/maxWaste {
		return fmt.Errorf("%d bytes came twice or for nothing, more than 1 %% of the file", extra)
	}
	gave := 0
	for _, source := range s.Sources {
		if source.Bytes > 0 {
			gave++
		}
	}
	if gave < minSources {
		return fmt.Errorf("only %d sources gave anything", gave)
	}
	return nil
}
