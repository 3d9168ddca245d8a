package network

import (
	"fmt"

	"shoal"
)

// What a stream's Read and Write fail with, beside io.EOF after the peer's
// CloseWrite and os.ErrDeadlineExceeded past a deadline. All are shoal.Network.
var (
	// ErrReset means that the stream is no more: either side reset it, the
	// peer closed it while this side still wrote, or the connection was lost.
	ErrReset = fmt.Errorf("stream was reset: %w", shoal.Network)

	// ErrRefused means that the peer's machine answered and nobody listens
	// there, or somebody else. It is what Connect gives; hosts over TCP may
	// give syscall.ECONNREFUSED in its place.
	ErrRefused = fmt.Errorf("connection refused: %w", shoal.Network)

	// ErrProtocol means that the peer does not serve the stream's protocol.
	// It is what the first Read gives; a Write before it may have succeeded.
	ErrProtocol = fmt.Errorf("peer does not speak the protocol: %w", shoal.Network)
)
