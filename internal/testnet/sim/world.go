// Package sim is a whole shoal in virtual time. The machines that decide (failure
// detector, roster, gossip, merging of names, who counts, who should hold what, what may
// be deleted, what status says) are the real ones; network, disks and clocks are
// models that lose, delay, reorder, freeze, rot and jump as a seed says. After
// every step, and at the instant of every delete, what must hold is checked
// against what is true, which only the simulation can see.
//
// The same seed gives the same run, to the last byte.
package sim

import (
	"time"

	"shoal/internal/testnet/sim/host"
)

// world is a shoal with what is true of it, which its machines cannot see.
type world struct {
	*host.Net
	cfg     Config
	files   []*file
	well    map[[2]int]wellness // by machine and the machine it speaks with
	backups map[int][]snapshot  // by machine

	harmed  time.Duration // when a copy was last destroyed
	rotted  []rotted      // the rot that processes have found
	exposed time.Duration // when rot was last found
	healed  time.Duration // when the network was last whole again
	checked Checked
	said    map[string]bool       // the batches that their authors have signed
	proven  map[string]bool       // the batches whose signatures were looked at, and whether they are right
	ordered map[order]bool        // what somebody who may has decided of a node
	leaving []*host.Machine       // expelled, but not all know it
	gone    map[int]time.Duration // when all knew that a machine is out
}

// run lets time pass, until something is broken.
func (w *world) run(d time.Duration) {
	for until := w.Now() + d; w.Broken == nil && w.Step(until); {
	}
}
