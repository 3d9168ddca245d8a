package transfer_test

import (
	"fmt"
	"testing"

	"shoal"
	"shoal/internal/transfer"
)

// Each peer has counters of its own, as long as there are not too many peers.
func TestTrafficIsCountedForEachPeer(t *testing.T) {
	var traffic transfer.Traffic
	traffic.Sent("a", 3)
	traffic.Sent("a", 4)
	traffic.Received("a", 5)
	if in, out := traffic.Of("a"); in != 5 || out != 7 {
		t.Errorf("a: %d in, %d out, want 5 and 7", in, out)
	}
	if in, out := traffic.Of("b"); in != 0 || out != 0 {
		t.Errorf("b: %d in, %d out, want none", in, out)
	}
	const counted = 16 << 10
	for i := range counted {
		traffic.Received(shoal.NodeID(fmt.Sprint(i)), 1)
	}
	traffic.Received("a", 1)
	if in, _ := traffic.Of(shoal.NodeID(fmt.Sprint(counted - 1))); in != 0 {
		t.Error("a peer beyond the bound is counted")
	}
	if in, _ := traffic.Of("a"); in != 6 {
		t.Errorf("a: %d in, want 6", in)
	}
}
