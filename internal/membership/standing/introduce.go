package standing

import (
	"slices"
	"time"

	"shoal/internal/membership/roster"
)

// introduction is how far this node has told the others of itself.
type introduction struct {
	want   roster.Self   // what there is to say
	placed bool          // and that it is known
	saying bool          // an Introduce was given that has not ended
	again  time.Duration // when the next Introduce may be given
	first  bool          // none was tried yet; the first is given though nobody hears it
	told   bool          // the roster has said it once
}

// introduce gives an Introduce when the roster says something else of this node than
// is true. Until the node has heard that it was admitted it says nothing: by a clock
// that is behind, it would have spoken before its admission, and its word would not
// count.
func (m *Machine) introduce() {
	if m.phase != speaking || !m.placed {
		return
	}
	first := m.first
	m.first = false
	switch {
	case m.saying || !m.present(m.cfg.Self):
	case same(m.nodes[m.cfg.Self].Self, m.want):
		m.told = true
	case m.due(m.again) && (first || len(m.Neighbours()) > 0):
		m.saying = true
		m.act(Introduce{Self: m.want})
	}
}

func (m *Machine) said(ok bool) {
	m.saying, m.again = false, m.now+AgainAfter
	if ok {
		m.told, m.again = true, m.now+BetweenWords
	}
}

// join says once that this node has joined.
func (m *Machine) join() {
	if m.joined || !m.told && !(m.cfg.Passing && m.present(m.cfg.Self)) {
		return
	}
	m.joined = true
	m.act(Joined{})
}

// same reports whether two introductions say the same. The order of addresses does
// not count: of several that are equally good, now one and now another comes first.
func same(a, b roster.Self) bool {
	return a.Name == b.Name && a.Zone == b.Zone && a.Allotment == b.Allotment &&
		slices.Equal(slices.Sorted(slices.Values(a.Addrs)), slices.Sorted(slices.Values(b.Addrs)))
}
