package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"shoal"
)

// Hit is a peer's claim that it has chunks of a file under a name.
type Hit struct {
	Peer    shoal.NodeID
	Entry   shoal.Entry
	Present int // chunks
}

// Found is one file, and the peers that claim to have it.
type Found struct {
	Entry   shoal.Entry // Size is -1 if no peer told it
	Sources []shoal.NodeID
}

// Answers reports whether an entry answers a question for ref. A peer may send any
// entry, and the entry decides which file is fetched and where it is put.
func Answers(ref string, e shoal.Entry) bool {
	switch {
	case strings.HasSuffix(ref, "/"):
		return strings.HasPrefix(e.Name, ref)
	case len(ref) >= shoal.MinPrefix && isHex(ref):
		return strings.HasPrefix(e.ID.String(), strings.ToLower(ref))
	}
	return e.Name == ref || !strings.Contains(ref, "/") && strings.HasSuffix(e.Name, "/"+ref)
}

// Choose returns the latest file among the answers of peers to a name or a prefix of an
// id. There must be at least one hit. Errors: shoal.Usage with a hint if
// there are several files behind one prefix.
func Choose(ref string, hits []Hit) (Found, error) {
	latest := slices.MaxFunc(hits, func(a, b Hit) int {
		return cmp.Or(a.Entry.Added.Compare(b.Entry.Added), cmp.Compare(a.Entry.ID.String(), b.Entry.ID.String()))
	})
	for _, h := range hits {
		if h.Entry.ID != latest.Entry.ID && h.Entry.Name != ref {
			return Found{}, shoal.WithHint(fmt.Errorf("%q may be %s or %s: %w", ref, latest.Entry.ID, h.Entry.ID, shoal.Usage),
				"give more of the id")
		}
	}
	return Found{Entry: latest.Entry}.With(hits), nil
}

// With returns the file with the peers that claim to have it among hits, and takes
// its size and name from the first of them if they are not known.
func (f Found) With(hits []Hit) Found {
	for _, h := range hits {
		if h.Entry.ID != f.Entry.ID {
			continue
		}
		if f.Entry.Size < 0 || f.Entry.Name == "" {
			f.Entry = h.Entry
		}
		f.Sources = append(f.Sources, h.Peer)
	}
	return f
}
