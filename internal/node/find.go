package node

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"shoal"
	"shoal/internal/catalog"
	"shoal/internal/membership/roster"
	"shoal/internal/network"
	"shoal/internal/network/ask"
	"shoal/internal/network/wire"
	"shoal/internal/transfer/fetch"
)

// Bounds on asking around.
const (
	findTimeout = 3 * time.Second // for one peer to answer
	findWidth   = 64              // peers asked at once
	findPages   = 64              // pages taken of one peer's answer
	findServed  = 64              // questions answered at once
)

func findKind() ask.Kind {
	return ask.Kind{Protocol: wire.FindProtocol, Question: wire.TypeFind, Answer: wire.TypeFound, Timeout: findTimeout}
}

// ask asks every connected node of the shoal what it has under a reference.
func (n *Node) ask(ctx context.Context, ref string) []catalog.Hit {
	return n.askAll(ctx, func(ctx context.Context, peer shoal.NodeID) []catalog.Hit {
		found, err := n.askPeer(ctx, peer, wire.Find{Ref: ref})
		if err != nil {
			n.cfg.Log.Debug("peer did not answer", "peer", peer, "err", err)
		}
		return hitsOf(ref, peer, found)
	})
}

// askFolder asks every connected node of the shoal for all it has below a name, and gives
// the answers by name.
func (n *Node) askFolder(ctx context.Context, ref string) map[string][]catalog.Hit {
	hits := n.askAll(ctx, func(ctx context.Context, peer shoal.NodeID) []catalog.Hit {
		var all []catalog.Hit
		after := ""
		for range findPages {
			found, err := n.askPeer(ctx, peer, wire.Find{Ref: ref, After: after})
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

// askAll puts a question to all connected nodes of the shoal at once, and waits for those
// who answer in time.
func (n *Node) askAll(ctx context.Context, one func(context.Context, shoal.NodeID) []catalog.Hit) []catalog.Hit {
	n.awaitPeers(ctx)
	return slices.Concat(ask.Many(ctx, n.neighbours(), findWidth, func(ctx context.Context, peer shoal.NodeID) ([]catalog.Hit, bool) {
		return one(ctx, peer), true
	}, nil)...)
}

// awaitPeers waits, in a node that has only started, until those it is to stay
// connected with have been dialled.
func (n *Node) awaitPeers(ctx context.Context) {
	if len(n.host.Peers()) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	select {
	case <-n.keeper.Tried():
	case <-ctx.Done():
	}
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

// askPeer puts one question to one peer.
func (n *Node) askPeer(ctx context.Context, peer shoal.NodeID, question wire.Find) (wire.Found, error) {
	body, err := ask.Peer(ctx, n.host, peer, findKind(), question.Append(nil))
	if err != nil {
		return wire.Found{}, err
	}
	return wire.ParseFound(body)
}

// answerFind answers a peer that asks what this node has under a reference.
func (n *Node) answerFind(ctx context.Context, q ask.Question) ([]byte, error) {
	question, err := wire.ParseFind(q.Body)
	if err != nil {
		return nil, err
	}
	answer, err := n.lookUp(ctx, question)
	if err != nil {
		return nil, err
	}
	return answer.Append(nil), nil
}

// lookUp is what this node has under a reference.
func (n *Node) lookUp(ctx context.Context, question wire.Find) (wire.Found, error) {
	found := wire.Found{Name: n.cfg.Name}
	if question.Ref == "" {
		return found, nil
	}
	entries, err := n.match(ctx, question)
	if err != nil {
		return found, err
	}
	found.More = len(entries) == question.Limit
	for _, entry := range entries {
		if present := n.present(ctx, entry.ID); present > 0 || entry.Size == 0 {
			found.Hits = append(found.Hits, wire.Hit{Entry: entry, Present: present})
		}
	}
	return found, nil
}

// match gives the entries a question is about: those of a name, or the one of
// an id or a prefix of one.
func (n *Node) match(ctx context.Context, question wire.Find) ([]shoal.Entry, error) {
	entries, err := n.catalog.Match(ctx, question.Ref, question.After, question.Limit)
	if err != nil || len(entries) > 0 || strings.HasSuffix(question.Ref, "/") {
		return entries, err
	}
	entry, err := n.catalog.Resolve(ctx, question.Ref)
	if errors.Is(err, shoal.NotFound) || errors.Is(err, shoal.Usage) {
		return nil, nil
	}
	return []shoal.Entry{entry}, err
}

// present is how many chunks of a file can be read here.
func (n *Node) present(ctx context.Context, id shoal.FileID) int {
	have, err := n.store.Has(ctx, id)
	if err != nil {
		return 0
	}
	n.board.AddPosted(id, &have)
	return have.Count()
}

// peerChanged greets a peer that came, and forgets one that left.
func (n *Node) peerChanged(change network.Change) {
	if !change.Connected {
		n.exchange.Drop(change.Peer)
		n.tracker.Forget(change.Peer)
		return
	}
	if n.roll.node(change.Peer).State == roster.Revoked { // one that was removed may come with a new ticket
		n.running.Go(func() { n.dismiss(farewell) })
		return
	}
	n.greet(change.Peer)
	n.meet()
	n.running.Go(func() { n.askWelcome(n.ctx, change.Peer) })
}

// follow tells running fetches that a peer has come.
func (n *Node) follow(peer shoal.NodeID) {
	n.fetches.Range(func(key, _ any) bool {
		key.(*fetch.Fetch).AddSource(peer)
		return true
	})
}

// connected lists the connected nodes of the shoal, those named first at the
// front.
func (n *Node) connected(first []shoal.NodeID) []shoal.NodeID {
	all := slices.Clone(first)
	for _, peer := range n.neighbours() {
		if !slices.Contains(all, peer) {
			all = append(all, peer)
		}
	}
	return all
}
