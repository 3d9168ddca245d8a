package transfer

import (
	"sync"
	"time"

	"shoal"
)

// BanFor is how long a peer that sent wrong bytes of a file is not asked for
// that file again, and MaxBans how many such pairs are remembered.
const (
	BanFor  = time.Hour
	MaxBans = 4096
)

// Bans remembers which peer sent wrong bytes of which file. A ban is for the
// node's identity, never for its address, behind which others may be (rain bans
// addresses, and hits the neighbours). Safe for use by many goroutines.
type Bans struct {
	mu    sync.Mutex // guards until
	until map[ban]time.Time
}

type ban struct {
	file shoal.FileID
	peer shoal.NodeID
}

// Add bans a peer for a file.
func (b *Bans) Add(file shoal.FileID, peer shoal.NodeID, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until == nil {
		b.until = make(map[ban]time.Time)
	}
	if len(b.until) >= MaxBans {
		b.makeRoomLocked(now)
	}
	b.until[ban{file, peer}] = now.Add(BanFor)
}

// Has reports whether a peer is banned for a file.
func (b *Bans) Has(file shoal.FileID, peer shoal.NodeID, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Before(b.until[ban{file, peer}])
}

// makeRoomLocked drops what has run out, and one more if nothing has.
func (b *Bans) makeRoomLocked(now time.Time) {
	for key, until := range b.until {
		if !now.Before(until) {
			delete(b.until, key)
		}
	}
	for key := range b.until {
		if len(b.until) < MaxBans {
			return
		}
		delete(b.until, key)
	}
}
