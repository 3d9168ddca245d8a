package merge

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/record"
)

// Bounds of a record of the catalogue.
const (
	MaxOver   = 64 // versions that one replaces
	MaxCopies = 32 // wanted of a file
)

// Put says that a name points at a file.
type Put struct {
	Name      string
	File      shoal.FileID
	Size      int64             // bytes
	ChunkSize content.ChunkSize // the one its holders keep it in
	Copies    int               // wanted, at most MaxCopies; 0 for a file that is only shared where it lies
	Added     time.Time         // by the author's clock, to the millisecond
	Over      []Dot             // at most MaxOver
}

// Drop says that a name does not point any more at what it replaces.
type Drop struct {
	Name string
	Over []Dot // at most MaxOver
}

const (
	dotSize = 8 + ed25519.PublicKeySize
	putSize = shoal.FileIDSize + 8 + 1 + 1 + 8 // file, size, chunk size, copies, added
)

// Version is the put as a version of its name.
func (p Put) Version(dot Dot) Version { return Version{Dot: dot, File: p.File, Over: p.Over} }

// Version is the drop as a version of its name.
func (d Drop) Version(dot Dot) Version { return Version{Dot: dot, Over: d.Over} }

// Check holds a put to its bounds; errors are shoal.Usage.
func (p Put) Check() error {
	if err := shoal.CheckName(p.Name); err != nil {
		return err
	}
	if _, err := content.ParseChunkSize(int64(p.ChunkSize)); err != nil {
		return fmt.Errorf("%q: %w", p.Name, err)
	}
	if p.File.IsZero() {
		return fmt.Errorf("%q has no file id: %w", p.Name, shoal.Usage)
	}
	if p.Size < 0 || p.Size > content.MaxSize || p.ChunkSize.Chunks(p.Size) > content.MaxChunks {
		return fmt.Errorf("%q has a size of %d bytes: %w", p.Name, p.Size, shoal.Usage)
	}
	if p.Copies < 0 || p.Copies > MaxCopies {
		return fmt.Errorf("%q with %d copies, where up to %d can be had: %w", p.Name, p.Copies, MaxCopies, shoal.Usage)
	}
	if year := p.Added.Year(); year < 1 || year > maxYear {
		return fmt.Errorf("%q was added in the year %d: %w", p.Name, year, shoal.Usage)
	}
	if len(p.Over) > MaxOver {
		return fmt.Errorf("%q replaces %d versions: %w", p.Name, len(p.Over), shoal.Usage)
	}
	return nil
}

// maxYear is the last that JSON's time format (RFC 3339) can say.
const maxYear = 9999

// Append appends the put's bytes, as docs/spec/catalog.md has them.
func (p Put) Append(data []byte) ([]byte, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	data, err := appendHead(data, p.Name, p.Over)
	if err != nil {
		return nil, err
	}
	data = append(data, p.File[:]...)
	data = binary.BigEndian.AppendUint64(data, uint64(p.Size))
	data = append(data, byte(p.ChunkSize.Log2()), byte(p.Copies))
	return binary.BigEndian.AppendUint64(data, uint64(p.Added.UnixMilli())), nil
}

// ParsePut reads what Append wrote. Bytes after it are of a later version, and
// not looked at. Errors are record.ErrMalformed.
func ParsePut(data []byte) (Put, error) {
	name, over, rest, err := parseHead(data)
	if err != nil {
		return Put{}, err
	}
	if len(rest) < putSize {
		return Put{}, fmt.Errorf("put of %d bytes: %w", len(data), record.ErrMalformed)
	}
	classAt := shoal.FileIDSize + 8
	p := Put{ // a number that is too large wraps, and Check refuses it
		Name: name, File: shoal.FileID(rest[:shoal.FileIDSize]), Size: int64(binary.BigEndian.Uint64(rest[shoal.FileIDSize:])),
		ChunkSize: 1 << rest[classAt], Copies: int(rest[classAt+1]),
		Added: time.UnixMilli(int64(binary.BigEndian.Uint64(rest[classAt+2:]))).UTC(), Over: over,
	}
	if err := p.Check(); err != nil {
		return Put{}, fmt.Errorf("%w: %w", record.ErrMalformed, err)
	}
	return p, nil
}

// Append appends the drop's bytes.
func (d Drop) Append(data []byte) ([]byte, error) {
	if err := shoal.CheckName(d.Name); err != nil {
		return nil, err
	}
	if len(d.Over) > MaxOver {
		return nil, fmt.Errorf("%q: removing %d versions: %w", d.Name, len(d.Over), shoal.Usage)
	}
	return appendHead(data, d.Name, d.Over)
}

// ParseDrop reads what Append wrote. Errors are record.ErrMalformed.
func ParseDrop(data []byte) (Drop, error) {
	name, over, _, err := parseHead(data)
	return Drop{Name: name, Over: over}, err
}

// appendHead appends what both kinds begin with.
func appendHead(data []byte, name string, over []Dot) ([]byte, error) {
	data = binary.BigEndian.AppendUint16(data, uint16(len(name)))
	data = append(append(data, name...), byte(len(over)))
	for _, dot := range over {
		key, err := record.KeyOf(dot.Author)
		if err != nil {
			return nil, err
		}
		data = binary.BigEndian.AppendUint64(data, uint64(dot.Stamp))
		data = append(data, key...)
	}
	return data, nil
}

func parseHead(data []byte) (name string, over []Dot, rest []byte, err error) {
	malformed := fmt.Errorf("catalogue record of %d bytes: %w", len(data), record.ErrMalformed)
	if len(data) < 2 {
		return "", nil, nil, malformed
	}
	length, rest := int(binary.BigEndian.Uint16(data)), data[2:]
	if len(rest) < length+1 {
		return "", nil, nil, malformed
	}
	name, rest = string(rest[:length]), rest[length:]
	if err := shoal.CheckName(name); err != nil {
		return "", nil, nil, fmt.Errorf("%w: %w", record.ErrMalformed, err)
	}
	count, rest := int(rest[0]), rest[1:]
	if count > MaxOver || len(rest) < count*dotSize {
		return "", nil, nil, malformed
	}
	for ; count > 0; count-- {
		over = append(over, Dot{Stamp: record.Stamp(binary.BigEndian.Uint64(rest)), Author: record.NodeOf(rest[8:dotSize])})
		rest = rest[dotSize:]
	}
	return name, over, rest, nil
}
