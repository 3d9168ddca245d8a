package liveness_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"shoal"
	"shoal/internal/membership/liveness"
)

// founder and other are the nodes of docs/spec/members.md.
const (
	founder = shoal.NodeID("12D3KooWEXAMPLEfounder")
	other   = shoal.NodeID("12D3KooWEXAMPLEother")
)

func sampleStatement() *liveness.Statement {
	s := &liveness.Statement{Node: liveness.HandleOf(founder), Incarnation: 300, Seq: 2, Nonce: 0x0102030405060708}
	s.Own = liveness.Own{Full: true, Free: 1 << 20, Digest: []byte("abc")}
	s.Sig[0], s.Sig[liveness.SigSize-1] = 0xaa, 0xbb
	return s
}

func sampleClaim() liveness.Claim {
	c := liveness.Claim{Node: liveness.HandleOf(founder), Reporter: liveness.HandleOf(other), Incarnation: 300, Level: liveness.Silent}
	c.Sig[0], c.Sig[liveness.SigSize-1] = 0xcc, 0xdd
	return c
}

func beat() *liveness.Message {
	return &liveness.Message{Incarnation: 1, Nonce: 2, Clock: 3, Summary: 4}
}

// vectors are the messages of docs/spec/members.md.
func vectors() string {
	left := &liveness.Statement{Node: liveness.HandleOf(other), Incarnation: 1, Left: true}
	var table strings.Builder
	for _, row := range []struct {
		name   string
		change func(*liveness.Message)
	}{
		{"a beat", func(*liveness.Message) {}},
		{"asks for an answer and a statement", func(m *liveness.Message) { m.Flags = liveness.Answer | liveness.Want }},
		{"two buckets, compared", func(m *liveness.Message) { m.Flags, m.Buckets = liveness.Compared, []uint32{5, 6} }},
		{"a statement", func(m *liveness.Message) { m.Statements = []*liveness.Statement{sampleStatement()} }},
		{"a good-bye", func(m *liveness.Message) { m.Statements = []*liveness.Statement{left} }},
		{"a claim", func(m *liveness.Message) { m.Claims = []liveness.Claim{sampleClaim()} }},
	} {
		m := beat()
		row.change(m)
		fmt.Fprintf(&table, "| %s | `%s` |\n", row.name, hex.EncodeToString(m.Append(nil)))
	}
	fmt.Fprintf(&table, "| handle of `%s` | `%016x` |\n", founder, uint64(liveness.HandleOf(founder)))
	fmt.Fprintf(&table, "| handle of `%s` | `%016x` |\n", other, uint64(liveness.HandleOf(other)))
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
	m := &liveness.Message{Flags: liveness.Want, Incarnation: liveness.MaxIncarnation, Seq: 1 << 40, Nonce: 1, Clock: 2, Summary: 3}
	m.Buckets = []uint32{7}
	m.Statements = []*liveness.Statement{sampleStatement(), {Node: 1, Incarnation: 1}}
	m.Claims = []liveness.Claim{sampleClaim()}
	encoded := m.Append(nil)
	if len(encoded) != m.Size() {
		t.Errorf("Size is %d, Append wrote %d", m.Size(), len(encoded))
	}
	got, err := liveness.Parse(encoded)
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("Parse gave %+v, %v, want %+v", got, err, m)
	}
}

// Messages are filled by their Size, so it must be right wherever a number needs a
// byte more.
func TestSizeIsWhatAppendWrites(t *testing.T) {
	for bits := range 54 {
		for _, n := range []uint64{1<<bits - 1, 1 << bits} {
			s := &liveness.Statement{Node: 1, Incarnation: max(1, n), Seq: n, Own: liveness.Own{Free: n, Digest: make([]byte, bits)}}
			m := &liveness.Message{Incarnation: n, Seq: n, Buckets: make([]uint32, bits), Statements: []*liveness.Statement{s}}
			m.Claims = []liveness.Claim{{Incarnation: n, Level: liveness.Doubted}}
			encoded := m.Append(nil)
			if len(encoded) != m.Size() {
				t.Errorf("with %d: Size is %d, Append wrote %d", n, m.Size(), len(encoded))
			}
			if _, err := liveness.Parse(encoded); err != nil && len(encoded) <= liveness.MaxMessage {
				t.Errorf("with %d: %v", n, err)
			}
		}
	}
}

// A message at its bounds is read; one that is cut anywhere is refused.
func TestParseReadsAllOrNothing(t *testing.T) {
	for name, m := range map[string]*liveness.Message{
		"buckets":    {Incarnation: liveness.MaxIncarnation, Buckets: make([]uint32, liveness.MaxBuckets)},
		"statements": {Statements: slices.Repeat([]*liveness.Statement{{Incarnation: 1}}, 14)},
		"a digest":   {Statements: []*liveness.Statement{{Incarnation: liveness.MaxIncarnation, Own: liveness.Own{Digest: make([]byte, liveness.MaxDigest)}}}},
		"claims":     {Claims: slices.Repeat([]liveness.Claim{{Level: liveness.Gone}}, 15)},
	} {
		encoded := m.Append(nil)
		if _, err := liveness.Parse(encoded); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for cut := range encoded {
			if _, err := liveness.Parse(encoded[:cut]); !errors.Is(err, liveness.ErrMalformed) {
				t.Errorf("%s, cut to %d bytes: %v, want ErrMalformed", name, cut, err)
			}
		}
	}
	for extra := range 2 {
		long := make([]byte, liveness.MaxMessage+extra)
		if _, err := liveness.Parse(long); strings.Contains(err.Error(), "are the most") != (extra > 0) {
			t.Errorf("%d bytes: %v", len(long), err)
		}
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
		"too many buckets":    at(counts, liveness.MaxBuckets+1),
		"too many statements": at(counts+1, liveness.MaxStatements+1),
		"too many claims":     at(counts+2, liveness.MaxClaims+1),
		"missing claim":       at(counts+2, 1),
		"more behind":         append(append([]byte(nil), good...), 0),
		"long number":         append(append(append([]byte(nil), good[:2]...), 0x81, 0x00), good[3:]...),
		"too long":            make([]byte, liveness.MaxMessage+1),
		"incarnation":         (&liveness.Message{Incarnation: liveness.MaxIncarnation + 1}).Append(nil),
		"no incarnation":      (&liveness.Message{Statements: []*liveness.Statement{{}}}).Append(nil),
		"no level":            (&liveness.Message{Claims: []liveness.Claim{{}}}).Append(nil),
		"unknown level":       (&liveness.Message{Claims: []liveness.Claim{{Level: liveness.Gone + 1}}}).Append(nil),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := liveness.Parse(b); !errors.Is(err, liveness.ErrMalformed) {
				t.Errorf("Parse gave %v, want ErrMalformed", err)
			}
		})
	}
}

// FuzzParse: what is accepted is within the bounds, and comes out the same
// when it is written again.
func FuzzParse(f *testing.F) {
	f.Add(beat().Append(nil))
	f.Add((&liveness.Message{Flags: liveness.Compared, Buckets: []uint32{1}, Statements: []*liveness.Statement{sampleStatement()}, Claims: []liveness.Claim{sampleClaim()}}).Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := liveness.Parse(data)
		if err != nil {
			return
		}
		if again := m.Append(nil); string(again) != string(data) || m.Size() != len(data) {
			t.Fatalf("%x came out as %x, of size %d", data, again, m.Size())
		}
	})
}
