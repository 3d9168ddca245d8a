package content

import "sync/atomic"

// spanSize is how many bytes a core reads and hashes at a time: few enough
// to stay in its own cache between the two, enough to be worth a read.
const spanSize = 256 << 10

// span is what a worker takes at a time: an aligned part of a chunk, or as
// many whole chunks as there are in spanSize bytes.
type span struct {
	offset int64 // a multiple of spanSize
	length int   // spanSize, but for the last
	joint  *joint
}

// spanCount is how many spans there are in size bytes.
func spanCount(size int64) int { return int((size + spanSize - 1) / spanSize) }

// spans deals out the spans of a file from first to last. It is for one
// goroutine at a time.
type spans struct {
	file  File
	next  int64  // offset of the first span not dealt out
	joint *joint // of the chunk that next is in
}

// take returns the next span, or false if all are taken.
func (s *spans) take() (span, bool) {
	if s.next >= s.file.Size {
		return span{}, false
	}
	cs := int64(s.file.ChunkSize)
	if cs > spanSize && s.next%cs == 0 {
		s.joint = newJoint(s.file, int(s.next/cs))
	}
	taken := span{offset: s.next, length: int(min(spanSize, s.file.Size-s.next)), joint: s.joint}
	s.next += spanSize
	return taken, true
}

// joint collects the values of the spans of one chunk, whoever hashes them.
type joint struct {
	file    File
	chunk   int
	cvs     HashList // one for each span; each is set once, by one worker
	missing atomic.Int32
}

// newJoint returns the joint for chunk i of f.
func newJoint(f File, i int) *joint {
	n := spanCount(int64(f.ChunkLen(i)))
	j := &joint{file: f, chunk: i, cvs: make(HashList, n)}
	j.missing.Store(int32(n))
	return j
}

// set puts in the value of the span at offset. The worker that puts in the
// last one joins them to that of the chunk.
func (j *joint) set(offset int64, cv CV) {
	j.cvs[(offset-j.file.ChunkOffset(j.chunk))/spanSize] = cv
	if j.missing.Add(-1) == 0 {
		j.file.List[j.chunk] = j.cvs.join(j.file.top())
	}
}
