// Package flaw is mistakes that are built into simulated nodes on purpose, by which the
// simulation is tested: it must find each. A mistake changes the events and actions of a
// machine on their way; the machines themselves are the code that ships.
package flaw

import (
	"slices"
	"time"

	"shoal/internal/catalog/merge"
	"shoal/internal/content"
	"shoal/internal/membership/roster"
	"shoal/internal/redundancy/safety"
)

// Kind is a mistake, as the end of a sentence that begins with "a node".
type Kind string

// The mistakes.
const (
	None       Kind = ""
	Credulous  Kind = "deletes without pledges"
	Optimistic Kind = "takes the other nodes' accounts for what they should be"
	Boastful   Kind = "counts itself though it keeps nothing"
	Drowsy     Kind = "believes what it knew before it stood still"
	Hurried    Kind = "counts the copies of those who have not heard of the name"
	Deaf       Kind = "answers as if it had heard of the name"
	Clinging   Kind = "keeps what a revoked node said last"
	Gullible   Kind = "takes bytes without a look at them"
	Hasty      Kind = "counts nobody who has been away for a moment"
	Muddled    Kind = "keeps the versions of a name in the order in which they came"
	Greedy     Kind = "stores what it has no room for"
	Trusting   Kind = "takes batches that nobody has signed"
	Open       Kind = "hears those who are not on the roster"
	Impatient  Kind = "deletes at once what nobody has named"
	Hoarding   Kind = "never deletes what nobody has named"
	Careless   Kind = "deletes what is being added again"
	Laden      Kind = "keeps chunks on nodes that drain"
	Forgetful  Kind = "forgets to ask what it said"
	Silent     Kind = "does not report the rot that it finds"
	Premature  Kind = "reports a delete that has not happened yet"
	Nostalgic  Kind = "counts nodes that have left the shoal"
)

// Pledged returns another node's pledge as this node understands it.
func (k Kind) Pledged(pledge content.Bitmap) content.Bitmap {
	if k == Credulous {
		return content.FullBitmap(pledge.Len())
	}
	return pledge
}

// Delay returns how long a node must be down before others take over, instead of usual.
func (k Kind) Delay(usual time.Duration) time.Duration {
	if k == Hasty {
		return 0
	}
	return usual
}

// Trash returns how long a file without a name is kept, instead of usual.
func (k Kind) Trash(usual time.Duration) time.Duration {
	if k == Impatient {
		return 0
	}
	return usual
}

// Enter returns a name with one more version.
func (k Kind) Enter(n merge.Name, v merge.Version) merge.Name {
	if k == Muddled && !slices.ContainsFunc(n, func(w merge.Version) bool { return w.Dot == v.Dot }) {
		return append(slices.Clone(n), v)
	}
	return merge.NameOf(append(slices.Clone(n), v)...)
}

// Stores reports whether a node should hold chunks for others.
func (k Kind) Stores(n roster.Node) bool {
	return n.Stores() || k == Laden && n.Role >= roster.Member && n.State == roster.Draining && n.Allotment > 0
}

// Upto returns how far a node must have heard the asker for its answer to count,
// instead of usual.
func (k Kind) Upto(usual uint64) uint64 {
	if k == Hurried {
		return 0
	}
	return usual
}

// Heard returns how far a node has heard the asker, as it tells its reconciler; upto is
// how far it should have.
func (k Kind) Heard(heard, upto uint64) uint64 {
	if k == Deaf {
		return max(heard, upto)
	}
	return heard
}

// Deleting returns how long a delete takes, instead of usual.
func (k Kind) Deleting(usual time.Duration) time.Duration {
	if k == Premature {
		return usual + 10*time.Second
	}
	return usual
}

// Believe returns a node's knowledge as its status understands it.
func (k Kind) Believe(s safety.Shoal) safety.Shoal {
	s.Keeps = s.Keeps || k == Boastful
	s.Asleep = s.Asleep && k != Drowsy
	for i := range s.Others {
		if k == Optimistic {
			s.Others[i].Known, s.Others[i].Account = true, safety.Account{Map: s.Own.Map, Log: s.Own.Log, Done: true}
		}
	}
	return s
}
