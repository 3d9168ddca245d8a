package roster_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"shoal"
	"shoal/internal/membership/roster"
	"shoal/internal/record"
)

// taken reports whether a roster takes a record with such a body from its founder.
func taken(kind record.Kind, body []byte) (*roster.Roster, bool) {
	r := roster.New(nodeOf(founder))
	return r, r.Add(record.Batch{Author: nodeOf(founder), Seq: 1, Records: []record.Record{{Stamp: 5, Kind: kind, Body: body}}})
}

// selfBody is a Self in bytes, as docs/spec/roster.md has it.
func selfBody(name, zone string, allotment uint64, addrs ...string) []byte {
	text := func(data []byte, s string) []byte {
		return append(binary.BigEndian.AppendUint16(data, uint16(len(s))), s...)
	}
	data := binary.BigEndian.AppendUint64(text(text(nil, name), zone), allotment)
	data = append(data, byte(len(addrs)))
	for _, a := range addrs {
		data = text(data, a)
	}
	return data
}

// long is text of n bytes.
func long(n int) string { return strings.Repeat("x", n) }

// What a node says of itself is bounded, both when it says it and when others read it.
func TestBoundsOfSelf(t *testing.T) {
	for what, c := range map[string]struct {
		self roster.Self
		ok   bool
	}{
		"the longest of all":  {roster.Self{Name: long(64), Zone: long(64), Addrs: slices.Repeat([]string{long(256)}, 16)}, true},
		"a long name":         {roster.Self{Name: long(65)}, false},
		"a long zone":         {roster.Self{Zone: long(65)}, false},
		"a long address":      {roster.Self{Addrs: []string{long(257)}}, false},
		"many addresses":      {roster.Self{Addrs: slices.Repeat([]string{"x"}, 17)}, false},
		"a control in a name": {roster.Self{Name: "a\x1b[2J"}, false},
		"no text as a zone":   {roster.Self{Zone: "\xff"}, false},
		"a turned address":    {roster.Self{Addrs: []string{"\u202e"}}, false},
	} {
		if _, err := roster.Record(1, c.self); (err == nil) != c.ok || err != nil && !errors.Is(err, shoal.Usage) {
			t.Errorf("%s is written: %v", what, err)
		}
		r, ok := taken(record.KindSelf, selfBody(c.self.Name, c.self.Zone, 0, c.self.Addrs...))
		if ok != c.ok {
			t.Errorf("%s is read: %v, want %v", what, ok, c.ok)
		}
		if got := r.Node(nodeOf(founder)).Self; ok && !cmp.Equal(got, c.self) {
			t.Errorf("%s became %+v", what, got)
		}
	}
}

func TestAllotment(t *testing.T) {
	if _, err := roster.Record(1, roster.Self{Allotment: -1}); !errors.Is(err, shoal.Usage) {
		t.Errorf("an allotment of -1: %v, want shoal.Usage", err)
	}
	for said, want := range map[uint64]int64{0: 0, 1 << 40: 1 << 40, 1 << 63: 1 << 62} { // more would overflow in sums
		r, ok := taken(record.KindSelf, selfBody("", "", said))
		if got := r.Node(nodeOf(founder)).Allotment; !ok || got != want {
			t.Errorf("an allotment of %d is read as %d, want %d", said, got, want)
		}
	}
}

// bodies is a record of each kind that a founder may make.
func bodies(t *testing.T) []record.Record {
	t.Helper()
	var all []record.Record
	for _, body := range []any{
		admit(1, roster.Member), state(founder, roster.Draining, 7), roster.Self{Name: "a", Zone: "b", Addrs: []string{"/c", "/d"}},
	} {
		r, err := roster.Record(5, body)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// A record that ends early says nothing; one with more bytes is of a later version.
func TestLengthOfBodies(t *testing.T) {
	for _, r := range bodies(t) {
		for n := range r.Body {
			if _, ok := taken(r.Kind, r.Body[:n]); ok {
				t.Errorf("a record of kind %d is read from %d of %d bytes", r.Kind, n, len(r.Body))
			}
		}
		for _, more := range []int{0, 1} {
			if _, ok := taken(r.Kind, append(bytes.Clone(r.Body), make([]byte, more)...)); !ok {
				t.Errorf("a record of kind %d with %d more bytes is not read", r.Kind, more)
			}
		}
	}
	if _, ok := taken(record.KindPut, nil); ok {
		t.Error("a name of a file is taken for a record of the roster")
	}
}

// The role of an Admit, and the state and role of a Set, are among those there are.
func TestNumbersOfRolesAndStates(t *testing.T) {
	all := bodies(t)
	for _, c := range []struct {
		record record.Record
		at     int
		ok     []byte
	}{
		{all[0], 32, []byte{1, 2, 3}},
		{all[1], 33, []byte{0, 1, 2, 3}},
		{all[1], 34, []byte{0, 1, 2, 3}},
	} {
		for number := range byte(6) {
			body := bytes.Clone(c.record.Body)
			body[c.at] = number
			if _, ok := taken(c.record.Kind, body); ok != slices.Contains(c.ok, number) {
				t.Errorf("kind %d, byte %d: %d is read: %v", c.record.Kind, c.at, number, ok)
			}
		}
	}
}

// A Set changes what its bits say, and nothing else.
func TestSetChangesWhatItSays(t *testing.T) {
	before := rosterOf(t, say{founder, admit(1, roster.Member)}).Node(nodeOf(1))
	for bits := range 8 {
		set := roster.Set{
			Node: nodeOf(1), HasState: bits&1 != 0, State: roster.Draining, HasRole: bits&2 != 0, Role: roster.Admin,
			HasMaintenance: bits&4 != 0, Maintenance: 30 * 24 * time.Hour,
		}
		want := before
		if set.HasState {
			want.State = set.State
		}
		if set.HasRole {
			want.Role = set.Role
		}
		if set.HasMaintenance {
			want.Maintenance = set.Maintenance
		}
		got := rosterOf(t, say{founder, admit(1, roster.Member)}, say{founder, set}).Node(nodeOf(1))
		if got.State != want.State || got.Role != want.Role || got.Maintenance != want.Maintenance {
			t.Errorf("%+v made %v, %v, %v", set, got.State, got.Role, got.Maintenance)
		}
	}
}
