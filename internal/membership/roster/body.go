package roster

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"shoal"
	"shoal/internal/record"
)

// Bounds of what a node says of itself.
const (
	MaxName  = 64  // bytes of a node's name
	MaxZone  = 64  // bytes of a zone's
	MaxAddrs = 16  // addresses
	MaxAddr  = 256 // bytes of one

	MaxMaintenance = 30 * 24 * time.Hour // a longer one counts as that
)

// Admit lets a node in. Its author is a member, or for an admin an admin.
type Admit struct {
	Node shoal.NodeID
	Role Role
}

// Set changes what holds for a node; what has no Has stays as it is. Its author
// is an admin, or the node itself for draining and maintenance.
type Set struct {
	Node shoal.NodeID

	HasState bool
	State    State
	Upto     uint64 // for Revoked: the last of the node's batches that counts

	HasRole bool
	Role    Role

	HasMaintenance bool
	Maintenance    time.Duration // for how long from when one hears of it, to the millisecond; 0 ends it
}

// Self is what a node says of itself.
type Self struct {
	Name      string
	Zone      string
	Allotment int64    // bytes it will hold for others; 0 is none
	Addrs     []string // where it can be reached: multiaddrs that end in /p2p/<id>
}

// What Set changes, as bits of its body.
const (
	hasState = 1 << iota
	hasRole
	hasMaintenance
)

// Record makes a record of the roster, for the journal to sign. Errors are
// shoal.Usage.
func Record(stamp record.Stamp, body any) (record.Record, error) {
	var data []byte
	var kind record.Kind
	var err error
	switch b := body.(type) {
	case Admit:
		kind = record.KindAdmit
		data, err = appendNode(nil, b.Node)
		data = append(data, byte(b.Role))
	case Set:
		kind = record.KindSet
		data, err = b.append()
	case Self:
		kind, err = record.KindSelf, b.check()
		data = b.append()
	default:
		err = fmt.Errorf("%T is no record of the roster: %w", body, shoal.Usage)
	}
	return record.Record{Stamp: stamp, Kind: kind, Body: data}, err
}

// parse reads a record; nil if it is not the roster's. Bytes after the fields
// are of a later version, and not looked at. Errors are record.ErrMalformed.
func parse(r record.Record) (any, error) {
	d := decoder{rest: r.Body}
	var body any
	switch r.Kind {
	case record.KindAdmit:
		body = Admit{Node: d.node(), Role: d.role()}
	case record.KindSet:
		body = d.set()
	case record.KindSelf:
		s := d.self()
		if err := s.check(); err != nil && d.err == nil {
			d.err = fmt.Errorf("%w: %w", record.ErrMalformed, err)
		}
		body = s
	default:
		return nil, nil
	}
	return body, d.err
}

func appendNode(data []byte, node shoal.NodeID) ([]byte, error) {
	key, err := record.KeyOf(node)
	if err != nil {
		return data, fmt.Errorf("%w: %w", err, shoal.Usage)
	}
	return append(data, key...), nil
}

func (s Set) append() ([]byte, error) {
	data, err := appendNode(nil, s.Node)
	mask := byte(0)
	for bit, has := range map[byte]bool{hasState: s.HasState, hasRole: s.HasRole, hasMaintenance: s.HasMaintenance} {
		if has {
			mask |= bit
		}
	}
	data = append(data, mask, byte(s.State), byte(s.Role))
	data = binary.BigEndian.AppendUint64(data, s.Upto)
	span := min(max(s.Maintenance, 0), MaxMaintenance)
	return binary.BigEndian.AppendUint64(data, uint64(span.Milliseconds())), err
}

func (s Self) append() []byte {
	data := appendText(appendText(nil, s.Name), s.Zone)
	data = binary.BigEndian.AppendUint64(data, uint64(s.Allotment))
	data = append(data, byte(len(s.Addrs)))
	for _, addr := range s.Addrs {
		data = appendText(data, addr)
	}
	return data
}

func appendText(data []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint16(data, uint16(len(text))), text...)
}

// check holds what a node says to its bounds.
func (s Self) check() error {
	switch {
	case len(s.Name) > MaxName || !plain(s.Name):
		return fmt.Errorf("the name %.80q is longer than %d bytes, or has characters that are not allowed: %w", s.Name, MaxName, shoal.Usage)
	case len(s.Zone) > MaxZone || !plain(s.Zone):
		return fmt.Errorf("the zone %.80q is longer than %d bytes, or has characters that are not allowed: %w", s.Zone, MaxZone, shoal.Usage)
	case s.Allotment < 0:
		return fmt.Errorf("an allotment of %d bytes: %w", s.Allotment, shoal.Usage)
	case len(s.Addrs) > MaxAddrs:
		return fmt.Errorf("%d addresses, where %d are the most: %w", len(s.Addrs), MaxAddrs, shoal.Usage)
	}
	for _, addr := range s.Addrs {
		if len(addr) > MaxAddr || !plain(addr) {
			return fmt.Errorf("the address %.80q is too long or no text: %w", addr, shoal.Usage)
		}
	}
	return nil
}

// plain reports text that a terminal shows as it is.
func plain(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if !unicode.IsGraphic(r) || unicode.Is(unicode.Bidi_Control, r) {
			return false
		}
	}
	return true
}

// decoder reads fields, and remembers that something was wrong.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) take(n int) []byte {
	if len(d.rest) < n {
		d.err, d.rest = fmt.Errorf("record of the roster ends early: %w", record.ErrMalformed), nil
		return make([]byte, n)
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) byte() byte     { return d.take(1)[0] }
func (d *decoder) number() uint64 { return binary.BigEndian.Uint64(d.take(8)) }

func (d *decoder) node() shoal.NodeID { return record.NodeOf(d.take(ed25519.PublicKeySize)) }

func (d *decoder) text(most int) string {
	n := int(binary.BigEndian.Uint16(d.take(2)))
	if n > most {
		d.err, d.rest = fmt.Errorf("text of %d bytes: %w", n, record.ErrMalformed), nil
		return ""
	}
	return string(d.take(n))
}

func (d *decoder) role() Role {
	r := Role(d.byte())
	if (r < Reader || r > Admin) && d.err == nil {
		d.err = fmt.Errorf("role %d: %w", r, record.ErrMalformed)
	}
	return r
}

func (d *decoder) set() Set {
	s := Set{Node: d.node()}
	mask := d.byte()
	s.HasState, s.HasRole, s.HasMaintenance = mask&hasState != 0, mask&hasRole != 0, mask&hasMaintenance != 0
	s.State, s.Role, s.Upto = State(d.byte()), Role(d.byte()), d.number()
	s.Maintenance = time.Duration(min(d.number(), uint64(MaxMaintenance.Milliseconds()))) * time.Millisecond
	if d.err == nil && (s.State > Revoked || s.Role > Admin) {
		d.err = fmt.Errorf("state %d, role %d: %w", s.State, s.Role, record.ErrMalformed)
	}
	return s
}

func (d *decoder) self() Self {
	s := Self{Name: d.text(MaxName), Zone: d.text(MaxZone), Allotment: int64(min(d.number(), 1<<62))}
	count := int(d.byte())
	if count > MaxAddrs {
		d.err = fmt.Errorf("%d addresses: %w", count, record.ErrMalformed)
		return s
	}
	for range count {
		s.Addrs = append(s.Addrs, d.text(MaxAddr))
	}
	return s
}
