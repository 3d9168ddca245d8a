package host_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"shoal/internal/network"
	"shoal/internal/network/networktest"
	"shoal/internal/testnet/relay"
)

// BenchmarkTLS is what the host is measured against: crypto/tls over TCP.
func BenchmarkTLS(b *testing.B) { benchTLS(b, func(addr string) string { return addr }) }

// longWay leads to addr over a link of 60 ms there and back.
func longWay(b *testing.B) func(addr string) string {
	return func(addr string) string {
		r, err := relay.Listen(b.Context(), "127.0.0.1:0", addr, 30*time.Millisecond)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = r.Close() })
		return r.Addr()
	}
}

func BenchmarkLongLinkTLS(b *testing.B) { benchTLS(b, longWay(b)) }

func BenchmarkLongLinkOneStream(b *testing.B)   { benchLongLink(b, 1) }
func BenchmarkLongLinkFourStreams(b *testing.B) { benchLongLink(b, 4) }

func benchLongLink(b *testing.B, streams int) {
	networktest.BenchStreams(b, func(tb testing.TB) (near, far network.Host) {
		near, far = newHost(tb, loopbackTCP), newHost(tb, loopbackTCP)
		return near, detour{far, longWay(b)(hostPort(far))}
	}, streams)
}

// detour is a host that says it can be reached somewhere else.
type detour struct {
	network.Host
	via string
}

func (d detour) Addrs() []string {
	host, port, _ := net.SplitHostPort(d.via)
	return []string{"/ip4/" + host + "/tcp/" + port + "/p2p/" + string(d.ID())}
}

// hostPort is the address of a host that listens on TCP over IPv4.
func hostPort(h network.Host) string {
	parts := strings.Split(h.Addrs()[0], "/")
	return net.JoinHostPort(parts[2], parts[4])
}

func benchTLS(b *testing.B, way func(addr string) string) {
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{selfSigned(b)}})
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	accepted := make(chan net.Conn)
	go func() {
		conn, _ := listener.Accept()
		_ = conn.(*tls.Conn).Handshake()
		accepted <- conn
	}()
	near, err := tls.Dial("tcp", way(listener.Addr().String()), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		b.Fatal(err)
	}
	far := <-accepted
	defer near.Close()
	defer far.Close()
	networktest.Pump(b, []net.Conn{far}, []net.Conn{near})
}

func selfSigned(b *testing.B) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		b.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
