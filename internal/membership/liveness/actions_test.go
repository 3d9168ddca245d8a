package liveness_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"shoal"
	"shoal/internal/membership/liveness"
)

// TestTraces runs the scripts in testdata. A line is a command to the detector of
// node a, and the lines after it that begin with "> " are its actions, rewritten
// by -update. A time is told when it has passed; messages of one content are told
// together, and "beat" is a message of no content. A version is INCARNATION.NUMBER.
//
//	new N [mesh M] [watchers W]     a shoal of the nodes a, b, c, ...
//	roster NODE...                  other nodes are on the roster now
//	play NODE...                    connects peers that say that they are 1.0
//	known NODE                      the node tells 1.0 of all, as if compared
//	connected|moved NODE
//	lost NODE [reset]
//	dialled NODE reached|refused|unknown
//	say full|free
//	leave
//	hear NODE [PART...]             a message; its parts are:
//	    version 2.0  nonce 7        of the sender, else what was last said or 1.0, and 200
//	    same                        its summary is a's
//	    answer want compared        flags
//	    said NODE 2.0 [left|full]   a statement
//	    claim NODE by NODE LEVEL [INCARNATION]
//	    forged                      the last statement or claim has a wrong signature
//	    buckets N|same              N buckets of a node that knows nothing; or a's own
//	    lacking NODE                nothing is known of that node's bucket
//	pass DURATION [NODE...]         time, in which the nodes send a beat each second
//	stall DURATION                  time without ticks
//	state                           of all nodes
func TestTraces(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runTrace(t, string(want))
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s (-want +got), -update to accept:\n%s", file, diff)
			}
		})
	}
}

var update = flag.Bool("update", false, "rewrite what the scripts say")

func runTrace(t *testing.T, script string) []byte {
	tr := trace{t: t}
	for line := range strings.Lines(script) {
		if strings.HasPrefix(line, "> ") {
			continue
		}
		tr.out.WriteString(line)
		command, _, _ := strings.Cut(line, "#")
		if fields := strings.Fields(command); len(fields) > 0 {
			tr.do(fields[0], fields[1:])
		}
	}
	return tr.out.Bytes()
}

// trace is a script being run.
type trace struct {
	t       *testing.T
	out     bytes.Buffer
	d       *liveness.Detector
	now     time.Duration
	nodes   []shoal.NodeID
	quiet   bool // what play brings is not told
	version map[shoal.NodeID][2]uint64
	summary uint32   // in a's last message
	buckets []uint32 // the last that a sent
}

func (tr *trace) do(command string, args []string) {
	switch command {
	case "new":
		tr.create(args)
	case "roster":
		tr.step(liveness.NewRoster(ids(args)))
	case "play":
		tr.play(args)
	case "known":
		tr.known(shoal.NodeID(args[0]))
	case "connected":
		tr.step(liveness.Connected{Peer: shoal.NodeID(args[0])})
	case "moved":
		tr.step(liveness.Moved{Peer: shoal.NodeID(args[0])})
	case "lost":
		tr.step(liveness.Lost{Peer: shoal.NodeID(args[0]), Cause: liveness.Cause(len(args) - 1)})
	case "dialled":
		outcome := slices.Index([]string{"unknown", "reached", "refused"}, args[1])
		tr.step(liveness.Dialled{Peer: shoal.NodeID(args[0]), Outcome: liveness.Outcome(outcome)})
	case "say":
		tr.step(liveness.Say{Own: liveness.Own{Full: args[0] == "full"}})
	case "leave":
		tr.step(liveness.Leave{})
	case "hear":
		tr.hear(shoal.NodeID(args[0]), args[1:])
	case "pass":
		tr.pass(tr.duration(args[0]), args[1:])
	case "stall":
		tr.now += tr.duration(args[0])
	case "state":
		tr.state()
	default:
		tr.t.Fatalf("no such command: %s", command)
	}
}

func ids(names []string) []shoal.NodeID {
	var all []shoal.NodeID
	for _, name := range names {
		all = append(all, shoal.NodeID(name))
	}
	return all
}

