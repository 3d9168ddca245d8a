package wire_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
)

// unframe takes one frame off data.
func unframe(t *testing.T, data []byte) (wire.Type, []byte, []byte) {
	t.Helper()
	var head [wire.HeaderSize]byte
	r := bytes.NewReader(data)
	h, err := wire.ReadHeader(r, &head)
	if err != nil {
		t.Fatal(err)
	}
	body, err := wire.ReadBody(r, h, nil)
	if err != nil {
		t.Fatal(err)
	}
	return h.Type, body, data[len(data)-r.Len():]
}

// same fails the test unless a frame comes back from its bytes as it was.
func same[M any](t *testing.T, m M, frame []byte, want wire.Type, parse func([]byte) (M, error)) {
	t.Helper()
	typ, body, rest := unframe(t, frame)
	if typ != want || len(rest) != 0 {
		t.Fatalf("%T: frame of type %d with %d bytes behind it", m, typ, len(rest))
	}
	got, err := parse(body)
	if err != nil {
		t.Fatalf("%T: %v", m, err)
	}
	if !reflect.DeepEqual(got, m) {
		t.Errorf("%T: got %+v, want %+v", m, got, m)
	}
	for cut := range body {
		if _, err := parse(body[:cut]); err == nil && want != wire.TypeList {
			t.Errorf("%T: accepted when cut to %d of %d bytes", m, cut, len(body))
		}
	}
	if _, err := parse(append(bytes.Clone(body), 0)); err == nil {
		t.Errorf("%T: accepted with a byte too many", m)
	}
}

func TestRoundTrips(t *testing.T) {
	id := shoal.FileID{1, 2, 3}
	span := wire.Span{Chunk: 7, Offset: 4096, Length: 8192}
	same(t, wire.Hello{Version: 1, WantList: true, File: id}, wire.Hello{Version: 1, WantList: true, File: id}.Append(nil), wire.TypeHello, wire.ParseHello)
	same(t, wire.Hello{Version: 1, Background: true, File: id}, wire.Hello{Version: 1, Background: true, File: id}.Append(nil), wire.TypeHello, wire.ParseHello)
	welcome := wire.Welcome{Version: 1, Size: 1 << 40, ChunkSize: 4 << 20}
	same(t, welcome, welcome.Append(nil), wire.TypeWelcome, wire.ParseWelcome)
	same(t, wire.Request{Span: span}, wire.Request{Span: span}.Append(nil), wire.TypeRequest, wire.ParseRequest)
	same(t, wire.Cancel{Span: span}, wire.Cancel{Span: span}.Append(nil), wire.TypeCancel, wire.ParseCancel)
	reject := wire.Reject{Span: span, Reason: wire.ReasonBusy}
	same(t, reject, reject.Append(nil), wire.TypeReject, wire.ParseReject)
	bye := wire.Goodbye{Reason: wire.ReasonLeaving, Text: "see you"}
	same(t, bye, bye.Append(nil), wire.TypeGoodbye, wire.ParseGoodbye)
	peers := wire.Peers{Peers: []wire.PeerAddr{{Node: "12D3KooA", Addrs: []string{"/ip4/10.0.0.1/tcp/4001", "/ip6/::1/tcp/1"}}, {Node: "12D3KooB"}}}
	same(t, peers, peers.Append(nil), wire.TypePeers, wire.ParsePeers)
	find := wire.Find{Ref: "photos/", After: "photos/a.jpg", Limit: 10}
	same(t, find, find.Append(nil), wire.TypeFind, wire.ParseFind)
	found := wire.Found{More: true, Name: "nas", Hits: []wire.Hit{{
		Entry:   shoal.Entry{ID: id, Name: "photos/b.jpg", Size: 5, ChunkSize: 1 << 18, Added: time.UnixMilli(1_700_000_000_123).UTC()},
		Present: 1,
	}}}
	same(t, found, found.Append(nil), wire.TypeFound, wire.ParseFound)
}

