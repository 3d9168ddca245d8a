package fetch

import (
	"context"
	"fmt"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/transfer/picker"
)

// openTarget has the place for the chunks opened, outside the loop.
func (l *loop) openTarget() {
	file := l.file
	l.opening = true
	l.workers.Go(func() {
		target, err := l.task.Open(l.ctx, file)
		l.fetch.tell(targetOpened{target: target, err: err})
	})
}

// targetOpened says that there is a place for the chunks.
type targetOpened struct {
	target Target
	err    error
}

func (m targetOpened) apply(l *loop) {
	l.opening = false
	if m.err != nil {
		l.fail(m.err)
		return
	}
	l.sink = newSink(l, m.target)
	l.workers.Go(func() { l.sink.run(context.WithoutCancel(l.ctx)) })
	l.board().Begin(l.file.ID, l.file.Chunks())
	have := m.target.Has()
	l.plan(have)
	for i := range have.All {
		l.written += int64(l.file.ChunkLen(i))
	}
	l.stats.Reused = l.written
	for _, a := range l.early {
		l.accept(a)
	}
	l.early = nil
	for _, src := range l.sources.order {
		if src.stage == stageLive {
			l.join(src)
		}
	}
	l.checkDone() // it may be whole already, and nobody need be asked
	l.dial()
}

// plan makes the picker, for all chunks that are not there yet or, on demand,
// for those that were asked for.
func (l *loop) plan(have content.Bitmap) {
	chunks := l.file.Chunks()
	want := content.NewBitmap(chunks)
	for i := range chunks {
		if !have.Has(i) && !l.task.Demand {
			want.Set(i)
		}
	}
	l.left = want.Count()
	l.picker = picker.New(picker.Config{Chunks: chunks, Wanted: want, ChunkBytes: int(l.file.ChunkSize), Seed: seedOf(l.engine.cfg.Self, l.file.ID)})
	l.have = have
	l.applyOrder()
}

// seedOf makes nodes that fetch one file start at different places in it.
func seedOf(self shoal.NodeID, file shoal.FileID) uint64 {
	seed := uint64(14695981039346656037) // FNV-1a
	for _, b := range append([]byte(self), file[:]...) {
		seed = (seed ^ uint64(b)) * 1099511628211
	}
	return seed
}

// wanted says which chunks a reader will need next.
type wanted struct{ first, count int }

func (m wanted) apply(l *loop) {
	l.order = m
	if l.picker != nil {
		l.applyOrder()
		l.lastGain = l.now
		l.refillAll()
	}
}

// applyOrder tells the picker what is urgent.
func (l *loop) applyOrder() {
	first := max(l.order.first, 0)
	last := min(first+l.order.count, l.file.Chunks())
	var missing []int
	if first < last && l.have.Has(first) {
		l.board().Post(shoal.Chunk{File: l.task.File, Index: first}) // for a reader that has not seen it come
	}
	for i := first; i < last; i++ {
		if !l.have.Has(i) {
			missing = append(missing, i)
			l.picker.Want(i)
		}
	}
	l.picker.Deadlines(missing)
}

// progressed says that a part of a chunk has come.
type progressed struct {
	link  *link
	bytes int
}

func (m progressed) apply(l *loop) {
	if src := l.sources.all[m.link.peer]; src.link == m.link {
		l.gained(src, m.bytes)
	}
}

// gained counts bytes that came from a source. Till they are a chunk, and right,
// they prove no more than that it is not silent.
func (l *loop) gained(src *source, bytes int) {
	src.window.Received(l.now, bytes)
	if src.link.moves(l.now) {
		src.snubbed = time.Time{}
	}
	if l.picker != nil {
		l.picker.SetRate(src.handle, src.window.Rate(l.now))
	}
}

// chunkRight says that a chunk has come whole, and matches its hash.
type chunkRight struct {
	link     *link
	assembly *assembly
	last     int // bytes of its last frame, not yet counted as progress
}