func (tr *trace) create(args []string) {
	cfg := liveness.Config{Self: "a", Keys: stampKeys{"a"}, Incarnation: 1, Nonce: 100}
	for i := 1; i < len(args); i += 2 {
		*map[string]*int{"mesh": &cfg.FullMesh, "watchers": &cfg.Watchers}[args[i]] = tr.number(args[i+1])
	}
	d, err := liveness.New(cfg)
	if err != nil {
		tr.t.Fatal(err)
	}
	all := names(tr.number(args[0]))
	tr.d, tr.now, tr.nodes, tr.version = d, 0, all, map[shoal.NodeID][2]uint64{}
	tr.step(liveness.NewRoster(all))
}

func (tr *trace) play(nodes []string) {
	tr.quiet = true
	for _, node := range nodes {
		tr.step(liveness.Connected{Peer: shoal.NodeID(node)})
		tr.hear(shoal.NodeID(node), []string{"said", node, "1.0"})
	}
	tr.quiet = false
}

// known has a peer tell what all nodes but a say of themselves.
func (tr *trace) known(from shoal.NodeID) {
	tr.quiet = true
	for _, node := range tr.nodes[1:] {
		tr.hear(from, []string{"same", "compared", "said", string(node), "1.0"})
	}
	tr.quiet = false
}

// pass lets time pass in ticks.
func (tr *trace) pass(d time.Duration, speaking []string) {
	for until := tr.now + d; tr.now < until; {
		tr.now += liveness.DefaultInterval / 5
		if tr.now%liveness.DefaultInterval == 0 {
			for _, node := range speaking {
				tr.hear(shoal.NodeID(node), []string{"same"})
			}
		}
		tr.step(liveness.Tick{})
	}
}

func (tr *trace) state() {
	var order []string
	nodes := map[string][]string{}
	for _, m := range tr.d.Members() {
		if nodes[described(m)] == nil {
			order = append(order, described(m))
		}
		nodes[described(m)] = append(nodes[described(m)], string(m.Node))
	}
	for _, state := range order {
		fmt.Fprintf(&tr.out, "> %s: %s\n", state, strings.Join(nodes[state], " "))
	}
}

// described is a member in words, but for its name.
func described(m liveness.Member) string {
	text := fmt.Sprintf("%v since %v", m.State, m.Since)
	if m.Left {
		text += ", left"
	}
	if m.Own.Full {
		text += ", full"
	}
	return text
}

// step hands the detector an event and tells what it does: actions that are the same
// but for their nodes together.
func (tr *trace) step(e liveness.Event) {
	var order []string
	nodes := map[string][]string{}
	for _, action := range tr.d.Step(tr.now, e) {
		form, node := tr.told(action)
		if nodes[form] == nil {
			order = append(order, form)
		}
		nodes[form] = append(nodes[form], string(node))
	}
	for _, form := range order {
		if !tr.quiet {
			fmt.Fprintf(&tr.out, "> %v %s\n", tr.now, fmt.Sprintf(form, strings.Join(nodes[form], " ")))
		}
	}
}

// told is an action in words, with %s for its node.
func (tr *trace) told(action liveness.Action) (form string, node shoal.NodeID) {
	switch a := action.(type) {
	case liveness.Send:
		return "to %s: " + tr.content(a.Message), a.To
	case liveness.Dial:
		return "dial %s", a.To
	case liveness.Changed:
		return "%s is " + described(a.Member), a.Member.Node
	case liveness.Told:
		return "told: %s is " + described(a.Member), a.Member.Node
	case liveness.Cloned:
		return fmt.Sprintf("%%s is cloned, nonce %d", a.Nonce), a.Node
	}
	tr.t.Fatalf("no such action: %v", action)
	return "", ""
}

