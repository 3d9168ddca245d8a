package fetch

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"shoal/internal/content"
	"shoal/internal/network/wire"
)

// A file's id proves the hash list and with it how many chunks there are, but
// not how long the last one is: that is known only when it has come and matched
// its hash (content.File.Check). Till then what a source says of the file's
// shape is a claim. Nothing is kept under a claim, for a false one that is kept
// has all who know better taken for liars.

// Bounds of proving a claim.
const (
	// MaxClaims is how many sources are listened to whose claim is not proven.
	MaxClaims = 8

	// proofPatience is how long a source may take for the last chunk before
	// others are asked as well. It is not parted with.
	proofPatience = 2 * time.Second
)

// claim is what a source says of the file.
type claim struct {
	file   content.File
	since  time.Time
	asked  time.Time // when its last chunk was asked for; zero if it was not
	unable bool      // it does not have the last chunk, or does not give it
}

// sameShape reports whether two files of one id are of one size and cut alike.
func sameShape(a, b content.File) bool { return a.Size == b.Size && a.ChunkSize == b.ChunkSize }

// otherShape says what a source has that does not fit.
func otherShape(says, is content.File) error {
	if says.Size != is.Size {
		return fmt.Errorf("it says that the file has %d bytes, not %d", says.Size, is.Size)
	}
	return fmt.Errorf("it has the file in chunks of %d bytes, not %d", says.ChunkSize, is.ChunkSize)
}

// claimed takes a live source's claim, while nobody's is proven.
func (l *loop) claimed(src *source, file content.File) {
	if l.task.Size > 0 && file.Size != l.task.Size {
		l.lose(src, otherShape(file, content.File{Size: l.task.Size}), stageGivenUp)
		return
	}
	if file.Chunks() == 0 {
		l.prove(file) // nothing has but one id
		return
	}
	src.claim = &claim{file: file, since: l.now, unable: !src.link.have.Has(file.Chunks() - 1)}
	l.forgetClaim()
	l.askProof()
}

// forgetClaim parts for now with the source that has failed to prove its claim
// for longest, if there are too many.
func (l *loop) forgetClaim() {
	var oldest *source
	claims := 0
	for _, src := range l.sources.order {
		if src.claim == nil {
			continue
		}
		if claims++; oldest == nil || src.claim.since.Before(oldest.claim.since) {
			oldest = src
		}
	}
	if claims > MaxClaims {
		l.lose(oldest, errUnproven, stageLost)
	}
}

var errUnproven = errors.New("it has not given the last chunk, which proves the file's size")

// askProof asks for the last chunk wherever a claim can be proven and nobody is
// about to prove the same.
func (l *loop) askProof() {
	if l.file.ChunkSize != 0 {
		return
	}
	for _, src := range l.sources.order {
		if c := src.claim; c != nil && !c.unable && c.asked.IsZero() && !l.beingProven(c) {
			l.askLast(src)
		}
	}
}

// beingProven reports whether another source was asked to prove the same claim,
// and may still do so soon.
func (l *loop) beingProven(c *claim) bool {
	for _, src := range l.sources.order {
		other := src.claim
		if other != nil && other != c && !other.unable && sameShape(other.file, c.file) &&
			!other.asked.IsZero() && l.now.Sub(other.asked) < proofPatience {
			return true
		}
	}
	return false
}

// askLast asks a source for the last chunk of what it claims.
func (l *loop) askLast(src *source) {
	c := src.claim
	last := c.file.Chunks() - 1
	length := c.file.ChunkLen(last)
	if src.early && last == 0 {
		src.early = false // asked for with the hello
	} else if !src.link.ask(l.now, wire.Span{Chunk: last, Length: length}, nil) {
		return
	}
	c.asked = l.now
	src.window.Sent(l.now, length)
}

// claiming reports whether a source is to be waited for, before another is
// asked for the hash list.
func (s *source) claiming(now time.Time) bool {
	return s.claim != nil && !s.claim.unable && now.Sub(s.claim.since) < proofPatience
}

// unproved says that a source which claims something does not prove it.
func (l *loop) unproved(src *source) {
	src.claim.unable = true
	l.askProof()
	l.dial()
}

// tooEarly keeps a right chunk for when there is a place for it. The last one
// is the proof of what its source claims.
func (l *loop) tooEarly(a *assembly) {
	l.early = append(l.early, a)
	if l.file.ChunkSize == 0 && a.index == a.file.Chunks()-1 {
		l.prove(a.file)
	}
}

// prove takes a claim for what it was shown to be: the file. Sources that
// claimed anything else are parted with; they may have believed it themselves.
func (l *loop) prove(file content.File) {
	l.file = file
	l.openTarget()
	l.early = slices.DeleteFunc(l.early, func(a *assembly) bool {
		if sameShape(a.file, file) {
			return false
		}
		l.waste(a)
		return true
	})
	for _, src := range l.sources.order {
		if src.stage != stageLive {
			continue
		}
		if c := src.claim; c != nil && !c.asked.IsZero() {
			src.link.cancel(c.file.Chunks() - 1)
		}
		l.admit(src)
	}
}
