// Package safety says in one sentence whether all files have their copies. It
// puts together what each node says of itself, and never says safe unless all
// who count have said so, of the same nodes and the same files.
//
// It is pure.
package safety

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"shoal"
	"shoal/internal/redundancy/placement"
)

// Account is what a node says of itself to all, in the failure detector's
// beats.
type Account struct {
	Map   [placement.DigestSize]byte // of the nodes that count for it
	Log   [8]byte                    // the beginning of the digest of its journal's vector
	Done  bool                       // it has looked at all files since either changed
	Files uint32                     // of which it lacks chunks that it should hold, and has no proof that others have them in its place
	Bytes uint64                     // of those chunks

	Refused uint32 // files of which it has no room for all chunks it should hold
	Stuck   uint32 // files of which nobody it could ask has what it lacks
}

// accountSize is the length of an account's bytes; version is their first.
const (
	version     = 2
	accountSize = 1 + placement.DigestSize + 8 + 1 + 4 + 8 + 4 + 4
)

// Encode is the account as it travels.
func (a Account) Encode() []byte {
	data := append([]byte{version}, a.Map[:]...)
	data = append(data, a.Log[:]...)
	done := byte(0)
	if a.Done {
		done = 1
	}
	data = binary.BigEndian.AppendUint32(append(data, done), a.Files)
	data = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(data, a.Bytes), a.Refused)
	return binary.BigEndian.AppendUint32(data, a.Stuck)
}

// Parse reads an account; false if it is none. Bytes after it are of a later
// version.
func Parse(data []byte) (Account, bool) {
	if len(data) < accountSize || data[0] != version || data[17] > 1 {
		return Account{}, false
	}
	a := Account{Map: [8]byte(data[1:9]), Log: [8]byte(data[9:17]), Done: data[17] == 1}
	a.Files, a.Bytes, a.Refused = binary.BigEndian.Uint32(data[18:]), binary.BigEndian.Uint64(data[22:]), binary.BigEndian.Uint32(data[30:])
	a.Stuck = binary.BigEndian.Uint32(data[34:])
	return a, true
}

// Node is one that counts, as this node knows it.
type Node struct {
	Name    string
	Up      bool
	Known   bool // it has given an account
	Account Account
}

// Shoal is what this node knows of all.
type Shoal struct {
	Own    Account
	Keeps  bool     // this node is one of those that count: it keeps chunks for others
	Others []Node   // that count, but for this one
	Away   []string // names of nodes that count, or did lately, and do not answer
	Braked bool
	Out    string        // why this node is not in the shoal; empty if it is
	Lost   bool          // this node's journal is lost, and nobody has told it yet what was in it
	Moved  bool          // this node's folder was copied, restored or mended, and too few have told it yet what they heard from it
	Asleep bool          // this node has stood still until a moment ago, and what it knows is old
	Wanted map[int]int   // of how many files each number of copies is wanted
	Rate   float64       // bytes a second that were copied lately; 0 if not known
	Delay  time.Duration // until the first of those away is given up; 0 if not known
}

// State is how the files are.
type State string

// The states.
const (
	Empty  State = "empty"
	Safe   State = "safe"
	Few    State = "too few nodes"
	Copies State = "copying"
	AtRisk State = "at risk"
	Unsure State = "not known"
)

// Verdict is the state, and a sentence for the person who owns the files.
type Verdict struct {
	State   State
	Text    string
	Settled bool // all have what they should: nothing changes unless nodes or files do
}

// Judge says how the files are.
func Judge(s Shoal) Verdict {
	v := Verdict{Settled: s.settled()}
	v.State, v.Text = judge(s)
	return v
}

// settled reports whether all who count have said, of the same nodes and the same
// files, that they have what they should.
func (s Shoal) settled() bool {
	lacking, _ := lacking(s)
	return s.Out == "" && !s.Lost && !s.Moved && !s.Braked && !s.Asleep && len(s.Away) == 0 && lacking == 0 && len(unsure(s)) == 0
}

func judge(s Shoal) (state State, text string) {
	nodes := len(s.Others)
	if s.Keeps {
		nodes++
	}
	all, most, beyond := s.files(nodes)
	files := count(all, "file")
	switch {
	case s.Lost:
		return Unsure, "This node has lost what it knew of the shoal, and waits for another to tell it."
	case s.Out != "":
		return Unsure, fmt.Sprintf("What becomes of the files is not known here: %s.", s.Out)
	case s.Moved:
		return Unsure, "This node's folder was copied, restored or mended: it waits until more of the others have told what they heard from it."
	case all == 0:
		return Empty, "There are no files yet."
	case s.Braked:
		return AtRisk, fmt.Sprintf("Fewer than half of the nodes answer: nothing is copied until more are back. Away: %s.", list(s.Away))
	case len(s.Away) > 0:
		return AtRisk, fmt.Sprintf("%s may have fewer copies than wanted: %s.%s", capital(files), away(s.Away), givenUp(s, nodes))
	case nodes == 0:
		return AtRisk, fmt.Sprintf("No node keeps copies: %s nowhere to be. Add a node, or make one active again.", have(all))
	}
	lacking, bytes := lacking(s)
	if full := full(s); lacking > 0 && len(full) > 0 {
		return AtRisk, fmt.Sprintf("%s copies (%s): there is no room for them on %s. Add a node, or make room.", lack(int(lacking)), shoal.FormatSize(int64(bytes)), list(full))
	}
	if lacking > 0 && stuck(s) > 0 {
		return AtRisk, fmt.Sprintf("%s copies (%s), and of %s no node that is up has what is missing. Start the nodes that are down, or add the files again.",
			lack(int(lacking)), shoal.FormatSize(int64(bytes)), count(int(stuck(s)), "file"))
	}
	if lacking > 0 {
		return Copies, fmt.Sprintf("Copying: %s to go (%s).%s", shoal.FormatSize(int64(bytes)), count(int(lacking), "file"), eta(bytes, s.Rate))
	}
	if beyond == all && nodes == 1 {
		return Few, fmt.Sprintf("Add a node: with one node %s 1 of %d copies.", has(all), most)
	}
	if beyond == all {
		return Few, fmt.Sprintf("Add a node: with %d nodes no file can have the %d copies that are wanted.", nodes, most)
	}
	if s.Asleep {
		return Unsure, "Looking: this node has stood still, and does not know yet how the others are."
	}
	if silent := unsure(s); len(silent) > 0 {
		text = "Looking: %s has not yet said that it has all it should."
		if len(silent) > 1 {
			text = "Looking: %s have not yet said that they have all they should."
		}
		return Unsure, fmt.Sprintf(text, list(silent))
	}
	if beyond > 0 {
		return Few, fmt.Sprintf("Add a node: of %s more copies are wanted (up to %d) than there are nodes (%d). All others have theirs.", count(beyond, "file"), most, nodes)
	}
	if most < 2 {
		return Safe, fmt.Sprintf("%s %s, in one copy as wanted.", capital(files), are(all))
	}
	return Safe, fmt.Sprintf("%s safe: every chunk has the copies that are wanted, each on a node of its own.", capital(allAre(all)))
}

