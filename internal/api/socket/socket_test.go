package socket_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"shoal/internal/api/socket"
)

// meet proves that a byte passes from a dialler to the listener at path.
func meet(t *testing.T, l net.Listener, path string) {
	t.Helper()
	conn, err := socket.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte{42}); err != nil {
		t.Fatal(err)
	}
	other, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	got := make([]byte, 1)
	if _, err := other.Read(got); err != nil || got[0] != 42 {
		t.Fatalf("read %v, %v; want the byte that was sent", got, err)
	}
}

func TestListen(t *testing.T) {
	dir := t.TempDir()
	for name, folder := range map[string]string{
		"short path":              dir,
		"longer than an address":  filepath.Join(dir, strings.Repeat("a", 200), strings.Repeat("b", 200)),
		"just as long":            filepath.Join(dir, strings.Repeat("c", socket.MaxPath-len(dir)-len("//s"))),
		"just too long":           filepath.Join(dir, strings.Repeat("d", socket.MaxPath-len(dir)-len("//s")+1)),
		"spaces and other tongue": filepath.Join(dir, "ein Ordner für Fische"),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.MkdirAll(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(folder, "s")
			l, err := socket.Listen(path)
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != 0o600 {
				t.Errorf("mode of the socket is %o, want 600", got)
			}
			meet(t, l, path)
			if _, err := socket.Listen(path); !errors.Is(err, socket.ErrInUse) {
				t.Errorf("second Listen: %v, want ErrInUse", err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the socket is still there after Close: %v", err)
			}
		})
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false) // as after kill -9
	dead.Close()
	if _, err := socket.Dial(t.Context(), path); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("dial of a dead socket: %v, want ECONNREFUSED", err)
	}
	l, err := socket.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	meet(t, l, path)
}

func TestWhatIsNoSocketStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := socket.Listen(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Listen over a file: %v, want fs.ErrExist", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "precious" {
		t.Errorf("the file is now %q, %v", got, err)
	}
}

func TestNameTooLong(t *testing.T) {
	_, err := socket.Listen(filepath.Join(t.TempDir(), strings.Repeat("n", 150)))
	if err == nil || !strings.Contains(err.Error(), "107 bytes") {
		t.Errorf("Listen with a name of 150 bytes: %v, want an error that names the bound", err)
	}
}

func TestNobodyThere(t *testing.T) {
	if _, err := socket.Dial(t.Context(), filepath.Join(t.TempDir(), "s")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("dial where nothing is: %v, want fs.ErrNotExist", err)
	}
}
