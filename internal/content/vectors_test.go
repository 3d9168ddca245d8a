package content_test

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/content"
)

// specification has the vectors of this file in its text.
const specification = "../../docs/spec/hashlist.md"

// vector is one file of pattern(Size) and its hash lists.
type vector struct {
	Size  int          `json:"size"`
	ID    shoal.FileID `json:"id"`
	Lists []listVector `json:"lists,omitempty"`
}

// listVector is the hash list of a file cut at ChunkSize, in hex.
type listVector struct {
	ChunkSize content.ChunkSize `json:"chunk_size"`
	CVs       []string          `json:"cvs"`
}

// TestOfficialVectors has the ids of test_vectors.json in the BLAKE3
// repository, for inputs of pattern.
func TestOfficialVectors(t *testing.T) {
	for _, v := range readVectors(t, "blake3.json") {
		for _, cs := range []content.ChunkSize{1 << 10, 2 << 10, 16 << 10, 256 << 10} {
			if got := hashed(t, pattern(v.Size), cs).ID; got != v.ID {
				t.Errorf("size %d, chunk size %d: id %s, want %s", v.Size, cs, got, v.ID)
			}
		}
	}
}

// TestHashListVectors holds the package against the vectors of the
// specification; with -update the reference writes them anew.
func TestHashListVectors(t *testing.T) {
	if *update {
		writeVectors(t, "hashlist.json")
	}
	for _, v := range readVectors(t, "hashlist.json") {
		for _, list := range v.Lists {
			f := hashed(t, pattern(v.Size), list.ChunkSize)
			if f.ID != v.ID {
				t.Errorf("size %d, chunk size %d: id %s, want %s", v.Size, list.ChunkSize, f.ID, v.ID)
			}
			if diff := cmp.Diff(list.CVs, texts(f.List)); diff != "" {
				t.Errorf("size %d, chunk size %d: %s", v.Size, list.ChunkSize, diff)
			}
		}
	}
}

// TestSpecificationHasTheVectors keeps the page true.
func TestSpecificationHasTheVectors(t *testing.T) {
	page, err := os.ReadFile(specification)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range readVectors(t, "hashlist.json") {
		if !strings.Contains(string(page), v.ID.String()) {
			t.Errorf("%s lacks the id of size %d: %s", specification, v.Size, v.ID)
		}
	}
}

// TestListIsReference compares every value of the list, not the root alone.
func TestListIsReference(t *testing.T) {
	data := pattern(40 << 10)
	rapid.Check(t, func(rt *rapid.T) {
		part := data[:sizes(len(data)).Draw(rt, "size")]
		cs := chunkSizes(64<<10).Draw(rt, "chunk size")
		if diff := cmp.Diff(texts(referenceList(part, cs)), texts(hashed(t, part, cs).List)); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// update is set to write the vectors anew.
var update = flag.Bool("update", false, "write testdata/hashlist.json anew")

func readVectors(t *testing.T, file string) []vector {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return vectors
}

// writeVectors has every chunk size that makes of a size at least one chunk
// and at most a dozen, but no two that make one chunk.
func writeVectors(t *testing.T, file string) {
	t.Helper()
	var vectors []vector
	for _, size := range []int{0, 1, 64, 65, 1024, 1025, 2048, 2049, 3072, 5121, 16384, 16385, 256 << 10, 256<<10 + 1, 1 << 20, 1<<20 + 1, 3<<20 + 1234} {
		v := vector{Size: size, ID: shoal.FileID(referenceTree(pattern(size), 0, root))}
		for cs := content.MinChunkSize; cs <= content.MaxChunkSize; cs *= 2 {
			if list := referenceList(pattern(size), cs); len(list) <= 12 {
				v.Lists = append(v.Lists, listVector{ChunkSize: cs, CVs: texts(list)})
			}
			if cs.Chunks(int64(size)) <= 1 {
				break
			}
		}
		vectors = append(vectors, v)
	}
	text, err := json.MarshalIndent(vectors, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", file), append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// texts writes each value in hex.
func texts(list content.HashList) []string {
	lines := make([]string, len(list))
	for i, cv := range list {
		lines[i] = hex.EncodeToString(cv[:])
	}
	return lines
}
