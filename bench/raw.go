package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// rawRole makes this program one end of the bare TLS 1.3 copy, the opponent:
// nothing but a file, a connection and a file, in two processes.
const rawRole = "raw-tls"

// rawBuffer is the size of its buffers. 256 KiB was as fast as 1 MiB and faster
// than io.Copy's 32 KiB.
const rawBuffer = 256 << 10

// rawMain is `raw-tls send FILE` or `raw-tls receive ADDR FILE`.
func rawMain(args []string) int {
	var err error
	switch {
	case len(args) == 2 && args[0] == "send":
		err = rawSend(args[1])
	case len(args) == 3 && args[0] == "receive":
		err = rawReceive(args[1], args[2])
	default:
		err = errors.New("unknown role")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "raw-tls:", err)
		return 1
	}
	return 0
}

// selfSigned makes a certificate and its key, for the tests' own servers.
func selfSigned() (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), err
}

// rawSend sends the file to everyone who connects, until it is killed. It
// prints its address.
func rawSend(path string) error {
	certPEM, keyPEM, err := selfSigned()
	if err != nil {
		return err
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13})
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		if err := sendFile(conn, path); err != nil {
			fmt.Fprintln(os.Stderr, "raw-tls:", err)
		}
	}
}

func sendFile(conn net.Conn, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	// The structs hide ReadFrom and WriteTo, which would choose small buffers.
	_, err = io.CopyBuffer(struct{ io.Writer }{conn}, struct{ io.Reader }{file}, make([]byte, rawBuffer))
	return errors.Join(err, file.Close(), conn.Close())
}

func rawReceive(addr, path string) error {
	//nolint:gosec // the opponent proves nothing, it only copies
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	buffered := bufio.NewWriterSize(struct{ io.Writer }{file}, rawBuffer)
	_, err = io.CopyBuffer(struct{ io.Writer }{buffered}, struct{ io.Reader }{conn}, make([]byte, rawBuffer))
	return errors.Join(err, buffered.Flush(), file.Close(), conn.Close())
}

// startRaw starts a sender process and returns its address.
func (b *bench) startRaw(ctx context.Context) (addr string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, self, rawRole, "send", b.sample)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	return strings.TrimSpace(line), func() {
		_ = cmd.Process.Kill() // it runs until it is killed
		_ = cmd.Wait()
	}, err
}

// receiveRaw has a receiver process copy the sample from addr, and says how
// long it took.
func (b *bench) receiveRaw(ctx context.Context, addr, path string) (time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	took, err := timed(func() error {
		cmd := exec.CommandContext(ctx, self, rawRole, "receive", addr, path)
		cmd.Stderr = os.Stderr
		return cmd.Run()
	})
	return took, errors.Join(err, os.Remove(path))
}