// content is what a message has beside its beat.
func (tr *trace) content(m *liveness.Message) string {
	tr.summary = m.Summary
	if m.Size() > liveness.MaxMessage {
		tr.t.Errorf("a message of %d bytes", m.Size())
	}
	var parts []string
	for i, flag := range []string{"answer", "want", "compared"} {
		if m.Flags>>i&1 != 0 {
			parts = append(parts, flag)
		}
	}
	for _, s := range m.Statements {
		text := fmt.Sprintf("said %s %d.%d", nameOf(s.Node), s.Incarnation, s.Seq)
		if s.Left {
			text += " left"
		}
		if s.Own.Full {
			text += " full"
		}
		parts = append(parts, text)
	}
	for _, c := range m.Claims {
		parts = append(parts, fmt.Sprintf("claim %s by %s %s %d", nameOf(c.Node), nameOf(c.Reporter), levels[c.Level], c.Incarnation))
	}
	if len(m.Buckets) > 0 {
		tr.buckets = m.Buckets
		tr.checkBuckets(m)
		parts = append(parts, fmt.Sprintf("buckets %d", len(m.Buckets)))
	}
	if len(parts) == 0 {
		return "beat"
	}
	return strings.Join(parts, ", ")
}

// checkBuckets holds buckets to the summary, of which they are the parts.
func (tr *trace) checkBuckets(m *liveness.Message) {
	var all uint32
	for _, bucket := range m.Buckets {
		all ^= bucket
	}
	if all != m.Summary {
		tr.t.Errorf("the summary is %x, that of all buckets %x", m.Summary, all)
	}
}

var levels = []string{liveness.Doubted: "doubted", liveness.Silent: "silent", liveness.Gone: "gone"}

// nodeAt is the name of a node of a script's shoal: a to z, then aa, ab, ...
func nodeAt(i int) shoal.NodeID {
	if i < 26 {
		return shoal.NodeID(rune('a' + i))
	}
	return nodeAt(i/26-1) + nodeAt(i%26)
}

// names are those of the first n nodes.
func names(n int) []shoal.NodeID {
	var all []shoal.NodeID
	for i := range n {
		all = append(all, nodeAt(i))
	}
	return all
}

// nameOf is the name of a node of a script. Node 0 comes before a.
func nameOf(h liveness.Handle) shoal.NodeID {
	if h == liveness.HandleOf("0") {
		return "0"
	}
	for i := range 26 * 27 {
		if id := nodeAt(i); liveness.HandleOf(id) == h {
			return id
		}
	}
	return "?"
}

// hear hands the detector a message of these parts.
func (tr *trace) hear(from shoal.NodeID, parts []string) {
	m := &liveness.Message{Nonce: 200, Summary: 1}
	next := func() string {
		part := parts[0]
		parts = parts[1:]
		return part
	}
	var version *[2]uint64
	for len(parts) > 0 {
		switch part := next(); part {
		case "version":
			v := tr.parseVersion(next())
			version = &v
		case "nonce":
			m.Nonce = uint64(tr.number(next()))
		case "same":
			m.Summary = tr.ownSummary()
		case "answer", "want", "compared":
			m.Flags |= 1 << slices.Index([]string{"answer", "want", "compared"}, part)
		case "said":
			m.Statements = append(m.Statements, tr.statement(shoal.NodeID(next()), next(), m.Nonce))
		case "left", "full":
			s := m.Statements[len(m.Statements)-1]
			s.Left, s.Own.Full = part == "left", part == "full"
			s.Sig = stampKeys{nameOf(s.Node)}.Sign(statementText(nameOf(s.Node), s))
		case "claim":
			c := liveness.Claim{Node: liveness.HandleOf(shoal.NodeID(next())), Incarnation: 1}
			next() // by
			c.Reporter = liveness.HandleOf(shoal.NodeID(next()))
			c.Level = liveness.Level(slices.Index(levels, next()))
			if len(parts) > 0 && parts[0][0] >= '0' && parts[0][0] <= '9' {
				c.Incarnation = uint64(tr.number(next()))
			}
			c.Sig = stampKeys{nameOf(c.Reporter)}.Sign(claimText(nameOf(c.Node), nameOf(c.Reporter), &c))
			m.Claims = append(m.Claims, c)
		case "forged":
			if n := len(m.Claims); n > 0 {
				m.Claims[n-1].Sig[0] ^= 1
			} else {
				m.Statements[len(m.Statements)-1].Sig[0] ^= 1
			}
		case "buckets":
			if count := next(); count == "same" {
				m.Buckets = slices.Clone(tr.buckets)
			} else {
				m.Buckets = make([]uint32, tr.number(count))
			}
		case "lacking":
			m.Buckets[uint64(liveness.HandleOf(shoal.NodeID(next())))%uint64(len(m.Buckets))] = 0
		default:
			tr.t.Fatalf("no such part: %s", part)
		}
	}
	if version == nil {
		v := tr.version[from]
		version = &v
	}
	m.Incarnation, m.Seq = max(1, version[0]), version[1]
	tr.step(liveness.Heard{From: from, Message: m})
}

