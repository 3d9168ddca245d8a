package wire_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/network/wire"
)

// vectors are the frames of docs/spec/wire.md.
func vectors(t testing.TB) string {
	id := shoal.FileID{1, 2, 3}
	some := content.NewBitmap(10)
	some.Set(0)
	some.Set(9)
	span := wire.Span{Chunk: 5, Offset: 65536, Length: 1024}
	var table strings.Builder
	for _, row := range []struct {
		name  string
		frame []byte
	}{
		{"Hello, version 1, with list", wire.Hello{Version: 1, WantList: true, File: id}.Append(nil)},
		{"Welcome, 1,000,000 bytes in chunks of 256 KiB", wire.Welcome{Version: 1, Size: 1_000_000, ChunkSize: 256 << 10}.Append(nil)},
		{"HaveAll", wire.AppendHave(nil, content.FullBitmap(10))},
		{"HaveBits, chunks 0 and 9 of 10", wire.AppendHave(nil, some)},
		{"HaveMore, chunks 1 and 2", wire.AppendHaveMore(nil, []int{1, 2})},
		{"Request, chunk 5, 1,024 bytes from 65,536", wire.Request{Span: span}.Append(nil)},
		{"Data, chunk 5, the bytes \"abc\" at 65,536", append(wire.Data{Chunk: 5, Offset: 65536, Length: 3}.AppendHeader(nil), "abc"...)},
		{"Reject, not here", wire.Reject{Span: span, Reason: wire.ReasonAbsent}.Append(nil)},
		{"Cancel", wire.Cancel{Span: span}.Append(nil)},
		{"Goodbye, done", wire.Goodbye{Reason: wire.ReasonDone}.Append(nil)},
		{"Peers, node \"N\" at \"/a\"", wire.Peers{Peers: []wire.PeerAddr{{Node: "N", Addrs: []string{"/a"}}}}.Append(nil)},
		{"Find, \"a/\" after \"a/b\"", wire.Find{Ref: "a/", After: "a/b"}.Append(nil)},
		{"Digest, 01 and zeros", wire.Digest{1}.Append(nil)},
		{"Have, the author of record.md to 7", vectorFrame(t, wire.TypeHave)},
		{"Batches, \"abc\" after batch 4", wire.AppendBatches(nil, []wire.Batch{{After: 4, Data: []byte("abc")}})},
	} {
		fmt.Fprintf(&table, "| %s | `%s` |\n", row.name, hex.EncodeToString(row.frame))
	}
	return table.String()
}

func TestSpecificationHasTheVectors(t *testing.T) {
	const spec = "../../../docs/spec/wire.md"
	page, err := os.ReadFile(spec)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), vectors(t)) {
		t.Errorf("%s does not have these vectors:\n%s", spec, vectors(t))
	}
}