func TestListComesInParts(t *testing.T) {
	list := make(content.HashList, 2*wire.MaxListCVs+3)
	for i := range list {
		list[i][0], list[i][31] = byte(i), byte(i>>8)
	}
	var got content.HashList
	var rest []byte
	for first := 0; first < len(list); first += wire.MaxListCVs {
		rest = wire.AppendListPart(rest, list, first)
	}
	for len(rest) > 0 {
		var body []byte
		_, body, rest = unframe(t, rest)
		part, err := wire.ParseList(body)
		if err != nil {
			t.Fatal(err)
		}
		if part.First != len(got) {
			t.Fatalf("part starts at %d, want %d", part.First, len(got))
		}
		got = append(got, part.CVs...)
	}
	if !reflect.DeepEqual(got, list) {
		t.Error("the list came back changed")
	}
}

func TestHave(t *testing.T) {
	some := content.NewBitmap(100)
	some.Set(3)
	some.Set(99)
	for _, have := range []content.Bitmap{some, content.FullBitmap(100), content.NewBitmap(100), content.NewBitmap(0)} {
		typ, body, _ := unframe(t, wire.AppendHave(nil, have))
		got, err := wire.ParseHave(typ, body, have.Len())
		if err != nil || !reflect.DeepEqual(got.Bytes(), have.Bytes()) {
			t.Errorf("got %v %v, want %v", got.Bytes(), err, have.Bytes())
		}
	}
	_, body, _ := unframe(t, wire.AppendHaveMore(nil, []int{1, 5, 99}))
	if more, err := wire.ParseHaveMore(body, 100); err != nil || !reflect.DeepEqual(more, []int{1, 5, 99}) {
		t.Errorf("got %v, %v", more, err)
	}
	if _, err := wire.ParseHaveMore(body, 99); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a chunk outside the file was accepted: %v", err)
	}
}

func TestDataHeaderStandsBeforeItsPayload(t *testing.T) {
	m := wire.Data{Chunk: 3, Offset: 512, Length: 4}
	frame := append(m.AppendHeader(nil), "data"...)
	var head [wire.HeaderSize]byte
	r := bytes.NewReader(frame)
	h, err := wire.ReadHeader(r, &head)
	if err != nil || h.Type != wire.TypeData {
		t.Fatal(h, err)
	}
	if _, err := io.ReadFull(r, head[:wire.DataHeaderSize]); err != nil {
		t.Fatal(err)
	}
	got, err := wire.ParseDataHeader(head[:wire.DataHeaderSize], h.Length)
	if err != nil || got != m || r.Len() != m.Length {
		t.Errorf("got %+v, %v and %d bytes of payload", got, err, r.Len())
	}
}

func TestBoundsHold(t *testing.T) {
	var head [wire.HeaderSize]byte
	long := []byte{byte(wire.TypeHello), 0, 0, 0, 0xff, 0, 0, 0}
	if _, err := wire.ReadHeader(bytes.NewReader(long), &head); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a body of 4 GiB: %v", err)
	}
	var many wire.Peers
	for range 2 * wire.MaxPeers {
		many.Peers = append(many.Peers, wire.PeerAddr{Node: "x", Addrs: make([]string, 2*wire.MaxPeerAddrs)})
	}
	_, body, _ := unframe(t, many.Append(nil))
	if got, err := wire.ParsePeers(body); err != nil || len(got.Peers) != wire.MaxPeers {
		t.Errorf("our own frame breaks the bounds: %v", err)
	}
	var hits wire.Found
	for range 2 * wire.MaxFound {
		hits.Hits = append(hits.Hits, wire.Hit{Entry: shoal.Entry{Name: "n", ChunkSize: 1024}})
	}
	_, body, _ = unframe(t, hits.Append(nil))
	if got, err := wire.ParseFound(body); err != nil || len(got.Hits) != wire.MaxFound || !got.More {
		t.Errorf("our own frame breaks the bounds: %v", err)
	}
}

func TestEndsAreToldApart(t *testing.T) {
	var head [wire.HeaderSize]byte
	if _, err := wire.ReadHeader(bytes.NewReader(nil), &head); !errors.Is(err, io.EOF) {
		t.Errorf("end between frames: %v, want EOF", err)
	}
	if _, err := wire.ReadHeader(bytes.NewReader([]byte{1, 0}), &head); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("end within a header: %v, want unexpected EOF", err)
	}
	if _, err := wire.ReadBody(bytes.NewReader([]byte{1}), wire.Header{Type: 1, Length: 5}, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("end within a body: %v, want unexpected EOF", err)
	}
}
