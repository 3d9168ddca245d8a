package memnet

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"shoal"
	"shoal/internal/network"
)

// pipeBytes is how much a writer may be ahead of its reader.
const pipeBytes = 256 << 10

// pipe is one direction of a stream.
type pipe struct {
	line *line

	mu       sync.Mutex // guards the rest
	segments []segment
	held     int           // bytes in segments
	ended    bool          // nothing more will be written
	deaf     bool          // nothing more will be read
	broken   error         // set once: both ends fail with it
	changed  chan struct{} // closed and replaced when any of these changes
	reads    deadline
	writes   deadline
}

// segment is bytes on their way. One without bytes is the end.
type segment struct {
	data []byte
	at   time.Time // when it arrives
}

// deadline is a moment after which one side does not wait.
type deadline struct{ at time.Time }

func (d deadline) passed(now time.Time) bool { return !d.at.IsZero() && !now.Before(d.at) }

var (
	errDeadline = fmt.Errorf("%w: %w", os.ErrDeadlineExceeded, shoal.Network)
	errEnded    = errors.New("write after the stream was closed")
)

func newPipe(l *line) *pipe { return &pipe{line: l, changed: make(chan struct{})} }

// update changes the pipe under its lock, and wakes everyone who waits on it.
func (p *pipe) update(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

// fail breaks the pipe, with what has not been read.
func (p *pipe) fail(err error) {
	p.update(func() {
		if p.broken == nil {
			p.broken = err
		}
	})
}

// failEmpty breaks the pipe unless there is something in it that should still
// be read.
func (p *pipe) failEmpty(err error) {
	p.update(func() {
		if p.broken == nil && !p.ended {
			p.broken = err
		}
	})
}

// read waits for bytes to arrive, and takes them.
func (p *pipe) read(into []byte) (int, error) {
	for {
		n, wait, err := p.tryRead(into)
		if wait == nil {
			return n, err
		}
		wait()
	}
}

// tryRead takes what has arrived, or gives a way to wait for more.
func (p *pipe) tryRead(into []byte) (n int, wait func(), err error) {
	down, lineChanged := p.line.state()
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	switch {
	case p.broken != nil:
		return 0, nil, p.broken
	case p.deaf:
		return 0, nil, network.ErrReset
	case p.reads.passed(now):
		return 0, nil, errDeadline
	case len(into) == 0:
		return 0, nil, nil
	}
	next := time.Time{}
	if len(p.segments) > 0 && !down {
		first := &p.segments[0]
		if !now.Before(first.at) {
			return p.takeLocked(first, into)
		}
		next = first.at
	}
	return 0, sleeper(p.changed, lineChanged, earliest(next, p.reads.at), now), nil
}

func (p *pipe) takeLocked(first *segment, into []byte) (int, func(), error) {
	if len(first.data) == 0 {
		return 0, nil, io.EOF
	}
	n := copy(into, first.data)
	if first.data = first.data[n:]; len(first.data) == 0 {
		p.segments = p.segments[1:]
	}
	p.held -= n
	close(p.changed)
	p.changed = make(chan struct{})
	return n, nil, nil
}

// write gives bytes to the line, waiting for room. cut is called when the line
// breaks the connection behind them.
func (p *pipe) write(data []byte, cut func()) (written int, err error) {
	for len(data) > 0 {
		n, broke, wait, err := p.tryWrite(data)
		data, written = data[n:], written+n
		switch {
		case err != nil:
			return written, err
		case broke:
			cut()
			return written, network.ErrReset
		case wait != nil:
			wait()
		}
	}
	return written, nil
}

func (p *pipe) tryWrite(data []byte) (n int, cut bool, wait func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	switch {
	case p.broken != nil:
		return 0, false, nil, p.broken
	case p.ended:
		return 0, false, nil, fmt.Errorf("%w: %w", errEnded, shoal.Network)
	case p.deaf:
		return 0, false, nil, network.ErrReset
	case p.writes.passed(now):
		return 0, false, nil, errDeadline
	case p.held >= pipeBytes:
		return 0, false, sleeper(p.changed, nil, p.writes.at, now), nil
	}
	arrived, at, cut := p.line.carry(data[:min(len(data), pipeBytes-p.held)], now)
	p.segments = append(p.segments, segment{data: arrived, at: at})
	p.held += len(arrived)
	close(p.changed)
	p.changed = make(chan struct{})
	return len(arrived), cut, nil, nil
}

// end says that nothing more will be written.
func (p *pipe) end() {
	p.update(func() {
		if p.ended || p.broken != nil {
			return
		}
		p.ended = true
		_, at, _ := p.line.carry(nil, time.Now())
		p.segments = append(p.segments, segment{at: at})
	})
}

// sleeper gives a function that waits for one of two changes or a moment.
func sleeper(a, b <-chan struct{}, until, now time.Time) func() {
	return func() {
		var alarm <-chan time.Time
		if !until.IsZero() {
			timer := time.NewTimer(until.Sub(now))
			defer timer.Stop()
			alarm = timer.C
		}
		select {
		case <-a:
		case <-b:
		case <-alarm:
		}
	}
}

// earliest is the earlier of two moments, of which the zero one is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