// files is how many files there are, the most copies that are wanted of one, and of
// how many files more are wanted than there are nodes.
func (s Shoal) files(nodes int) (all, most, beyond int) {
	for copies, files := range s.Wanted {
		all, most = all+files, max(most, copies)
		if copies > nodes {
			beyond += files
		}
	}
	return all, most, beyond
}

// lacking sums up what nodes lack by their own account.
func lacking(s Shoal) (files uint32, bytes uint64) {
	files, bytes = s.Own.Files, s.Own.Bytes
	for _, n := range s.Others {
		if n.Known {
			files, bytes = max(files, n.Account.Files), bytes+n.Account.Bytes
		}
	}
	return files, bytes
}

// full is the nodes that have no room for all they should hold.
func full(s Shoal) (names []string) {
	if s.Own.Refused > 0 {
		names = append(names, "this node")
	}
	for _, n := range s.Others {
		if n.Known && n.Account.Refused > 0 {
			names = append(names, n.Name)
		}
	}
	slices.Sort(names)
	return names
}

// stuck is of how many files nobody has what some node lacks.
func stuck(s Shoal) uint32 {
	most := s.Own.Stuck
	for _, n := range s.Others {
		if n.Known {
			most = max(most, n.Account.Stuck)
		}
	}
	return most
}

// unsure is the nodes whose account does not prove anything: none has come, or it
// is of other nodes or other files than this node's, or not finished.
func unsure(s Shoal) []string {
	var names []string
	if !s.Own.Done {
		names = append(names, "this node")
	}
	for _, n := range s.Others {
		if !n.Up || !n.Known || !n.Account.Done || n.Account.Map != s.Own.Map || n.Account.Log != s.Own.Log {
			names = append(names, n.Name)
		}
	}
	slices.Sort(names)
	return names
}

func away(names []string) string {
	if len(names) == 1 {
		return names[0] + " is away"
	}
	return list(names) + " are away"
}

// givenUp says what becomes of the copies of those that are away. There are so many
// nodes with them.
func givenUp(s Shoal, nodes int) string {
	staying := 0
	if s.Keeps {
		staying++
	}
	for _, n := range s.Others {
		if n.Up {
			staying++
		}
	}
	all, _, never := s.files(nodes)
	_, _, beyond := s.files(staying)
	switch tooFew := beyond - never; {
	case all == never:
		return " There are too few nodes anyway: add one."
	case tooFew == all-never:
		return " There are too few others to take over: start what is away, or add a node."
	case s.Delay > 0 && tooFew > 0:
		return fmt.Sprintf(" If that lasts, others take over in %s, but for %s of which there are too few: start what is away, or add a node.",
			s.Delay.Round(time.Second), count(tooFew, "file"))
	case s.Delay > 0:
		return fmt.Sprintf(" If that lasts, others take over in %s.", s.Delay.Round(time.Second))
	}
	return ""
}

func eta(bytes uint64, rate float64) string {
	if rate <= 0 {
		return ""
	}
	return fmt.Sprintf(" Done in about %s.", (time.Duration(float64(bytes)/rate*float64(time.Second)) + time.Second).Round(time.Second))
}

// list is names as a sentence has them.
func list(names []string) string {
	const most = 3
	switch n := len(names); {
	case n == 0:
		return "nobody"
	case n == 1:
		return names[0]
	case n > most:
		return fmt.Sprintf("%s and %d others", strings.Join(names[:most-1], ", "), n-most+1)
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func allAre(n int) string {
	if n == 1 {
		return "the file is"
	}
	return fmt.Sprintf("all %d files are", n)
}

func lack(n int) string {
	if n == 1 {
		return "1 file lacks"
	}
	return count(n, "file") + " lack"
}

func are(n int) string {
	if n == 1 {
		return "is there"
	}
	return "are there"
}

func have(n int) string {
	if n == 1 {
		return "the file has"
	}
	return fmt.Sprintf("the %d files have", n)
}

func has(n int) string {
	if n == 1 {
		return "the file has"
	}
	return "each file has"
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
