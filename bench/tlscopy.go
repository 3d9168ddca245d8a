package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
)

// tlsRole makes this program one end of the bare TLS 1.3 copy, the opponent of
// get: nothing but a file, a connection and a file, in two processes.
const tlsRole = "tls-copy"

// tlsBuffer is how much it reads and writes at once.
const tlsBuffer = 256 << 10

// tlsMain is `tls-copy send FILE` or `tls-copy receive ADDR FILE`.
func tlsMain(args []string) int {
	var err error
	switch {
	case len(args) == 2 && args[0] == "send":
		err = tlsSend(args[1], os.Stdout)
	case len(args) == 3 && args[0] == "receive":
		err = tlsReceive(args[1], args[2])
	default:
		err = fmt.Errorf("unknown role %q", args)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, tlsRole+":", err)
		return 1
	}
	return 0
}

// tlsSend sends the file to everyone who connects, one after the other, until
// it is killed. It tells its address.
func tlsSend(path string, tell io.Writer) error {
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
	defer listener.Close()
	if _, err := fmt.Fprintln(tell, listener.Addr()); err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		if err := sendFile(conn, path); err != nil {
			return err
		}
	}
}

func sendFile(conn net.Conn, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	// The struct hides WriteTo, which would choose a small buffer.
	_, err = io.CopyBuffer(conn, struct{ io.Reader }{file}, make([]byte, tlsBuffer))
	return errors.Join(err, file.Close(), conn.Close())
}

func tlsReceive(addr, path string) error {
	//nolint:gosec // the opponent proves nothing, it only copies
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	err = receiveFile(file, conn)
	return errors.Join(err, file.Close(), conn.Close())
}

// receiveFile writes what comes in full buffers: a read gives one record of TLS
// at most, 16 KiB, and a write of each would cost a call each.
func receiveFile(file io.Writer, conn io.Reader) error {
	buffer := make([]byte, tlsBuffer)
	for {
		n, err := io.ReadFull(conn, buffer)
		if _, err := file.Write(buffer[:n]); err != nil {
			return err
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}
