// Package ask is one question and one answer over a stream: it puts a question to
// one peer or to many at once, and answers the questions of peers.
//
// It does not know the meaning of a question: the caller makes and parses the frames
// of package wire.
package ask

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"shoal"
	"shoal/internal/network"
	"shoal/internal/network/wire"
)

// maxQuestion bounds the body of a question, and of a Goodbye in the place of an
// answer: two texts of 1,024 bytes are the longest that is asked today.
const maxQuestion = 4 << 10

// Kind is one kind of question.
type Kind struct {
	Protocol string        // of the stream
	Question wire.Type     // the only frame of the asker
	Answer   wire.Type     // the only frame of the answering node
	Timeout  time.Duration // for the asker, dialling included; and for the answering node, from the opened stream on
}

// Peer puts a question, a whole frame, to one peer and returns the body of the
// answer, at most wire.MaxBody bytes. It blocks for at most the kind's timeout, and
// drops the stream when ctx ends. Errors: those of network.Opener;
// shoal.Unauthorised or shoal.Network with the peer's reason if the peer declines
// to answer; wire.ErrMalformed for anything else in the place of an answer.
func Peer(ctx context.Context, opener network.Opener, peer shoal.NodeID, kind Kind, question []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, kind.Timeout)
	defer cancel()
	stream, err := opener.Open(ctx, peer, kind.Protocol)
	if err != nil {
		return nil, err
	}
	defer stream.Reset()
	defer context.AfterFunc(ctx, stream.Reset)()
	if _, err := stream.Write(question); err != nil {
		return nil, fmt.Errorf("ask %s: %w", peer.Short(), err)
	}
	body, err := readFrame(stream, kind.Answer, wire.MaxBody)
	if err != nil {
		return nil, fmt.Errorf("answer of %s: %w", peer.Short(), err)
	}
	return body, nil
}

// Many asks peers at the same time, at most width of them at once, and returns the
// answers in the order they came. ask puts the question to one peer; false means
// that there is no answer. Many returns when all have been asked, or soon after an
// answer is enough: then it ends the context of the others. enough is called with
// one answer after the other, not at the same time; nil waits for all.
func Many[A any](ctx context.Context, peers []shoal.NodeID, width int, ask func(context.Context, shoal.NodeID) (A, bool), enough func(A) bool) []A {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex // guards answers, and is held while enough runs
	var answers []A
	var wg sync.WaitGroup
	places := make(chan struct{}, width)
	for _, peer := range peers {
		wg.Go(func() {
			places <- struct{}{}
			answer, ok := ask(ctx, peer)
			<-places
			if !ok {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, answer)
			if enough != nil && enough(answer) {
				cancel()
			}
		})
	}
	wg.Wait()
	return answers
}

// readFrame reads the body of a frame that must be of one type and within a bound.
// A Goodbye in its place is an error with the peer's reason.
func readFrame(r io.Reader, want wire.Type, limit int) ([]byte, error) {
	var head [wire.HeaderSize]byte
	h, err := wire.ReadHeader(r, &head)
	if err != nil {
		return nil, err
	}
	if h.Type == wire.TypeGoodbye && h.Length <= maxQuestion {
		return nil, declined(r, h)
	}
	if h.Type != want || h.Length > limit {
		return nil, fmt.Errorf("%w: frame %d of %d bytes", wire.ErrMalformed, h.Type, h.Length)
	}
	return wire.ReadBody(r, h, nil)
}

// declined reads why a peer does not answer. It returns an error in every case.
func declined(r io.Reader, h wire.Header) error {
	body, err := wire.ReadBody(r, h, nil)
	if err != nil {
		return err
	}
	bye, err := wire.ParseGoodbye(body)
	switch {
	case err != nil:
		return err
	case bye.Reason == wire.ReasonUnauthorised:
		return fmt.Errorf("%s: %w", bye.Text, shoal.Unauthorised)
	}
	return fmt.Errorf("%s: %w", bye.Text, shoal.Network)
}
