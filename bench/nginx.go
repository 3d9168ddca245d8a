package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// nginxConfig serves one folder over TLS 1.3, on two cores.
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

// nginxTimeout is how long nginx may take to listen.
const nginxTimeout = 10 * time.Second

// startNginx installs nginx and curl if they are missing, and serves the
// sample at url.
func (b *bench) startNginx(ctx context.Context) (url string, stop func(), err error) {
	if err := errors.Join(install(ctx, "nginx", "nginx-light"), install(ctx, "curl", "curl")); err != nil {
		return "", nil, err
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	if err := b.writeNginxFiles(port); err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, "nginx", "-c", filepath.Join(b.dir, "nginx.conf"), "-e", filepath.Join(b.dir, "nginx.log"))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it ends its workers
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Cancel()
		_ = cmd.Wait() // it has nothing to lose
	}
	if err := awaitPort(ctx, port); err != nil {
		stop()
		return "", nil, err
	}
	return fmt.Sprintf("https://127.0.0.1:%s/%s", port, filepath.Base(b.sample)), stop, nil
}

// writeNginxFiles writes what nginx reads. Its workers run as another user, who
// has to get at the sample.
func (b *bench) writeNginxFiles(port string) error {
	cert, key, err := selfSigned()
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"cert.pem": cert, "key.pem": key, "nginx.conf": fmt.Appendf(nil, nginxConfig, b.dir, port),
	} {
		if err := os.WriteFile(filepath.Join(b.dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return errors.Join(os.Chmod(b.dir, 0o755), os.Chmod(b.sample, 0o644)) //nolint:gosec // random bytes, for anyone
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
	ctx, cancel := context.WithTimeout(ctx, nginxTimeout)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+port)
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
