package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"shoal/internal/testnet"
	"shoal/internal/testnet/relay"
)

// relayRow is getRow through relays that delay each direction by 30 ms.
func relayRow(ctx context.Context, b *bench) (result, error) {
	const delay = 30 * time.Millisecond
	source, id, err := b.seeded(ctx)
	if err != nil {
		return result{}, err
	}
	addr, stop, err := b.startRaw(ctx)
	if err != nil {
		return result{}, err
	}
	defer stop()
	ours, err := relay.Listen(ctx, "127.0.0.1:0", hostPort(source), delay)
	if err != nil {
		return result{}, err
	}
	defer ours.Close()
	theirs, err := relay.Listen(ctx, "127.0.0.1:0", addr, delay)
	if err != nil {
		return result{}, err
	}
	defer theirs.Close()
	_, port, err := net.SplitHostPort(ours.Addr())
	if err != nil {
		return result{}, err
	}
	through := fmt.Sprintf("/ip4/127.0.0.1/tcp/%s/p2p/%s", port, source.ID)
	res, err := b.getAgainstRaw(ctx, through, id, theirs.Addr(), 0.7)
	res.note = "the relays run in this process, on the same cores"
	return res, err
}

// hostPort is where a node listens, from its multiaddr /ip4/HOST/tcp/PORT/...
func hostPort(node *testnet.Node) string {
	parts := strings.Split(node.Addr, "/")
	return net.JoinHostPort(parts[2], parts[4])
}

// curlRow is one downloader and one source, against curl from nginx.
func curlRow(ctx context.Context, b *bench) (result, error) {
	url, stop, err := b.startNginx(ctx)
	if err != nil {
		return result{}, err
	}
	defer stop()
	source, id, err := b.seeded(ctx)
	if err != nil {
		return result{}, err
	}
	getter, err := b.start(ctx, "--peer", source.Addr)
	if err != nil {
		return result{}, err
	}
	our, their, spread, err := b.duel(
		func() (time.Duration, error) {
			took, _, err := b.get(ctx, getter, id)
			return took, err
		},
		func() (time.Duration, error) {
			path := filepath.Join(b.dir, "out-curl")
			took, err := timed(func() error {
				out, err := exec.CommandContext(ctx, "curl", "-sSk", "-o", path, url).CombinedOutput()
				if err != nil {
					return fmt.Errorf("curl: %w: %s", err, out)
				}
				return nil
			})
			return took, errors.Join(err, os.Remove(path))
		})
	if err != nil {
		return result{}, err
	}
	return compare(b.size, our, their, spread, 1), nil
}

// nginxConfig serves one folder over TLS 1.3.
const nginxConfig = `
daemon off;
worker_processes 2;
pid %[1]s/nginx.pid;
error_log %[1]s/nginx.log;
events { worker_connections 64; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_body_temp_path %[1]s/nginx-body;
  proxy_temp_path %[1]s/nginx-proxy;
  fastcgi_temp_path %[1]s/nginx-fastcgi;
  uwsgi_temp_path %[1]s/nginx-uwsgi;
  scgi_temp_path %[1]s/nginx-scgi;
  server {
    listen 127.0.0.1:%[2]s ssl;
    ssl_protocols TLSv1.3;
    ssl_certificate %[1]s/cert.pem;
    ssl_certificate_key %[1]s/key.pem;
    root %[1]s;
  }
}
`

// startNginx installs nginx and curl if they are missing, and serves the
// sample.
func (b *bench) startNginx(ctx context.Context) (url string, stop func(), err error) {
	if err := install(ctx, "nginx", "nginx-light"); err != nil {
		return "", nil, err
	}
	if err := install(ctx, "curl", "curl"); err != nil {
		return "", nil, err
	}
	cert, key, err := selfSigned()
	if err != nil {
		return "", nil, err
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	config := filepath.Join(b.dir, "nginx.conf")
	for path, data := range map[string][]byte{
		filepath.Join(b.dir, "cert.pem"): cert,
		filepath.Join(b.dir, "key.pem"):  key,
		config:                           fmt.Appendf(nil, nginxConfig, b.dir, port),
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return "", nil, err
		}
	}
	// Its workers run as another user, who has to get at the sample.
	if err := errors.Join(os.Chmod(b.dir, 0o755), os.Chmod(b.sample, 0o644)); err != nil { //nolint:gosec // random bytes, for anyone
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, "nginx", "-c", config, "-e", filepath.Join(b.dir, "nginx.log"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it ends its workers
		_ = cmd.Wait()
	}
	return fmt.Sprintf("https://127.0.0.1:%s/%s", port, filepath.Base(b.sample)), stop, awaitPort(ctx, port)
}

// install installs a Debian package unless its program is there.
func install(ctx context.Context, program, pkg string) error {
	if _, err := exec.LookPath(program); err == nil {
		return nil
	}
	for _, args := range [][]string{{"update", "-qq"}, {"install", "-qqy", "--no-install-recommends", pkg}} {
		if out, err := exec.CommandContext(ctx, "apt-get", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("install %s: %w: %s", pkg, err, out)
		}
	}
	return nil
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, errors.Join(err, listener.Close())
}

// awaitPort waits until somebody listens.
func awaitPort(ctx context.Context, port string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("nobody listens on port %s: %w", port, ctx.Err())
		}
	}
}