// ownSummary is the summary of a's table: that of a message it sends when asked.
func (tr *trace) ownSummary() uint32 { return tr.summary }

// statement is signed by its node, which from then on is of this version.
func (tr *trace) statement(node shoal.NodeID, version string, nonce uint64) *liveness.Statement {
	v := tr.parseVersion(version)
	if node != "a" {
		tr.version[node] = v
	}
	s := &liveness.Statement{Node: liveness.HandleOf(node), Incarnation: v[0], Seq: v[1], Nonce: nonce}
	s.Sig = stampKeys{node}.Sign(statementText(node, s))
	return s
}

// statementText is what docs/spec/members.md says is signed of a statement.
func statementText(node shoal.NodeID, s *liveness.Statement) []byte {
	b := fmt.Appendf(nil, "shoal members statement 1\x00%s\x00", node)
	b = binary.AppendUvarint(binary.AppendUvarint(b, s.Incarnation), s.Seq)
	b = binary.BigEndian.AppendUint64(b, s.Nonce)
	var bits byte
	if s.Left {
		bits |= 1
	}
	if s.Own.Full {
		bits |= 2
	}
	b = binary.AppendUvarint(append(b, bits), s.Own.Free)
	return append(append(b, byte(len(s.Own.Digest))), s.Own.Digest...)
}

func (tr *trace) parseVersion(text string) [2]uint64 {
	incarnation, seq, _ := strings.Cut(text, ".")
	return [2]uint64{uint64(tr.number(incarnation)), uint64(tr.number(seq))}
}

func (tr *trace) number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		tr.t.Fatalf("not a number: %q", text)
	}
	return n
}

func (tr *trace) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		tr.t.Fatal(err)
	}
	return d
}

// The summary of a table is the same everywhere: of each node of which something is
// known the SplitMix64 finalizer of its handle, incarnation, number and accusers.
func TestSummary(t *testing.T) {
	tr := trace{t: t}
	for command := range strings.Lines(`
		new 6
		play b c
		hear b said c 3.7
		hear b said e 2.0
		hear b claim b by c silent
		hear b claim c by b gone 3 claim c by d gone 3 claim c by e gone 3
		hear b claim d by b doubted 0
		hear b claim e by b doubted 2
		pass 2s b c`) {
		if fields := strings.Fields(command); len(fields) > 0 {
			tr.do(fields[0], fields[1:])
		}
	}
	want := summaryOf("a", 1, 0, 0) ^ summaryOf("b", 1, 0, 1) ^ summaryOf("c", 3, 7, 2) ^ summaryOf("d", 0, -1, 0) ^ summaryOf("e", 2, 0, 0)
	if tr.summary != want {
		t.Errorf("the summary is %x, want %x", tr.summary, want)
	}
}

// summaryOf is a node's part of a summary; without a statement its number is -1.
func summaryOf(node shoal.NodeID, incarnation uint64, seq int, accusers uint64) uint32 {
	mix := func(x uint64) uint64 {
		x += 0x9e3779b97f4a7c15
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		return x ^ x>>31
	}
	return uint32(mix(mix(mix(uint64(liveness.HandleOf(node))+incarnation)+uint64(seq+1)) + accusers))
}
