package shoal_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"shoal"
)

const (
	sampleID = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262" // of an empty file
	peer     = "/p2p/12D3KooWQCkBm1BYtkHpocxCwMgR8yjitEeHGx8spzcDLGt2gkBm"
)

// links draws any link that a node may write.
func links() *rapid.Generator[shoal.Link] {
	return rapid.Custom(func(t *rapid.T) shoal.Link {
		return shoal.Link{
			ID:    ids().Draw(t, "id"),
			Name:  rapid.OneOf(rapid.Just(""), names()).Draw(t, "name"),
			Size:  rapid.Int64Min(-1).Draw(t, "size"),
			Addrs: rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.Just("/ip6/fe80::1%25eth0/tcp/4001"+peer)), 0, 4).Draw(t, "addresses"),
		}
	})
}

// same compares links; no address and none at all are the same.
func same(a, b shoal.Link) bool {
	if len(a.Addrs) == 0 && len(b.Addrs) == 0 {
		a.Addrs, b.Addrs = nil, nil
	}
	return reflect.DeepEqual(a, b)
}

func TestLinkRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		link := links().Draw(t, "link")
		text := link.String()
		if len(text) > shoal.MaxLinkLength {
			return
		}
		if got, err := shoal.ParseLink(text); err != nil || !same(got, link) || !shoal.IsLink(text) {
			t.Fatalf("%s\nis read as %+v, %v", text, got, err)
		}
		var decoded shoal.Link
		encoded, err := link.MarshalText()
		if err != nil || decoded.UnmarshalText(encoded) != nil || !same(decoded, link) {
			t.Fatalf("%s\nis decoded as %+v, %v", encoded, decoded, err)
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"'<>`\\", r) }) {
			t.Fatalf("%q cannot be pasted into a shell or a page as it is", text)
		}
	})
}

func TestLinkText(t *testing.T) {
	id, err := shoal.ParseFileID(sampleID)
	if err != nil {
		t.Fatal(err)
	}
	for want, link := range map[string]shoal.Link{
		"shoal:" + sampleID:                                    {ID: id, Size: -1},
		"shoal:" + sampleID + "?size=0":                        {ID: id},
		"shoal:" + sampleID + "?name=a%2Fb+c.iso&size=5":       {ID: id, Name: "a/b c.iso", Size: 5},
		"shoal:" + sampleID + "?at=/ip4/10.0.0.1/tcp/1" + peer: {ID: id, Size: -1, Addrs: []string{"/ip4/10.0.0.1/tcp/1" + peer}},
	} {
		if got := link.String(); got != want {
			t.Errorf("%+v is written\n%s, want\n%s", link, got, want)
		}
	}
}

// What a later version may add to a link is no reason to refuse it.
func TestLinkMayGrow(t *testing.T) {
	got, err := shoal.ParseLink("shoal:" + strings.ToUpper(sampleID) + "?key=secret&size=7&at=a&v=2&at=b")
	if err != nil || got.ID.String() != sampleID || got.Size != 7 || len(got.Addrs) != 2 {
		t.Errorf("read as %+v, %v", got, err)
	}
}

func TestParseLinkRefuses(t *testing.T) {
	base := "shoal:" + sampleID
	for what, text := range map[string]string{
		"nothing":            "",
		"an id alone":        sampleID,
		"another scheme":     "http:" + sampleID,
		"upper-case scheme":  "SHOAL:" + sampleID,
		"no id":              "shoal:?name=a",
		"a short id":         base[:60],
		"a path":             base + "/x",
		"a fragment":         base + "#x",
		"a negative size":    base + "?size=-1",
		"a size in words":    base + "?size=many",
		"a size beyond all":  base + "?size=9223372036854775808",
		"a name going up":    base + "?name=../etc/passwd",
		"an absolute name":   base + "?name=/etc/passwd",
		"a name that lies":   base + "?name=a%E2%80%AEgpj.exe",
		"half an escape":     base + "?name=%2",
		"a semicolon":        base + "?name=a;size=1",
		"too many addresses": base + "?" + strings.Repeat("at=a&", shoal.MaxLinkAddrs+1),
		"too long a link":    base + "?x=" + strings.Repeat("a", shoal.MaxLinkLength),
	} {
		got, err := shoal.ParseLink(text)
		if shoal.CodeOf(err) != shoal.Usage || !same(got, shoal.Link{}) {
			t.Errorf("%s: read as %+v, %v; want %v", what, got, err, shoal.Usage)
		}
		kept := shoal.Link{Name: "kept"}
		if err := kept.UnmarshalText([]byte(text)); err == nil || kept.Name != "kept" {
			t.Errorf("%s: decoded as %+v, %v; want it untouched", what, kept, err)
		}
	}
}

// FuzzParseLink: any text at all is refused as Usage, or is a link within all
// bounds that means the same when it is written again.
func FuzzParseLink(f *testing.F) {
	for _, query := range []string{"", "?", "?name=a%2Fb&size=5&at=/ip4/127.0.0.1/tcp/4001" + peer, "?size=+1", "?name=&name=x", "?at=%ff&at=", "?&&=&a", "?name=a%00b"} {
		f.Add("shoal:" + sampleID + query)
	}
	f.Fuzz(func(t *testing.T, text string) {
		link, err := shoal.ParseLink(text)
		if err != nil {
			if shoal.CodeOf(err) != shoal.Usage {
				t.Fatalf("error %v, want %v", err, shoal.Usage)
			}
			return
		}
		if len(text) > shoal.MaxLinkLength || len(link.Addrs) > shoal.MaxLinkAddrs || link.Size < -1 || link.Name != "" && shoal.CheckName(link.Name) != nil {
			t.Fatalf("out of bounds: %+v", link)
		}
		if written := link.String(); len(written) <= shoal.MaxLinkLength {
			if again, err := shoal.ParseLink(written); err != nil || !same(again, link) {
				t.Fatalf("%+v is written %s, which is read as %+v, %v", link, written, again, err)
			}
		}
	})
}

// A link with as much as a node puts into one is within the bounds.
func TestLargeLinkFits(t *testing.T) {
	link := shoal.Link{Name: strings.Repeat("ü", shoal.MaxNameLength/2), Size: 1 << 60}
	for i := range shoal.MaxLinkAddrs {
		link.Addrs = append(link.Addrs, fmt.Sprintf("/ip6/2001:db8:85a3:8d3:1319:8a2e:370:%04x/udp/40001/quic-v1%s", i, peer))
	}
	if got, err := shoal.ParseLink(link.String()); err != nil || !same(got, link) {
		t.Errorf("a link of %d bytes: %v", len(link.String()), err)
	}
}

// A folder's name may begin like a link; a link may end in a slash.
func TestIsFolder(t *testing.T) {
	for ref, want := range map[string]bool{
		"photos/": true, "photos": false, "": false, "/": true, "shoal:abc": false, "shoal:abc/": true, "shoal:" + sampleID: false,
		"shoal:" + sampleID + "?name=a&at=/ip4/192.0.2.1/": false, "shoal:" + sampleID + "/": true,
	} {
		if got := shoal.IsFolder(ref); got != want {
			t.Errorf("%q is a folder: %v, want %v", ref, got, want)
		}
	}
}
