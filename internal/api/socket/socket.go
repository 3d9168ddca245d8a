// Package socket opens the unix socket by which a node and its command line
// meet: in the data folder, for its owner alone, however long the folder's
// path is. It knows nothing of what is said over it.
package socket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"shoal"
)

// MaxPath is the longest path the system takes for a socket, in bytes:
// sun_path has 108, and the last is a zero (unix(7)).
const MaxPath = 107

// mode lets the owner of the data folder speak to the node, and nobody else:
// it is all the authentication the socket has.
const mode = 0o600

// probeTimeout bounds how long Listen waits to learn whether whoever holds the
// socket is alive. A connect to a unix socket succeeds in the kernel, without
// the other side taking part, unless its backlog is full.
const probeTimeout = time.Second

// ErrInUse means that a living process listens on the socket.
var ErrInUse = fmt.Errorf("another process is listening on the socket: %w", shoal.Exists)

// Listen makes the socket at path, with mode 0600 from its first moment. One
// that a dead process left behind is replaced; one that a living process
// listens on is ErrInUse; anything else of that name is fs.ErrExist and stays.
// Closing the listener removes the socket. Two calls for one path at the same
// moment are not told apart: the caller holds the folder's lock.
func Listen(path string) (net.Listener, error) {
	if err := makeWay(path); err != nil {
		return nil, err
	}
	short, release, err := shorten(path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	defer release()
	config := net.ListenConfig{Control: restrict}
	l, err := config.Listen(context.Background(), "unix", short)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // by its short name it is gone by then
	return &listener{Listener: l, path: path}, nil
}

// Dial connects to the socket at path.
func Dial(ctx context.Context, path string) (net.Conn, error) {
	short, release, err := shorten(path)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", path, err)
	}
	defer release()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", short)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", path, err)
	}
	return conn, nil
}

// makeWay clears the way for a new socket at path.
func makeWay(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at the socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is not a socket: %w", path, fs.ErrExist)
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	conn, err := Dial(ctx, path)
	switch {
	case err == nil:
		conn.Close()
		return fmt.Errorf("listen on %s: %w", path, ErrInUse)
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("listen on %s: %w: %w", path, ErrInUse, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the socket of a dead node: %w", err)
	}
	return nil
}

// shorten gives a name for path that fits into a socket address, and holds
// until release is called: a path that is too long is reached through an open
// descriptor of its folder, which /proc shows under a short name (proc(5)).
func shorten(path string) (short string, release func(), err error) {
	if len(path) <= MaxPath {
		return path, func() {}, nil
	}
	folder, err := os.OpenFile(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, err
	}
	short = filepath.Join("/proc/self/fd", strconv.Itoa(int(folder.Fd())), filepath.Base(path))
	if len(short) > MaxPath {
		folder.Close()
		return "", nil, fmt.Errorf("the socket's own name is longer than a socket address of %d bytes allows", MaxPath)
	}
	return short, func() { folder.Close() }, nil
}

// restrict sets the mode of a socket before it is bound: Linux gives the name
// that bind makes the mode of the socket itself, so there is no moment at
// which others can connect, as there would be with a chmod afterwards.
func restrict(_, _ string, conn syscall.RawConn) error {
	var failure error
	err := conn.Control(func(fd uintptr) { failure = unix.Fchmod(int(fd), mode) })
	return errors.Join(err, failure)
}

// listener removes its socket when it is closed.
type listener struct {
	net.Listener
	path string
}

// Close stops listening and removes the socket. The name goes first, so that
// whoever finds it finds somebody listening.
func (l *listener) Close() error {
	removed := os.Remove(l.path)
	if errors.Is(removed, fs.ErrNotExist) {
		removed = nil
	}
	return errors.Join(removed, l.Listener.Close())
}

// Addr is where the socket is, by its whole path.
func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }
