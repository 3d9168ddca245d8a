// Package join is how a machine with a ticket becomes a node of the shoal: the
// exchange of a few frames over a connection that has proven both ends' keys.
//
// What a ticket is, and how it is proven, is told in package ticket.
package join

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"shoal"
	"shoal/internal/membership/ticket"
	"shoal/internal/network"
	"shoal/internal/network/wire"
)

const (
	timeout = 10 * time.Second // for the whole exchange
	maxBody = 512              // bytes of any of its frames
	idSize  = 16               // characters of an invitation's id
)

// Host is what joining needs of a network.Host.
type Host interface {
	network.Opener
	ID() shoal.NodeID
	Connect(ctx context.Context, addr string) (shoal.NodeID, error)
}

// Join shows a ticket to the node that issued it: after it returns, that node
// has admitted this one. Nothing is sent before the connection has proven that
// the other end is the issuer. Errors: shoal.Network if the issuer cannot be
// reached, shoal.Unauthorised if it refuses.
func Join(ctx context.Context, host Host, t ticket.Ticket) error {
	if err := reach(ctx, host, t); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	stream, err := host.Open(ctx, t.Issuer, wire.JoinProtocol)
	if err != nil {
		return fmt.Errorf("join through %s: %w", t.Issuer.Short(), err)
	}
	defer stream.Reset()
	if err := show(stream, t, host.ID()); err != nil {
		return fmt.Errorf("join through %s: %w", t.Issuer.Short(), err)
	}
	return nil
}

// reach connects to the issuer at one of its addresses.
func reach(ctx context.Context, host Host, t ticket.Ticket) error {
	var errs []error
	for _, addr := range t.Addrs {
		attempt, cancel := context.WithTimeout(ctx, timeout)
		_, err := host.Connect(attempt, addr+"/p2p/"+string(t.Issuer))
		cancel()
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return shoal.WithHint(fmt.Errorf("the node that made the ticket is not reached at any of %d addresses: %w: %w", len(t.Addrs), shoal.Network, errors.Join(errs...)),
		"is it running, and is its port open to this machine? Any member can make another ticket: `shoal invite`")
}

// show is the joiner's side.
func show(stream network.Stream, t ticket.Ticket, self shoal.NodeID) error {
	if err := stream.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	key := ticket.KeyOf(t.Secret)
	if _, err := stream.Write(wire.AppendFrame(nil, wire.TypeKnock, []byte(key.ID()))); err != nil {
		return err
	}
	challenge, err := read(stream, wire.TypeChallenge)
	if err != nil {
		return err
	}
	if len(challenge) != ticket.ChallengeSize {
		return fmt.Errorf("%w: challenge of %d bytes", wire.ErrMalformed, len(challenge))
	}
	proof := key.Proof(t.Shoal, t.Issuer, self, [ticket.ChallengeSize]byte(challenge))
	if _, err := stream.Write(wire.AppendFrame(nil, wire.TypeProof, proof[:])); err != nil {
		return err
	}
	_, err = read(stream, wire.TypeAdmitted)
	return err
}

// Inviter is the issuer's side.
type Inviter struct {
	Shoal shoal.NodeID
	Self  shoal.NodeID

	// Find gives an invitation that is open to the joiner; see ticket.Book.
	Find func(id string, joiner shoal.NodeID) (ticket.Invitation, error)
	// Admit uses the invitation up by one and admits the joiner, durably.
	Admit func(ctx context.Context, id string, joiner shoal.NodeID) error
}

// Serve answers one machine that knocks. The error is for the log: the joiner
// has been told as much as it may know.
func (i Inviter) Serve(ctx context.Context, stream network.Stream) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := i.serve(ctx, stream)
	if err == nil {
		_, err = stream.Write(wire.AppendFrame(nil, wire.TypeAdmitted, nil))
	} else {
		reason := wire.ReasonFault
		if errors.Is(err, shoal.Unauthorised) {
			reason = wire.ReasonUnauthorised
		}
		_, _ = stream.Write(wire.Goodbye{Reason: reason, Text: refusal(err)}.Append(nil)) // it may be gone
	}
	if closeErr := stream.Close(); closeErr != nil {
		stream.Reset()
	}
	return err
}

// refusal is what a joiner is told.
func refusal(err error) string {
	if errors.Is(err, shoal.Unauthorised) {
		return strings.TrimSuffix(err.Error(), ": "+shoal.Unauthorised.Error())
	}
	return "something went wrong at the other side"
}

func (i Inviter) serve(ctx context.Context, stream network.Stream) error {
	if err := stream.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	id, err := read(stream, wire.TypeKnock)
	if err != nil {
		return err
	}
	if len(id) != idSize {
		return fmt.Errorf("%w: invitation id of %d bytes", wire.ErrMalformed, len(id))
	}
	// Whoever does not know the secret learns no more of an invitation than
	// that it is there, which takes the secret to know anyway.
	invitation, err := i.Find(string(id), stream.Peer())
	if err != nil {
		return err
	}
	var challenge [ticket.ChallengeSize]byte
	_, _ = rand.Read(challenge[:]) // it never fails
	if _, err := stream.Write(wire.AppendFrame(nil, wire.TypeChallenge, challenge[:])); err != nil {
		return err
	}
	proof, err := read(stream, wire.TypeProof)
	if err != nil {
		return err
	}
	want := invitation.Key.Proof(i.Shoal, i.Self, stream.Peer(), challenge)
	if !hmac.Equal(proof, want[:]) {
		return fmt.Errorf("the ticket was not proven: %w", shoal.Unauthorised)
	}
	return i.Admit(ctx, string(id), stream.Peer())
}

// read reads a frame of that type. A good-bye in its place is an error that says
// why.
func read(stream network.Stream, want wire.Type) ([]byte, error) {
	var head [wire.HeaderSize]byte
	h, err := wire.ReadHeader(stream, &head)
	if err != nil {
		return nil, err
	}
	if h.Length > maxBody {
		return nil, fmt.Errorf("%w: frame of %d bytes", wire.ErrMalformed, h.Length)
	}
	body, err := wire.ReadBody(stream, h, nil)
	if err != nil {
		return nil, err
	}
	if h.Type == wire.TypeGoodbye {
		bye, err := wire.ParseGoodbye(body)
		if err != nil {
			return nil, err
		}
		if bye.Reason == wire.ReasonUnauthorised {
			return nil, shoal.WithHint(fmt.Errorf("%s: %w", bye.Text, shoal.Unauthorised), "ask for a new ticket: `shoal invite` on a machine of the shoal")
		}
		return nil, fmt.Errorf("%s: %w", bye.Text, shoal.Network)
	}
	if h.Type != want {
		return nil, fmt.Errorf("%w: frame %d", wire.ErrMalformed, h.Type)
	}
	return body, nil
}
