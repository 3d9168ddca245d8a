package shoal

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Bounds on what a link may hold; ParseLink refuses more.
const (
	MaxLinkLength = 8 << 10
	MaxLinkAddrs  = 32
	MaxNameLength = 1024 // bytes of an entry's name
)

const linkScheme = "shoal:"

// Link is all that is needed to get a file: its id, and where to ask. Name
// and Size are hints for a person; the id alone decides which bytes are right.
type Link struct {
	ID    FileID
	Name  string   // may be empty
	Size  int64    // bytes; -1 if unknown
	Addrs []string // multiaddrs that end in /p2p/<peer id>
}

// IsLink reports whether s claims to be a link. If ParseLink says that it is
// none, it may still be the name of a file.
func IsLink(s string) bool { return strings.HasPrefix(s, linkScheme) }

// IsFolder reports whether a ref means all files below a name: it ends in a
// slash, and is no link.
func IsFolder(ref string) bool {
	if !strings.HasSuffix(ref, "/") || !IsLink(ref) {
		return strings.HasSuffix(ref, "/")
	}
	_, err := ParseLink(ref)
	return err != nil
}

// ParseLink reads the form that String writes. What it does not know it
// ignores, so that links may grow. Errors are Usage.
func ParseLink(s string) (Link, error) {
	if len(s) > MaxLinkLength {
		return Link{}, fmt.Errorf("link is longer than %d bytes: %w", MaxLinkLength, Usage)
	}
	rest, ok := strings.CutPrefix(s, linkScheme)
	if !ok {
		return Link{}, fmt.Errorf("a link starts with %q: %w", linkScheme, Usage)
	}
	hexID, query, _ := strings.Cut(rest, "?")
	id, err := ParseFileID(hexID)
	if err != nil {
		return Link{}, fmt.Errorf("link: %w", err)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return Link{}, fmt.Errorf("link: its query is malformed: %w", Usage)
	}
	link := Link{ID: id, Name: values.Get("name"), Size: -1, Addrs: values["at"]}
	if len(link.Addrs) > MaxLinkAddrs {
		return Link{}, fmt.Errorf("link has more than %d addresses: %w", MaxLinkAddrs, Usage)
	}
	if link.Name != "" {
		if err := CheckName(link.Name); err != nil {
			return Link{}, fmt.Errorf("link: %w", err)
		}
	}
	if text := values.Get("size"); text != "" {
		size, err := strconv.ParseInt(text, 10, 64)
		if err != nil || size < 0 {
			return Link{}, fmt.Errorf("link: size %q is not a number of bytes: %w", text, Usage)
		}
		link.Size = size
	}
	return link, nil
}

// String is the link as text: shoal:ID?name=...&size=...&at=...&at=...
func (l Link) String() string {
	var parts []string
	if l.Name != "" {
		parts = append(parts, "name="+url.QueryEscape(l.Name))
	}
	if l.Size >= 0 {
		parts = append(parts, "size="+strconv.FormatInt(l.Size, 10))
	}
	for _, addr := range l.Addrs {
		// Multiaddrs are letters, digits, dots, colons and slashes: all
		// allowed in a query (RFC 3986 section 3.4), and easier to read as is.
		parts = append(parts, "at="+strings.NewReplacer("%2F", "/", "%3A", ":").Replace(url.QueryEscape(addr)))
	}
	if len(parts) == 0 {
		return linkScheme + l.ID.String()
	}
	return linkScheme + l.ID.String() + "?" + strings.Join(parts, "&")
}

// MarshalText writes the form that String prints.
func (l Link) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the form that ParseLink reads.
func (l *Link) UnmarshalText(text []byte) error {
	parsed, err := ParseLink(string(text))
	if err != nil {
		return err
	}
	*l = parsed
	return nil
}
