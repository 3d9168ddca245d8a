package cli

import (
	"net"
	"slices"
	"strings"
)

// door is where a node listens.
type door struct {
	at        string // HOST:PORT
	loopback  bool
	protocols []string
}

// doors is where a node listens, as a person says it: HOST:PORT and the protocols
// spoken there, without this machine's own addresses if there are others. What is
// no such address is left as it is.
func doors(addrs []string) []string {
	var found []door
	outside := false
	for _, addr := range addrs {
		d := doorOf(addr)
		outside = outside || !d.loopback
		i := slices.IndexFunc(found, func(other door) bool { return other.at == d.at })
		if i < 0 {
			found = append(found, d)
		} else {
			found[i].protocols = append(found[i].protocols, d.protocols...)
		}
	}
	var texts []string
	for _, d := range found {
		if !d.loopback || !outside {
			texts = append(texts, strings.TrimSpace(d.at+"  "+strings.Join(d.protocols, " and ")))
		}
	}
	return texts
}

func doorOf(addr string) door {
	parts := strings.Split(addr, "/")
	if len(parts) < 5 || parts[0] != "" {
		return door{at: addr}
	}
	d := door{at: net.JoinHostPort(parts[2], parts[4])}
	switch ip := net.ParseIP(parts[2]); {
	case ip != nil && ip.IsLoopback():
		d.loopback = true
	case ip == nil && !strings.HasPrefix(parts[1], "dns"):
		return door{at: addr}
	}
	switch parts[3] {
	case "tcp":
		d.protocols = []string{"TCP"}
	case "udp":
		d.protocols = []string{"QUIC"}
	default:
		return door{at: addr}
	}
	return d
}
