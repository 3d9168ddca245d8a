// Package find asks other nodes which files they have under a reference, and answers
// when they ask: so a name that is not in this node's catalogue yet, or a file of
// another shoal, is found where it is.
//
// It fetches nothing, and drops entries that do not answer the question.
package find

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"shoal"
	"shoal/internal/catalog"
	"shoal/internal/network"
	"shoal/internal/network/ask"
	"shoal/internal/network/wire"
)

// Bounds on asking around.
const (
	Timeout  = 3 * time.Second // for one peer to answer
	AtOnce   = 64              // questions that a node answers at once
	width    = 64              // peers asked at once
	maxPages = 64              // pages taken of one peer's answer
)

// Kind is the question and the answer of the find protocol.
func Kind() ask.Kind {
	return ask.Kind{Protocol: wire.FindProtocol, Question: wire.TypeFind, Answer: wire.TypeFound, Timeout: Timeout}
}

// Ask puts one question to one peer. An empty question is one about membership: the
// peer answers it to a node on its roster. Errors: as ask.Peer.
func Ask(ctx context.Context, opener network.Opener, peer shoal.NodeID, question wire.Find) (wire.Found, error) {
	body, err := ask.Peer(ctx, opener, peer, Kind(), question.Append(nil))
	if err != nil {
		return wire.Found{}, err
	}
	return wire.ParseFound(body)
}

// Catalog is the part of a catalog.Catalog that a Finder uses.
type Catalog interface {
	Resolve(ctx context.Context, ref string) (shoal.Entry, error)
	Match(ctx context.Context, name, after string, limit int) ([]shoal.Entry, error)
	List(ctx context.Context, req shoal.ListRequest) ([]shoal.Entry, error)
}

// Config connects a Finder with the rest of the node.
type Config struct {
	Name    string // of this node
	Catalog Catalog
	Opener  network.Opener
	Log     *slog.Logger

	// Peers lists the connected nodes of the shoal. It may block until this node
	// had time to connect.
	Peers func(ctx context.Context) []shoal.NodeID

	// Connected returns the number of connected peers, for a person.
	Connected func() int

	// Present returns how many chunks of a file can be read on this node.
	Present func(ctx context.Context, id shoal.FileID) int
}

// Finder asks and answers. Its methods are safe for use by many goroutines at once.
type Finder struct{ cfg Config }

// New returns a Finder.
func New(cfg Config) *Finder { return &Finder{cfg: cfg} }

// Ask asks every connected node of the shoal for its files under a reference. It blocks
// for at most about Timeout; nodes that do not answer are left out.
func (f *Finder) Ask(ctx context.Context, ref string) []catalog.Hit {
	return f.askAll(ctx, func(ctx context.Context, peer shoal.NodeID) []catalog.Hit {
		found, err := Ask(ctx, f.cfg.Opener, peer, wire.Find{Ref: ref})
		if err != nil {
			f.cfg.Log.Debug("peer did not answer", "peer", peer, "err", err)
		}
		return hitsOf(ref, peer, found)
	})
}

// askFolder asks every connected node of the shoal for all files below a name, and
// returns the answers by name.
func (f *Finder) askFolder(ctx context.Context, ref string) map[string][]catalog.Hit {
	hits := f.askAll(ctx, func(ctx context.Context, peer shoal.NodeID) []catalog.Hit {
		var all []catalog.Hit
		after := ""
		for range maxPages {
			found, err := Ask(ctx, f.cfg.Opener, peer, wire.Find{Ref: ref, After: after})
			all = append(all, hitsOf(ref, peer, found)...)
			if err != nil || !found.More || len(found.Hits) == 0 {
				break
			}
			after = found.Hits[len(found.Hits)-1].Entry.Name
		}
		return all
	})
	byName := make(map[string][]catalog.Hit)
	for _, h := range hits {
		byName[h.Entry.Name] = append(byName[h.Entry.Name], h)
	}
	return byName
}

func (f *Finder) askAll(ctx context.Context, one func(context.Context, shoal.NodeID) []catalog.Hit) []catalog.Hit {
	return slices.Concat(ask.Many(ctx, f.cfg.Peers(ctx), width, func(ctx context.Context, peer shoal.NodeID) ([]catalog.Hit, bool) {
		return one(ctx, peer), true
	}, nil)...)
}

func hitsOf(ref string, peer shoal.NodeID, found wire.Found) []catalog.Hit {
	hits := make([]catalog.Hit, 0, len(found.Hits))
	for _, h := range found.Hits {
		if catalog.Answers(ref, h.Entry) {
			hits = append(hits, catalog.Hit{Peer: peer, Entry: h.Entry, Present: h.Present})
		}
	}
	return hits
}

// Answer answers a peer that asks for the files of this node under a reference. It is
// for an ask.Server of Kind.
func (f *Finder) Answer(ctx context.Context, q ask.Question) ([]byte, error) {
	question, err := wire.ParseFind(q.Body)
	if err != nil {
		return nil, err
	}
	found := wire.Found{Name: f.cfg.Name}
	if question.Ref == "" {
		return found.Append(nil), nil
	}
	entries, err := f.match(ctx, question)
	if err != nil {
		return nil, err
	}
	found.More = len(entries) == question.Limit
	for _, entry := range entries {
		if present := f.cfg.Present(ctx, entry.ID); present > 0 || entry.Size == 0 {
			found.Hits = append(found.Hits, wire.Hit{Entry: entry, Present: present})
		}
	}
	return found.Append(nil), nil
}

// match returns the entries that answer a question: by name, else by an id or a
// prefix of one.
func (f *Finder) match(ctx context.Context, question wire.Find) ([]shoal.Entry, error) {
	entries, err := f.cfg.Catalog.Match(ctx, question.Ref, question.After, question.Limit)
	if err != nil || len(entries) > 0 || strings.HasSuffix(question.Ref, "/") {
		return entries, err
	}
	entry, err := f.cfg.Catalog.Resolve(ctx, question.Ref)
	if errors.Is(err, shoal.NotFound) || errors.Is(err, shoal.Usage) {
		return nil, nil
	}
	return []shoal.Entry{entry}, err
}
