package ask

import (
	"bytes"
	"testing"

	"shoal/internal/network/wire"
)

// FuzzReadFrame reads what a peer may send in the place of an answer: the body is of
// the wanted frame and within the bound, or there is an error.
func FuzzReadFrame(f *testing.F) {
	f.Add(wire.AppendFrame(nil, wire.TypeFound, []byte("answer")))
	f.Add(wire.Goodbye{Reason: wire.ReasonUnauthorised, Text: "no"}.Append(nil))
	f.Add(wire.AppendFrame(nil, wire.TypeGoodbye, []byte{1}))
	f.Add([]byte{byte(wire.TypeFound), 0, 0, 0, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 64
		body, err := readFrame(bytes.NewReader(data), wire.TypeFound, limit)
		if err != nil {
			return
		}
		if wire.Type(data[0]) != wire.TypeFound || len(body) > limit || !bytes.Equal(body, data[wire.HeaderSize:][:len(body)]) {
			t.Errorf("%d bytes were read of %x", len(body), data)
		}
	})
}
