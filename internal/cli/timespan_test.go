package cli

import (
	"errors"
	"strings"
	"testing"
	"time"

	"shoal"
)

func TestParseSpan(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "0d": 0, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "7d": 7 * day, "1d12h": 36 * time.Hour, "65535d": 65535 * day,
	} {
		if got, err := parseSpan(text); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "7", "-1h", "+1h", "-7d", "1d-1h", "1d+1h", "1.5d", "7D", "1dd", "1h1d", "65536d", "65535d9999999h", "9999999999h", "never"} {
		if got, err := parseSpan(text); !errors.Is(err, shoal.Usage) {
			t.Errorf("%q is %v, %v; want an error of usage", text, got, err)
		}
	}
}

// Every flag and argument that is a length of time takes days, and none that is
// nonsense; none at all is never taken for the usual.
func TestSpansOfTime(t *testing.T) {
	s := newShell(t).withNode()
	for _, line := range []string{
		"invite --expires 7d", "invite --expires 1d12h", "nodes maintenance SELF 1d", "nodes maintenance SELF 0", "find x --since 7d", "ls",
	} {
		nodes, err := s.fake.Nodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.run(strings.Fields(strings.Replace(line, "SELF", nodes[0].Name, 1))...).want(t, 0)
	}
	for _, line := range []string{
		"invite --uses 0", "invite --uses -1", "invite --expires 0s", "invite --expires 0", "invite --expires -1h", "invite --expires 1ms", "invite --expires soon",
		"nodes maintenance me -- -5m", "nodes maintenance me x", "find x --since -7d", "get x --timeout -1s", "get x --timeout 3",
		"up --down-after 0", "up --down-after -1s", "up --repair-delay -1s", "up --trash 0", "up --trash -7d", "up --scrub 0", "up --scrub -1d",
	} {
		if a := s.run(strings.Fields(line)...).want(t, 2); a.stdout != "" || !strings.HasPrefix(a.stderr, "shoal: ") {
			t.Errorf("%s: stdout %q, stderr %q", line, a.stdout, a.stderr)
		}
	}
}
