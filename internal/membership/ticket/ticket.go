// Package ticket is what lets a machine join a shoal in one line: the ticket a
// person carries from one machine to another, and the book in which its issuer
// keeps what is left of it.
//
// It is pure: it draws no secret, and speaks to nobody.
package ticket

import (
	"crypto/ed25519"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"shoal"
	"shoal/internal/membership/roster"
	"shoal/internal/record"
)

// Bounds.
const (
	SecretSize = 16 // bytes: 128 bits cannot be guessed
	MaxAddrs   = 8
	MaxAddr    = 255  // bytes of one address
	maxText    = 4096 // characters of a ticket's text
)

// Prefix is what a ticket's text begins with.
const Prefix = "shoal-ticket-"

// Ticket lets a machine join a shoal, once or as often as it was made for.
type Ticket struct {
	Shoal   shoal.NodeID // the founder, whose id names the shoal
	Issuer  shoal.NodeID // the node to join through: no other knows of the ticket
	Addrs   []string     // where it can be reached
	Secret  [SecretSize]byte
	Role    roster.Role
	Expires time.Time // to the second
}

const (
	version = 1
	fixed   = 1 + 1 + 2*ed25519.PublicKeySize + SecretSize + 8 + 1
)

// letters leaves out what is easily taken for something else.
const letters = "abcdefghijkmnpqrstuvwxyz23456789"

func encoding() *base32.Encoding { return base32.NewEncoding(letters).WithPadding(base32.NoPadding) }

// Text is the ticket as one word, with a checksum at its end. Errors are
// shoal.Usage.
func (t Ticket) Text() (string, error) {
	founder, err := record.KeyOf(t.Shoal)
	if err != nil {
		return "", fmt.Errorf("%w: %w", err, shoal.Usage)
	}
	issuer, err := record.KeyOf(t.Issuer)
	if err != nil {
		return "", fmt.Errorf("%w: %w", err, shoal.Usage)
	}
	data := append([]byte{version, byte(t.Role)}, founder...)
	data = append(append(data, issuer...), t.Secret[:]...)
	data = binary.BigEndian.AppendUint64(data, uint64(t.Expires.Unix()))
	addrs := t.Addrs[:min(len(t.Addrs), MaxAddrs)]
	data = append(data, byte(len(addrs)))
	for _, addr := range addrs {
		if len(addr) > MaxAddr {
			return "", fmt.Errorf("address of %d bytes: %w", len(addr), shoal.Usage)
		}
		data = append(append(data, byte(len(addr))), addr...)
	}
	data = binary.BigEndian.AppendUint32(data, crc32.ChecksumIEEE(data))
	return Prefix + encoding().EncodeToString(data), nil
}

// Parse reads a ticket's text, whatever space there is around it. Errors are
// shoal.Usage and say what is wrong with it.
func Parse(text string) (Ticket, error) {
	text = strings.TrimSpace(text)
	body, ok := strings.CutPrefix(text, Prefix)
	if !ok || len(text) > maxText {
		return Ticket{}, shoal.WithHint(fmt.Errorf("this is no ticket: %w", shoal.Usage), "`shoal invite` on a machine of the shoal prints one; it begins with "+Prefix)
	}
	cut := shoal.WithHint(fmt.Errorf("the ticket is damaged, or only part of one: %w", shoal.Usage), "copy all of it, from "+Prefix+" to its end")
	data, err := encoding().DecodeString(body)
	if err != nil || len(data) < fixed+4 || binary.BigEndian.Uint32(data[len(data)-4:]) != crc32.ChecksumIEEE(data[:len(data)-4]) {
		return Ticket{}, cut
	}
	if encoding().EncodeToString(data) != body {
		return Ticket{}, cut // a last letter that means the same
	}
	data = data[:len(data)-4]
	if data[0] != version {
		return Ticket{}, shoal.WithHint(fmt.Errorf("the ticket is of version %d, and this program knows %d: %w", data[0], version, shoal.Usage), "use the newer shoal that made it")
	}
	t := Ticket{Role: roster.Role(data[1])}
	rest := data[2:]
	t.Shoal, rest = record.NodeOf(rest[:ed25519.PublicKeySize]), rest[ed25519.PublicKeySize:]
	t.Issuer, rest = record.NodeOf(rest[:ed25519.PublicKeySize]), rest[ed25519.PublicKeySize:]
	t.Secret, rest = [SecretSize]byte(rest[:SecretSize]), rest[SecretSize:]
	t.Expires = time.Unix(int64(min(binary.BigEndian.Uint64(rest), 1<<40)), 0).UTC()
	if t.Addrs, err = parseAddrs(rest[8:]); err != nil || t.Role < roster.Reader || t.Role > roster.Admin {
		return Ticket{}, cut
	}
	return t, nil
}

func parseAddrs(rest []byte) ([]string, error) {
	count := int(rest[0])
	rest = rest[1:]
	var addrs []string
	for range count {
		if len(rest) < 1 || len(rest) < 1+int(rest[0]) || len(addrs) == MaxAddrs {
			return nil, record.ErrMalformed
		}
		length := 1 + int(rest[0])
		addrs, rest = append(addrs, string(rest[1:length])), rest[length:]
	}
	if len(rest) > 0 {
		return nil, record.ErrMalformed
	}
	return addrs, nil
}
