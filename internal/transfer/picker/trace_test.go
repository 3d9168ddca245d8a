package picker_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shoal/internal/content"
	"shoal/internal/transfer/picker"
)

// TestTraces runs the scripts in testdata. A line is a command, and the lines
// after it that begin with "> " are what it says, rewritten by -update:
//
//	new CHUNKS [SET]          a transfer of which SET (all) is wanted
//	join PEER SET             SET: all, none, or like 0-3,7
//	have|lost|release PEER CHUNK
//	leave PEER
//	rate PEER BYTES/S
//	pick PEER [TIMES]
//	done|want CHUNK
//	deadlines SET
//	state                     how many chunks remain, and are assigned to each peer
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
	var out bytes.Buffer
	tr := trace{t: t, names: map[string]picker.Peer{}}
	for line := range strings.Lines(script) {
		if strings.HasPrefix(line, "> ") {
			continue
		}
		out.WriteString(line)
		command, _, _ := strings.Cut(line, "#")
		if fields := strings.Fields(command); len(fields) > 0 {
			for _, said := range tr.do(fields[0], append(fields[1:], "", "")) {
				fmt.Fprintf(&out, "> %s\n", said)
			}
		}
	}
	return out.Bytes()
}

// trace is a script being run.
type trace struct {
	t      *testing.T
	picker *picker.Picker
	chunks int
	names  map[string]picker.Peer
	order  []string // of the names, by handle
}

// do runs one command and returns what it says.
func (tr *trace) do(command string, args []string) []string {
	switch command {
	case "new":
		return tr.create(args[0], args[1])
	case "join":
		tr.picker.Join(tr.peer(args[0]), tr.set(args[1]))
	case "leave":
		tr.picker.Leave(tr.peer(args[0]))
	case "have":
		tr.picker.Have(tr.peer(args[0]), tr.number(args[1]))
	case "lost":
		tr.picker.Lost(tr.peer(args[0]), tr.number(args[1]))
	case "rate":
		tr.picker.SetRate(tr.peer(args[0]), float64(tr.number(args[1])))
	case "pick":
		return tr.pick(args[0], args[1])
	case "release":
		tr.picker.Release(tr.peer(args[0]), tr.number(args[1]))
	case "done":
		return tr.done(tr.number(args[0]))
	case "want":
		tr.picker.Want(tr.number(args[0]))
	case "deadlines":
		tr.picker.Deadlines(tr.list(args[0]))
	case "state":
		return tr.state()
	default:
		tr.t.Fatalf("no such command: %s", command)
	}
	return nil
}

func (tr *trace) create(chunks, wanted string) []string {
	tr.chunks = tr.number(chunks)
	if wanted == "" {
		wanted = "all"
	}
	tr.picker = picker.New(picker.Config{Chunks: tr.chunks, Wanted: tr.set(wanted), Seed: 1})
	return nil
}

func (tr *trace) pick(name, times string) []string {
	var said []string
	for range max(1, tr.number("0"+times)) {
		pick, ok := tr.picker.Pick(tr.peer(name))
		switch {
		case !ok:
			return append(said, "nothing")
		case pick.Kind == picker.Steal:
			said = append(said, fmt.Sprintf("%d %v from %s", pick.Chunk, pick.Kind, tr.order[pick.From]))
		default:
			said = append(said, fmt.Sprintf("%d %v", pick.Chunk, pick.Kind))
		}
	}
	return said
}

func (tr *trace) done(chunk int) []string {
	var said []string
	for _, peer := range tr.picker.Done(chunk) {
		said = append(said, "was asked of "+tr.order[peer])
	}
	return said
}

func (tr *trace) state() []string {
	said := []string{fmt.Sprintf("remaining %d", tr.picker.Remaining())}
	for i, name := range tr.order {
		id := picker.Peer(i)
		said = append(said, fmt.Sprintf("%s: assigned %d", name, tr.picker.Assigned(id)))
	}
	return said
}

// peer returns the handle of a name, a new one the first time.
func (tr *trace) peer(name string) picker.Peer {
	if _, ok := tr.names[name]; !ok {
		tr.names[name] = picker.Peer(len(tr.order))
		tr.order = append(tr.order, name)
	}
	return tr.names[name]
}

func (tr *trace) number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		tr.t.Fatalf("not a number: %q", text)
	}
	return n
}

func (tr *trace) set(text string) content.Bitmap {
	set := content.NewBitmap(tr.chunks)
	for _, chunk := range tr.list(text) {
		set.Set(chunk)
	}
	return set
}

func (tr *trace) list(text string) []int {
	switch text {
	case "none":
		return nil
	case "all":
		text = "0-" + strconv.Itoa(tr.chunks-1)
	}
	var list []int
	for part := range strings.SplitSeq(text, ",") {
		first, last, ok := strings.Cut(part, "-")
		if !ok {
			last = first
		}
		for i := tr.number(first); i <= tr.number(last); i++ {
			list = append(list, i)
		}
	}
	return list
}
