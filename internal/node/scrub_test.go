package node

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"shoal"
	"shoal/internal/datadir"
	"shoal/internal/redundancy/scrub"
)

// rot changes a byte of a file, of more than disk.SmallFile, where it lies in a node's store.
func (n *Node) rot(t *testing.T, id shoal.FileID, at int64) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(n.cfg.Data, datadir.Store, "blobs", id.String()[:2], id.String()+".data"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var was [1]byte
	if _, err := f.ReadAt(was[:], at); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{^was[0]}, at); err != nil {
		t.Fatal(err)
	}
}

// In thirty days everything is read once: all of many chunks that have rotted are
// found.
func TestAllIsReadOnceInThirtyDays(t *testing.T) {
	virtually(t, func(t *testing.T) {
		const files = 40
		n := alone(t, nil)
		for i := range byte(files) {
			path, _ := write(t, i, 100_000)
			n.rot(t, n.add(t, path, fmt.Sprint(i)).ID, 0)
		}
		n.stop() // the rest of the node, for whom a month is long
		n.running.Wait()
		go n.scrubber.Run(t.Context())
		pass(scrub.DefaultPeriod / 2)
		if got := n.scrubber.Status().Rotten; got < files/5 || got > files*4/5 {
			t.Errorf("in half the time %d of %d rotten chunks were found", got, files)
		}
		pass(scrub.DefaultPeriod / 2)
		if got := n.scrubber.Status().Rotten; got != files {
			t.Errorf("%d of %d rotten chunks were found", got, files)
		}
	})
}