func (m chunkRight) apply(l *loop) {
	m.link.told()
	src := l.sources.all[m.link.peer]
	src.snubbed, src.tries = time.Time{}, 0
	l.lastGain = l.now
	switch {
	case src.early && m.assembly.index == 0:
		src.early = false // it was never on the books
	case src.link == m.link:
		l.gained(src, m.last)
	}
	switch {
	case l.file.ChunkSize != 0 && !sameShape(m.assembly.file, l.file):
		l.waste(m.assembly) // of a file that its source had wrong
	case l.picker == nil:
		l.tooEarly(m.assembly)
	default:
		l.accept(m.assembly)
		l.refill(src)
	}
}

// accept takes a right chunk: to the sink, unless it is there already.
func (l *loop) accept(a *assembly) {
	size := int64(len(a.buf.Bytes))
	if l.have.Has(a.index) {
		l.stats.Duplicates += size
		a.release()
		return
	}
	l.have.Set(a.index)
	for _, other := range l.picker.Done(a.index) {
		l.cancel(l.byHandle(other), a.index)
	}
	if half := l.orphans[a.index]; half != nil {
		l.waste(half)
	}
	l.settleDoubts(a)
	for i, p := range a.parts {
		to := len(a.buf.Bytes)
		if i+1 < len(a.parts) {
			to = a.parts[i+1].from
		}
		if giver := l.sources.all[p.peer]; giver != nil {
			giver.bytes += int64(to - p.from)
		}
	}
	l.stats.Bytes += size
	l.writing++
	l.sink.put(a)
}

// chunkWrong says that a chunk has come whole and does not match its hash.
type chunkWrong struct {
	link     *link
	assembly *assembly
	last     int
}

func (m chunkWrong) apply(l *loop) {
	m.link.told()
	a := m.assembly
	l.stats.Wasted += int64(len(a.buf.Bytes))
	src := l.sources.all[m.link.peer]
	if src.link == m.link && l.picker != nil {
		src.window.Received(l.now, m.last)
		l.picker.Release(src.handle, a.index)
	}
	if len(a.parts) == 1 {
		a.release()
		l.ban(src, fmt.Errorf("chunk %d: %w", a.index, shoal.Integrity))
		return
	}
	l.doubts[a.index] = append(l.doubts[a.index], a.suspicions()...)
	a.release()
	l.refillAll()
}

// settleDoubts bans those who are shown, by the right bytes of a chunk, to
// have lied about it earlier.
func (l *loop) settleDoubts(right *assembly) {
	doubts := l.doubts[right.index]
	delete(l.doubts, right.index)
	for _, doubt := range doubts {
		src := l.sources.all[doubt.peer]
		if src != nil && !src.banned && doubt.confirmed(right.buf.Bytes) {
			l.ban(src, fmt.Errorf("a part of chunk %d: %w", right.index, shoal.Integrity))
		}
	}
}

// adopt keeps half-received chunks of a lost source for others to finish: those
// that are as long as the file has them, which it may have seen otherwise.
func (l *loop) adopt(halves []*assembly) {
	for _, a := range halves {
		keep := a.got > 0 && l.picker != nil && sameShape(a.file, l.file) && !l.engine.buffers.Wanted() &&
			!l.have.Has(a.index) && l.orphans[a.index] == nil &&
			len(l.orphans) < MaxOrphans && (len(l.orphans)+1)*len(a.buf.Bytes) <= BufferBytes/4 &&
			l.doubts[a.index] == nil
		if !keep {
			l.waste(a)
			continue
		}
		l.orphans[a.index] = a
	}
}

// waste lets go of a half-received chunk.
func (l *loop) waste(a *assembly) {
	l.stats.Wasted += int64(a.got)
	if l.orphans[a.index] == a {
		delete(l.orphans, a.index)
	}
	a.release()
}
