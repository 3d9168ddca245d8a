package exchange

import (
	"context"
	"fmt"
	"time"

	"shoal"
	"shoal/internal/journal"
	"shoal/internal/network"
	"shoal/internal/network/wire"
	"shoal/internal/record"
)

// Reclaim asks a connected peer for what it has heard from some authors, and
// returns when all of that is in the journal. It is for a node that may speak with
// nobody, for it has lost the journal that says with whom: what authors have said
// is signed, so it does not matter who tells it. The peer learns no more than how
// far this node is with them. Errors: the stream's; why the journal does not take
// what was told; the cause of ctx's end.
func (x *Exchange) Reclaim(ctx context.Context, peer shoal.NodeID, authors ...shoal.NodeID) error {
	stream, err := x.host.Open(ctx, peer, wire.LogProtocol)
	if err != nil {
		return err
	}
	defer stream.Reset()
	stop := context.AfterFunc(ctx, stream.Reset)
	defer stop()
	r := reclaim{x: x, stream: stream, authors: authors}
	if err := r.run(ctx); err != nil {
		return fmt.Errorf("ask %s what it has heard: %w", peer.Short(), err)
	}
	return nil
}

// reclaim is one stream of Reclaim.
type reclaim struct {
	x       *Exchange
	stream  network.Stream
	authors []shoal.NodeID
	theirs  record.Vector // how far the peer is; nil before it has said so
}

func (r *reclaim) run(ctx context.Context) error {
	ours, err := r.x.journal.Digest()
	if err != nil {
		return err
	}
	if err := r.ask(wire.Digest(ours)); err != nil {
		return err
	}
	var head [wire.HeaderSize]byte
	for {
		h, err := wire.ReadHeader(r.stream, &head)
		if err != nil {
			return err
		}
		body, err := wire.ReadBody(r.stream, h, nil)
		if err != nil {
			return err
		}
		if done, err := r.hear(ctx, h.Type, body, wire.Digest(ours)); done || err != nil {
			return err
		}
	}
}

// ask says that this node is not as far as the peer, to which the peer answers how
// far it is itself, and asks for all that is after what this node has.
func (r *reclaim) ask(ours wire.Digest) error {
	wants := make(record.Vector)
	for _, author := range r.authors {
		wants[author] = r.x.journal.Upto(author) + 1
	}
	frames, err := wire.AppendVector(ours.Append(nil), wire.TypeWant, wants)
	if err != nil {
		return err
	}
	if err := r.stream.SetDeadline(time.Now().Add(idleTimeout)); err != nil {
		return err
	}
	_, err = r.stream.Write(frames)
	return err
}

// hear takes in one frame, and reports whether there is nothing more to hear.
func (r *reclaim) hear(ctx context.Context, t wire.Type, body []byte, ours wire.Digest) (done bool, err error) {
	switch t {
	case wire.TypeDigest:
		theirs, err := wire.ParseDigest(body)
		return theirs == ours, err
	case wire.TypeHave:
		if r.theirs, err = wire.ParseVector(body); err != nil {
			return false, err
		}
	case wire.TypeBatches:
		if err := r.take(ctx, body); err != nil {
			return false, err
		}
	case wire.TypeGoodbye:
		bye, err := wire.ParseGoodbye(body)
		if err != nil {
			return false, err
		}
		return false, fmt.Errorf("%s: %w", bye.Text, shoal.Unauthorised)
	default: // what the peer wants to hear is nothing to tell a stranger
	}
	return r.theirs != nil && r.upToDate(), nil
}

func (r *reclaim) upToDate() bool {
	for _, author := range r.authors {
		if r.x.journal.Upto(author) < r.theirs[author] {
			return false
		}
	}
	return true
}

func (r *reclaim) take(ctx context.Context, body []byte) error {
	batches, err := wire.ParseBatches(body)
	if err != nil {
		return err
	}
	pieces := make([]journal.Piece, len(batches))
	for i, b := range batches {
		pieces[i] = journal.Piece(b)
	}
	taken, err := r.x.journal.Take(ctx, pieces)
	if err != nil {
		return err
	}
	if taken.PutOff > 0 {
		return taken.Reason
	}
	return nil
}
