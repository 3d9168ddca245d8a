package cli

import (
	"slices"
	"testing"
)

func TestDoors(t *testing.T) {
	for _, test := range []struct{ addrs, want []string }{
		{nil, nil},
		{
			[]string{
				"/ip4/192.0.2.1/tcp/4001/p2p/12D3Koo", "/ip6/2001:db8::1/tcp/4001/p2p/12D3Koo", "/ip4/192.0.2.1/udp/4001/quic-v1/p2p/12D3Koo",
				"/ip4/127.0.0.1/tcp/4001/p2p/12D3Koo", "/ip6/::1/tcp/4001/p2p/12D3Koo",
			},
			[]string{"192.0.2.1:4001  TCP and QUIC", "[2001:db8::1]:4001  TCP"},
		},
		{[]string{"/ip4/127.0.0.1/tcp/1/p2p/12D3Koo", "/ip4/127.0.0.1/udp/2/quic-v1/p2p/12D3Koo"}, []string{"127.0.0.1:1  TCP", "127.0.0.1:2  QUIC"}},
		{[]string{"/dns4/nas.example/tcp/4001", "mem:a", "/unix/x", "/x/y/z/1/2"}, []string{"nas.example:4001  TCP", "mem:a", "/unix/x", "/x/y/z/1/2"}},
	} {
		if got := doors(test.addrs); !slices.Equal(got, test.want) {
			t.Errorf("%q: %q, want %q", test.addrs, got, test.want)
		}
	}
}
