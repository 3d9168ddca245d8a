package cli

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"shoal"
)

const (
	// lowSpace is how little free space is worth a warning, in bytes.
	lowSpace = 1 << 30

	// dialTimeout bounds the try to reach the node's own port.
	dialTimeout = 2 * time.Second
)

// nodeFindings is what a running node says of itself, checked where it can be.
func nodeFindings(ctx context.Context, s shoal.Status) []Finding {
	findings := []Finding{well(fmt.Sprintf("%s answers, and is up for %s", s.Name, span(s.Uptime))), spaceFinding(s)}
	findings = append(findings, capacityFindings(s)...)
	findings = append(findings, listenFindings(ctx, s.Listen)...)
	if s.Peers == 0 {
		findings = append(findings, Finding{OK: true, Text: "no peer is connected", Hint: "shoal invite makes a ticket for another machine"})
	} else {
		findings = append(findings, well(count(s.Peers, "peer")+" connected"))
	}
	findings = append(findings, safetyFindings(s)...)
	for _, trouble := range s.Trouble {
		findings = append(findings, problem(trouble, "shoal up --log-level info tells more"))
	}
	return findings
}

// safetyFindings is how the files are. Which of them is not all here takes reading
// them, which verify does. That they are at risk is no problem of a node that keeps
// none.
func safetyFindings(s shoal.Status) []Finding {
	const hint = "shoal verify reads what is here and names what is missing"
	switch {
	case s.Safety.Text == "":
		return nil
	case s.Safety.State == "at risk" && !storesNothing(s):
		return []Finding{problem(s.Safety.Text, hint)}
	}
	return []Finding{{OK: true, Text: s.Safety.Text, Hint: hint}}
}

func spaceFinding(s shoal.Status) Finding {
	if s.DiskFree < lowSpace {
		hint := "make room, or remove files with shoal rm --now"
		if s.Stored == 0 {
			hint = "make room on the disk: nothing that the node stores takes any"
		}
		return problem(fmt.Sprintf("only %s is free on the disk of %s", size(s.DiskFree), s.Data), hint)
	}
	return well(size(s.DiskFree) + " is free on the disk")
}

// storesNothing reports whether a node was told to store nothing; on a full disk
// that cannot be told, and does not matter.
func storesNothing(s shoal.Status) bool { return s.Capacity == 0 && s.Free == 0 && s.DiskFree > 0 }

// capacityFindings is what comes of a node's --capacity. That it is taken is what
// it is for.
func capacityFindings(s shoal.Status) []Finding {
	switch {
	case storesNothing(s):
		return []Finding{well("the node stores nothing, as --capacity 0 says")}
	case s.Capacity == 0:
		return nil
	case s.Free < s.Capacity/20 && s.Free < s.DiskFree:
		return []Finding{{
			OK: true, Text: fmt.Sprintf("%s of the %s that the node may store are taken", size(s.Stored), size(s.Capacity)),
			Hint: "other nodes take what it refuses; shoal up --capacity allows more",
		}}
	}
	return []Finding{well(fmt.Sprintf("the node may store %s more, of %s", size(s.Free), size(s.Capacity)))}
}

// listenFindings tries to reach the node at its own TCP addresses.
func listenFindings(ctx context.Context, addrs []string) []Finding {
	if len(addrs) == 0 {
		return []Finding{problem("the node listens nowhere, so no peer can reach it", "shoal up --listen HOST:PORT")}
	}
	var findings []Finding
	for _, addr := range addrs {
		hostPort, ok := tcpAddr(addr)
		if !ok {
			continue // QUIC cannot be tried without speaking it
		}
		conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", hostPort)
		if err != nil {
			findings = append(findings, problem(fmt.Sprintf("the node cannot be reached at %s: %v", hostPort, err),
				"a firewall may be in the way, or the address is of a network that is gone"))
			continue
		}
		conn.Close()
		findings = append(findings, well("the node can be reached from this machine at "+hostPort))
	}
	return findings
}

// tcpAddr is the HOST:PORT of a multiaddr such as /ip4/192.0.2.1/tcp/4001/...
func tcpAddr(addr string) (hostPort string, ok bool) {
	parts := strings.Split(addr, "/")
	if len(parts) < 5 || parts[3] != "tcp" || parts[1] != "ip4" && parts[1] != "ip6" {
		return "", false
	}
	return net.JoinHostPort(parts[2], parts[4]), true
}
