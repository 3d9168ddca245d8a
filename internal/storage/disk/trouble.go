package disk

import (
	"fmt"
	"slices"
	"sync"

	"shoal"
	"shoal/internal/storage/body"
)

// NoticeKind says what a Notice is about.
type NoticeKind string

// The kinds of notice.
const (
	Rotten      NoticeKind = "rotten"      // a chunk did not verify, and is now absent
	Dropped     NoticeKind = "dropped"     // a person's file changed, or a place was lost, and is no longer used
	Failing     NoticeKind = "failing"     // a sync was refused: no more writes
	Quarantined NoticeKind = "quarantined" // something was damaged and put away
	Rebuilt     NoticeKind = "rebuilt"     // a database was lost and made anew
)

// Notice is something that happened to a store that a person should know.
type Notice struct {
	Kind  NoticeKind
	Chunk shoal.Chunk // of a Rotten; of a Dropped, the file alone
	Place shoal.Place // where
	Text  string      // a sentence
}

// maxNotices bounds how many notices of each kind are kept, the latest.
const maxNotices = 4

// trouble remembers what went wrong since the store was opened.
type trouble struct {
	notify func(Notice)

	// mu guards what is below.
	mu     sync.Mutex
	counts map[NoticeKind]int
	latest map[NoticeKind][]Notice
}

func (t *trouble) tell(n Notice) {
	t.mu.Lock()
	if t.counts == nil {
		t.counts, t.latest = map[NoticeKind]int{}, map[NoticeKind][]Notice{}
	}
	t.counts[n.Kind]++
	kept := append(t.latest[n.Kind], n)
	t.latest[n.Kind] = slices.Clone(kept[max(0, len(kept)-maxNotices):])
	t.mu.Unlock()
	t.mention(n)
}

// mention notifies of what is to be known and is no trouble.
func (t *trouble) mention(n Notice) {
	if t.notify != nil {
		t.notify(n)
	}
}

// sentences is what there is to say, the worst first.
func (t *trouble) sentences() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []string
	for _, kind := range []NoticeKind{Failing, Quarantined, Rebuilt, Rotten, Dropped} {
		for _, n := range t.latest[kind] {
			all = append(all, n.Text)
		}
		if more := t.counts[kind] - len(t.latest[kind]); more > 0 {
			all = append(all, fmt.Sprintf("and %d more like this (%s) before", more, kind))
		}
	}
	return all
}

// Trouble says what is wrong with the store, a sentence each: what went wrong
// since it was opened, and whether the disk is full now.
func (s *Store) Trouble() []string {
	all := s.trouble.sentences()
	if s.full.Load() && s.space.Room(body.FullBelow) != nil {
		all = append(all, "the disk is full: nothing new is stored until there is room")
	}
	return all
}
