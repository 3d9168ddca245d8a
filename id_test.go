package shoal_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"shoal"
)

// ids draws any file id.
func ids() *rapid.Generator[shoal.FileID] {
	return rapid.Map(rapid.SliceOfN(rapid.Byte(), shoal.FileIDSize, shoal.FileIDSize), func(b []byte) shoal.FileID { return shoal.FileID(b) })
}

func TestFileIDRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := ids().Draw(t, "id")
		text := id.String()
		if len(text) != 64 || strings.ToLower(text) != text || !strings.HasPrefix(text, id.Short()) {
			t.Fatalf("%q is not 64 lower-case digits, of which %q are the first", text, id.Short())
		}
		for _, form := range []string{text, strings.ToUpper(text)} {
			if got, err := shoal.ParseFileID(form); got != id || err != nil {
				t.Fatalf("ParseFileID(%q) is %v, %v", form, got, err)
			}
		}
		encoded, err := json.Marshal(map[shoal.FileID]shoal.FileID{id: id})
		if err != nil {
			t.Fatal(err)
		}
		var decoded map[shoal.FileID]shoal.FileID
		if err := json.Unmarshal(encoded, &decoded); err != nil || decoded[id] != id {
			t.Fatalf("%s is read as %v, %v", encoded, decoded, err)
		}
		if id.IsZero() != (strings.Trim(text, "0") == "") {
			t.Fatalf("%s is zero: %v", text, id.IsZero())
		}
	})
}

func TestParseFileIDRefuses(t *testing.T) {
	good := strings.Repeat("0f", 32)
	for _, text := range []string{"", "0f", good[:63], good + "0", good[:62] + "zz", good[:63] + " ", "0x" + good[:62], good[:60] + "éé", strings.Repeat("0f", 1e5)} {
		id, err := shoal.ParseFileID(text)
		if shoal.CodeOf(err) != shoal.Usage || !id.IsZero() || len(err.Error()) > 300 {
			t.Errorf("ParseFileID(%.70q) is %v, %v; want %v", text, id, err, shoal.Usage)
		}
		kept := shoal.FileID{1}
		if err := kept.UnmarshalText([]byte(text)); err == nil || kept != (shoal.FileID{1}) {
			t.Errorf("UnmarshalText(%.70q) left %v, %v; want it untouched", text, kept, err)
		}
	}
}

func TestNodeIDShort(t *testing.T) {
	for id, want := range map[shoal.NodeID]string{
		"": "", "12345678": "12345678", "123456789": "23456789",
		"12D3KooWQCkBm1BYtkHpocxCwMgR8yjitEeHGx8spzcDLGt2gkBm": "LGt2gkBm",
	} {
		if got := id.Short(); got != want {
			t.Errorf("%q is %q for short, want %q", id, got, want)
		}
	}
}

func TestChunkString(t *testing.T) {
	if got, want := (shoal.Chunk{File: shoal.FileID{0xab, 0xcd}, Index: 12}).String(), "abcd00000000/12"; got != want {
		t.Errorf("a chunk is %q, want %q", got, want)
	}
}
