package gossip

import (
	"maps"
	"slices"
	"time"

	"shoal"
	"shoal/internal/record"
)

// Session is this node's side of the conversation with one peer.
type Session struct {
	node *Node

	met    bool          // the peer has said how far it is
	same   bool          // the peer has been found as far as this node
	theirs record.Vector // how far the peer is known to have each author

	wants record.Vector         // what the peer asked for: each author's batches after a number
	lacks map[shoal.NodeID]bool // of whom the peer has more than this node, which has yet to ask

	tell, told bool // the peer is to be told how far this node is; has been
	digestAt   time.Time
	news       map[shoal.NodeID]bool // who has come further since the peer was told
	newsAt     time.Time             // when to tell it; zero without news
	retryAt    time.Time             // when to look again at what is lacked; zero if there is no need
}

// Digest is a message: the hash of the speaker's vector.
type Digest [32]byte

// Have is a message: how far the speaker has these authors.
type Have record.Vector

// Want is a message: it asks for these authors' batches from these numbers on. A
// vector leaves out what is zero, so this is one more than the number after
// which they are asked for.
type Want record.Vector

// Give is a message: authors' batches after a number, all that there are of them.
// Gave tells the session that they are on their way.
type Give []Part

// Part is an author's batches after a number.
type Part struct {
	Author shoal.NodeID
	After  uint64
}

// Next is what to say now: a Digest, Have, Want or Give; nil for nothing. Errors
// are those of the journal's digest.
func (s *Session) Next(now time.Time) (any, error) {
	if !now.Before(s.digestAt) {
		s.digestAt = now.Add(DigestEvery)
		digest, err := s.node.journal.Digest()
		return Digest(digest), err
	}
	if have := s.sayHave(); have != nil {
		return have, nil
	}
	if want := s.sayWant(now); want != nil {
		return want, nil
	}
	if give := s.sayGive(); give != nil {
		return give, nil
	}
	if have := s.sayNews(now); have != nil {
		return have, nil
	}
	return nil, nil
}

// Wake is when Next may have something to say though nothing more is heard.
func (s *Session) Wake() time.Time {
	wake := s.digestAt
	for _, at := range []time.Time{s.newsAt, s.retryAt} {
		if !at.IsZero() && at.Before(wake) {
			wake = at
		}
	}
	return wake
}

// End ends the conversation: what its peer was asked for may be asked of others.
func (s *Session) End() {
	delete(s.node.sessions, s)
	maps.DeleteFunc(s.node.claims, func(_ shoal.NodeID, c claim) bool { return c.by == s })
}

// HearDigest takes in a digest. If the peer has something else, it is told what
// this node has, and asked again for what it has not given.
func (s *Session) HearDigest(theirs Digest) error {
	ours, err := s.node.journal.Digest()
	if err != nil {
		return err
	}
	if ours == theirs {
		s.met, s.same, s.theirs = true, true, s.node.journal.Vector()
		return nil
	}
	s.tell = true
	s.review()
	return nil
}

// review notes of whom the peer has more than this node.
func (s *Session) review() {
	for author, seq := range s.theirs {
		if seq > s.node.journal.Upto(author) {
			s.lacks[author] = true
		}
	}
}

// HearHave notes how far the peer is.
func (s *Session) HearHave(theirs Have) {
	s.met = true
	for author, seq := range theirs {
		if _, known := s.theirs[author]; !known && len(s.theirs) >= record.MaxAuthors {
			continue
		}
		s.theirs[author] = max(s.theirs[author], seq)
		if seq > s.node.journal.Upto(author) {
			s.lacks[author] = true
		}
	}
}

// HearWant notes what the peer asks for, of those whom this node knows.
func (s *Session) HearWant(wants Want) {
	for author, from := range wants {
		if s.node.journal.Upto(author) > 0 {
			s.wants[author] = from - 1
		}
	}
}

// Took notes that the peer sent batches, of each author up to a number, after this
// node has taken in what it could of them. again says that those it could not take
// are worth asking for at once; as they are if others were let in since Admissions
// was seen. Else they are asked for when Admitted is told.
func (s *Session) Took(now time.Time, sent record.Vector, again bool, seen uint64) {
	again = again || seen != s.node.admissions
	for author, upto := range sent {
		s.theirs[author] = max(s.theirs[author], upto)
		ours := s.node.journal.Upto(author)
		if upto <= ours {
			s.node.settle(now, author, s, s.theirs[author] > ours)
			continue
		}
		if !again {
			s.node.spurn(author, s)
			continue
		}
		s.lacks[author] = true
		s.node.release(author, s)
	}
}

// Gave notes that the peer has been sent an author's batches up to a number.
func (s *Session) Gave(author shoal.NodeID, upto uint64) {
	s.theirs[author] = max(s.theirs[author], upto)
}

// sayHave tells the peer all that it is not known to have: at first, everything.
func (s *Session) sayHave() Have {
	if !s.tell {
		return nil
	}
	s.tell = false
	have := Have(s.node.journal.Vector())
	maps.DeleteFunc(have, func(author shoal.NodeID, seq uint64) bool { return seq <= s.theirs[author] })
	if len(have) == 0 && s.told {
		return nil
	}
	s.told = true
	return have
}

// sayWant asks for what the peer has, this node lacks, and no other peer was
// asked for.
func (s *Session) sayWant(now time.Time) Want {
	var want Want
	s.retryAt = time.Time{}
	for author := range s.lacks {
		ours := s.node.journal.Upto(author)
		if s.theirs[author] <= ours {
			delete(s.lacks, author)
			continue
		}
		until, ok := s.node.claim(now, author, s)
		if !ok {
			if s.retryAt.IsZero() || until.Before(s.retryAt) {
				s.retryAt = until
			}
			continue
		}
		if want == nil {
			want = Want{}
		}
		want[author] = ours + 1
		delete(s.lacks, author)
	}
	return want
}

// sayGive gives the peer what it asked for, and what this node has said since the
// peer last had it all.
func (s *Session) sayGive() Give {
	var give Give
	for _, author := range slices.Sorted(maps.Keys(s.wants)) {
		give = append(give, Part{author, s.wants[author]})
	}
	clear(s.wants)
	theirs, self := s.theirs[s.node.self], s.node.self
	if s.met && theirs < s.node.journal.Upto(self) {
		give = append(give, Part{self, theirs})
	}
	return give
}

// sayNews announces the authors that have come further, but for what the peer is
// known to have. Before the peer knows how far this node is, it announces nothing:
// the peer would take that for all there is. It is told with the rest then.
func (s *Session) sayNews(now time.Time) Have {
	if s.newsAt.IsZero() || now.Before(s.newsAt) {
		return nil
	}
	s.newsAt = time.Time{}
	if !s.told && !s.same {
		clear(s.news)
		return nil
	}
	var have Have
	for author := range s.news {
		if upto := s.node.journal.Upto(author); upto > s.theirs[author] {
			if have == nil {
				have = Have{}
			}
			have[author] = upto
		}
	}
	clear(s.news)
	return have
}
