package members_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"shoal"
	"shoal/internal/discovery/members"
)

// founder and other are the nodes of docs/spec/members.md.
const (
	founder = shoal.NodeID("12D3KooWEXAMPLEfounder")
	other   = shoal.NodeID("12D3KooWEXAMPLEother")
)

func sampleStatement() *members.Statement {
	s := &members.Statement{Node: members.HandleOf(founder), Incarnation: 300, Seq: 2, Nonce: 0x0102030405060708}
	s.Own = members.Own{Full: true, Free: 1 << 20, Digest: []byte("abc")}
	s.Sig[0], s.Sig[members.SigSize-1] = 0xaa, 0xbb
	return s
}

func sampleClaim() members.Claim {
	c := members.Claim{Node: members.HandleOf(founder), Reporter: members.HandleOf(other), Incarnation: 300, Level: members.Silent}
	c.Sig[0], c.Sig[members.SigSize-1] = 0xcc, 0xdd
	return c
}

func beat() *members.Message {
	return &members.Message{Incarnation: 1, Nonce: 2, Clock: 3, Summary: 4}
}

// vectors are the messages of docs/spec/members.md.
func vectors() string {
	left := &members.Statement{Node: members.HandleOf(other), Incarnation: 1, Left: true}
	var table strings.Builder
	for _, row := range []struct {
		name   string
		change func(*members.Message)
	}{
		{"a beat", func(*members.Message) {}},
		{"asks for an answer and a statement", func(m *members.Message) { m.Flags = members.Answer | members.Want }},
		{"two buckets, compared", func(m *members.Message) { m.Flags, m.Buckets = members.Compared, []uint32{5, 6} }},
		{"a statement", func(m *members.Message) { m.Statements = []*members.Statement{sampleStatement()} }},
		{"a good-bye", func(m *members.Message) { m.Statements = []*members.Statement{left} }},
		{"a claim", func(m *members.Message) { m.Claims = []members.Claim{sampleClaim()} }},
	} {
		m := beat()
		row.change(m)
		fmt.Fprintf(&table, "| %s | `%s` |\n", row.name, hex.EncodeToString(m.Append(nil)))
	}
	fmt.Fprintf(&table, "| handle of `%s` | `%016x` |\n", founder, uint64(members.HandleOf(founder)))
	fmt.Fprintf(&table, "| handle of `%s` | `%016x` |\n", other, uint64(members.HandleOf(other)))
	return table.String()
}

func TestSpecificationHasTheVectors(t *testing.T) {
	page, err := os.ReadFile("../../../docs/spec/members.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := vectors(); !strings.Contains(string(page), want) {
		t.Errorf("docs/spec/members.md does not have the vectors\n%s", want)
	}
}

func TestParseReadsWhatAppendWrote(t *testing.T) {
	m := &members.Message{Flags: members.Want, Incarnation: members.MaxIncarnation, Seq: 1 << 40, Nonce: 1, Clock: 2, Summary: 3}
	m.Buckets = []uint32{7}
	m.Statements = []*members.Statement{sampleStatement(), {Node: 1, Incarnation: 1}}
	m.Claims = []members.Claim{sampleClaim()}
	encoded := m.Append(nil)
	if len(encoded) != m.Size() {
		t.Errorf("Size is %d, Append wrote %d", m.Size(), len(encoded))
	}
	got, err := members.Parse(encoded)
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("Parse gave %+v, %v, want %+v", got, err, m)
	}
}

func TestParseRefuses(t *testing.T) {
	good := beat().Append(nil)
	at := func(i int, b byte) []byte {
		changed := append([]byte(nil), good...)
		changed[i] = b
		return changed
	}
	counts := len(good) - 3
	for name, b := range map[string][]byte{
		"nothing":             nil,
		"another version":     at(0, 2),
		"unknown flag":        at(1, 0x80),
		"too many buckets":    at(counts, members.MaxBuckets+1),
		"too many statements": at(counts+1, members.MaxStatements+1),
		"too many claims":     at(counts+2, members.MaxClaims+1),
		"missing claim":       at(counts+2, 1),
		"more behind":         append(append([]byte(nil), good...), 0),
		"long number":         append(append(append([]byte(nil), good[:2]...), 0x81, 0x00), good[3:]...),
		"too long":            make([]byte, members.MaxMessage+1),
		"incarnation":         (&members.Message{Incarnation: members.MaxIncarnation + 1}).Append(nil),
		"no incarnation":      (&members.Message{Statements: []*members.Statement{{}}}).Append(nil),
		"no level":            (&members.Message{Claims: []members.Claim{{}}}).Append(nil),
		"unknown level":       (&members.Message{Claims: []members.Claim{{Level: members.Gone + 1}}}).Append(nil),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := members.Parse(b); !errors.Is(err, members.ErrMalformed) {
				t.Errorf("Parse gave %v, want ErrMalformed", err)
			}
		})
	}
}

// FuzzParse: what is accepted is within the bounds, and comes out the same
// when it is written again.
func FuzzParse(f *testing.F) {
	f.Add(beat().Append(nil))
	f.Add((&members.Message{Flags: members.Compared, Buckets: []uint32{1}, Statements: []*members.Statement{sampleStatement()}, Claims: []members.Claim{sampleClaim()}}).Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := members.Parse(data)
		if err != nil {
			return
		}
		if again := m.Append(nil); string(again) != string(data) || m.Size() != len(data) {
			t.Fatalf("%x came out as %x, of size %d", data, again, m.Size())
		}
	})
}
