package wire_test

import (
	"bytes"
	"crypto/ed25519"
	"reflect"
	"testing"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
	"shoal/internal/record"
)

// FuzzFrames feeds foreign bytes to the decoder of the frame they claim to be.
// Whatever is accepted must come out the same when it is written again, and
// stay within the bounds.
func FuzzFrames(f *testing.F) {
	some := content.NewBitmap(fuzzChunks)
	some.Set(1)
	for _, frame := range [][]byte{
		wire.Hello{Version: 1, WantList: true, File: shoal.FileID{9}}.Append(nil),
		wire.Welcome{Version: 1, Size: 12345, ChunkSize: 1 << 18}.Append(nil),
		wire.AppendListPart(nil, content.HashList{{1}, {2}}, 0),
		wire.AppendHave(nil, some),
		wire.AppendHave(nil, content.FullBitmap(fuzzChunks)),
		wire.AppendHaveMore(nil, []int{0, 5}),
		wire.Request{Span: wire.Span{Chunk: 1, Length: 5}}.Append(nil),
		append(wire.Data{Chunk: 1, Length: 3}.AppendHeader(nil), 1, 2, 3),
		wire.Reject{Reason: wire.ReasonAbsent}.Append(nil),
		wire.Cancel{}.Append(nil),
		wire.Goodbye{Reason: wire.ReasonDone, Text: "x"}.Append(nil),
		wire.Peers{Peers: []wire.PeerAddr{{Node: "n", Addrs: []string{"/ip4/1.2.3.4/tcp/1"}}}}.Append(nil),
		wire.Find{Ref: "a", Limit: 3}.Append(nil),
		wire.Found{Hits: []wire.Hit{{Entry: shoal.Entry{Name: "a", Size: 1, ChunkSize: 1024}, Present: 1}}}.Append(nil),
		wire.Digest{1}.Append(nil),
		wire.Ask{File: shoal.FileID{1}, Chunks: 5}.Append(nil),
		wire.Ask{File: shoal.FileID{1}, Chunks: 5, Upto: 1 << 40, Waited: true}.Append(nil),
		wire.Hold{Has: content.FullBitmap(fuzzChunks), Pledge: some}.Append(nil),
		vectorFrame(f, wire.TypeHave),
		wire.AppendBatches(nil, []wire.Batch{{After: 4, Data: []byte("a batch")}, {After: 5}}),
	} {
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var head [wire.HeaderSize]byte
		r := bytes.NewReader(data)
		h, err := wire.ReadHeader(r, &head)
		if err != nil {
			return
		}
		body, err := wire.ReadBody(r, h, nil)
		if err != nil {
			return
		}
		decode(t, h.Type, body)
	})
}

// vectorFrame is a frame with a vector of one author.
func vectorFrame(t testing.TB, typ wire.Type) []byte {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	frame, err := wire.AppendVector(nil, typ, record.Vector{record.NodeOf(key.Public().(ed25519.PublicKey)): 7})
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// fuzzChunks is how many chunks the file has that the fuzzed frames are about.
const fuzzChunks = 100

func decode(t *testing.T, typ wire.Type, body []byte) {
	switch typ {
	case wire.TypeHello:
		again(t, body, wire.ParseHello)
	case wire.TypeWelcome:
		again(t, body, wire.ParseWelcome)
	case wire.TypeList:
		if m, err := wire.ParseList(body); err == nil && len(m.CVs) > wire.MaxListCVs {
			t.Errorf("%d values in one list", len(m.CVs))
		}
	case wire.TypeHaveAll, wire.TypeHaveBits:
		if have, err := wire.ParseHave(typ, body, fuzzChunks); err == nil && have.Len() != fuzzChunks {
			t.Errorf("bitmap of %d bits", have.Len())
		}
	case wire.TypeHaveMore:
		if more, err := wire.ParseHaveMore(body, fuzzChunks); err == nil && len(more) > wire.MaxHave {
			t.Errorf("%d chunks of news", len(more))
		}
	case wire.TypeRequest:
		again(t, body, wire.ParseRequest)
	case wire.TypeData:
		if len(body) >= wire.DataHeaderSize {
			if m, err := wire.ParseDataHeader(body[:wire.DataHeaderSize], len(body)); err == nil && m.Length > wire.MaxPayload {
				t.Errorf("payload of %d bytes", m.Length)
			}
		}
	case wire.TypeReject:
		again(t, body, wire.ParseReject)
	case wire.TypeCancel:
		again(t, body, wire.ParseCancel)
	case wire.TypeGoodbye:
		again(t, body, wire.ParseGoodbye)
	case wire.TypePeers:
		again(t, body, wire.ParsePeers)
	case wire.TypeFind:
		again(t, body, wire.ParseFind)
	case wire.TypeFound:
		again(t, body, wire.ParseFound)
	case wire.TypeDigest:
		again(t, body, wire.ParseDigest)
	case wire.TypeHave, wire.TypeWant:
		if v, err := wire.ParseVector(body); err == nil && len(v) > len(body)/40 {
			t.Errorf("%d authors in %d bytes", len(v), len(body))
		}
	case wire.TypeBatches:
		if batches, err := wire.ParseBatches(body); err == nil && !bytes.Equal(wire.AppendBatches(nil, batches)[wire.HeaderSize:], body) {
			t.Error("batches were written differently")
		}
	case wire.TypeBeat, wire.TypeKnock, wire.TypeChallenge, wire.TypeProof, wire.TypeAdmitted: // read elsewhere
	case wire.TypeAsk:
		again(t, body, wire.ParseAsk)
	case wire.TypeHold:
		again(t, body, func(body []byte) (wire.Hold, error) { return wire.ParseHold(body, fuzzChunks) })
	case wire.FirstOptional:
	}
}

// again parses a body, writes what came out, and parses that.
func again[M interface{ Append([]byte) []byte }](t *testing.T, body []byte, parse func([]byte) (M, error)) {
	m, err := parse(body)
	if err != nil {
		return
	}
	second, err := parse(m.Append(nil)[wire.HeaderSize:])
	if err != nil {
		t.Fatalf("%T: what was accepted is refused when written again: %v", m, err)
	}
	if !reflect.DeepEqual(m, second) {
		t.Errorf("%T: %+v became %+v", m, m, second)
	}
}
