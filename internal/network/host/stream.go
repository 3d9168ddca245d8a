package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	libp2p "github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	goyamux "github.com/libp2p/go-yamux/v5"
	multistream "github.com/multiformats/go-multistream"

	"shoal"
	"shoal/internal/network"
)

// closeTimeout bounds how long Close waits for the peer to agree on the
// protocol, if it has not been heard from.
const closeTimeout = 5 * time.Second

// stream is a libp2p stream with the promises of network.Stream.
type stream struct {
	libp2p.Stream                      // deadlines, and below the negotiation
	lazy          multistream.LazyConn // negotiates with the first bytes; nil on the accepting side
	peer          shoal.NodeID
}

var _ network.Stream = (*stream)(nil)

// accepted is a stream whose protocol has been agreed on.
func accepted(s libp2p.Stream) *stream {
	return &stream{Stream: s, peer: shoal.NodeID(s.Conn().RemotePeer().String())}
}

// opened is a stream that proposes its protocol along with the first bytes.
func opened(s libp2p.Stream, name protocol.ID) *stream {
	opened := accepted(s)
	opened.lazy = multistream.NewMSSelect(s, name)
	return opened
}

func (s *stream) Peer() shoal.NodeID { return s.peer }

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.negotiated().Read(p)
	return n, s.fault("read from", err)
}

func (s *stream) Write(p []byte) (int, error) {
	n, err := s.negotiated().Write(p)
	return n, s.fault("write to", err)
}

func (s *stream) negotiated() io.ReadWriter {
	if s.lazy != nil {
		return s.lazy
	}
	return s.Stream
}

// CloseWrite ends the writing half. A protocol not yet proposed is, so that
// the peer sees an empty stream rather than none.
func (s *stream) CloseWrite() error {
	if s.lazy != nil {
		if err := s.lazy.Flush(); err != nil {
			return s.fault("close to", err)
		}
	}
	return s.fault("close to", s.Stream.CloseWrite())
}

// Close ends both halves. The peer reads what was written and then io.EOF,
// and its writes fail. Closing what the peer has reset is no error.
func (s *stream) Close() error {
	if s.lazy != nil {
		// The answer to the proposal has to be read first: a peer that cannot
		// send it drops the stream and all that is in it.
		_ = s.SetReadDeadline(time.Now().Add(closeTimeout))
		if err := s.lazy.Flush(); err == nil {
			_, _ = s.lazy.Read(nil)
		}
	}
	if isQUIC(s.Conn().RemoteMultiaddr()) {
		return s.faultOfClose(s.Stream.Close())
	}
	// yamux keeps to itself that a side does not read any more, and lets the
	// peer write into the void until its window is used up, and then wait for
	// ever. A reset behind the end tells it, and does not touch what it has
	// yet to read.
	err := s.Stream.CloseWrite()
	_ = s.Stream.Reset()
	return s.faultOfClose(err)
}

// Reset drops the stream.
func (s *stream) Reset() { _ = s.Stream.Reset() }

func (s *stream) faultOfClose(err error) error {
	if err = s.fault("close to", err); errors.Is(err, network.ErrReset) {
		return nil
	}
	return err
}

// fault gives the errors of the layers below the names in package network.
func (s *stream) fault(doing string, err error) error {
	//nolint:errorlint // an io.EOF below another error is a lost connection, not the end
	if err == nil || err == io.EOF {
		return err
	}
	return fmt.Errorf("%s %s: %w", doing, s.peer.Short(), cause(err))
}

func cause(err error) error {
	var unknown multistream.ErrNotSupported[protocol.ID]
	switch reset, ok := errors.AsType[*libp2p.StreamError](err); {
	case errors.As(err, &unknown), ok && reset.ErrorCode == libp2p.StreamProtocolNegotiationFailed:
		return network.ErrProtocol
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, goyamux.ErrTimeout):
		return fmt.Errorf("%w: %w", os.ErrDeadlineExceeded, shoal.Network)
	case errors.Is(err, libp2p.ErrReset):
		return network.ErrReset
	}
	return fmt.Errorf("%w: %w", network.ErrReset, err)
}
