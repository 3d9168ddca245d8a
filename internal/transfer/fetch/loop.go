package fetch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/transfer"
	"shoal/internal/transfer/picker"
)

// loop is the state of one fetch. Everything in it belongs to the goroutine
// that runs it; all others speak to it through the fetch's inbox. It goes
// through three phases: the file's shape is asked for and proven (file.ChunkSize
// is 0), the target is being opened (picker is nil), chunks are fetched.
type loop struct {
	engine  *Engine
	fetch   *Fetch
	task    Task
	ctx     context.Context // ends when the fetch has been wound up
	dialCtx context.Context // ends when it is over
	now     time.Time       // of the event being handled
	start   time.Time

	file    content.File
	opening bool // the target is being opened
	picker  *picker.Picker
	have    content.Bitmap // chunks that are verified: in the target, or on their way into it
	left    int            // chunks still to be written; meaningless with Demand
	order   wanted
	sources sources
	orphans map[int]*assembly
	hoarded int // bytes of memory, as the engine was told
	doubts  map[int][]suspicion
	early   []*assembly // right chunks that came before the target was open

	sink     *sink
	writing  int // chunks given to the sink and not yet written
	lastGain time.Time

	herald   *herald
	stats    shoal.Stats
	written  int64 // bytes there, reused ones among them
	reported time.Time

	workers sync.WaitGroup
	over    bool
	err     error
}

func newLoop(e *Engine, f *Fetch, task Task) *loop {
	if task.Watch == nil {
		task.Watch = func(shoal.Event) {}
	}
	if task.Patience == 0 {
		task.Patience = DefaultPatience
	}
	l := &loop{
		engine: e, fetch: f, task: task,
		sources: newSources(),
		orphans: make(map[int]*assembly),
		doubts:  make(map[int][]suspicion),
	}
	if task.Known != nil {
		l.file = *task.Known
	}
	return l
}

// run runs the loop to its end: the select below is all that ever happens.
func (l *loop) run(ctx context.Context) (shoal.Stats, error) {
	var stop, stopDials context.CancelFunc
	l.ctx, stop = context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	l.dialCtx, stopDials = context.WithCancel(l.ctx)
	defer stopDials()
	l.now = time.Now()
	l.start, l.lastGain = l.now, l.now
	l.herald = newHerald(l.task.Watch)
	l.begin()
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for !l.over {
		select {
		case m := <-l.fetch.inbox:
			l.now = time.Now()
			m.apply(l)
		case l.now = <-ticker.C:
			l.tick()
		case <-ctx.Done():
			l.fail(context.Cause(ctx))
		}
	}
	stopDials()
	grace := time.AfterFunc(partGrace, stop)
	defer grace.Stop()
	l.engine.hoarded.Add(int64(-l.hoarded))
	l.windUp()
	l.herald.close()
	return l.stats, l.err
}

// partGrace is how long sources may take to hear our goodbye.
const partGrace = 500 * time.Millisecond

// begin asks the first sources.
func (l *loop) begin() {
	l.report(shoal.Event{Type: shoal.EventStarted})
	for _, peer := range l.task.Sources {
		l.found(peer, byUs)
	}
	if l.file.ChunkSize != 0 {
		l.openTarget()
	}
	l.dial()
}

// tick does what time brings: retries, snubs, work for the idle, progress.
func (l *loop) tick() {
	l.retry()
	l.dial()
	l.askProof()
	l.evict()
	if l.writing == 0 {
		l.judge()
	}
	l.refillAll()
	if l.now.Sub(l.reported) >= progressBeat && l.picker != nil {
		l.progress()
	}
	l.checkHope()
}

// fail ends the fetch with an error.
func (l *loop) fail(err error) {
	if !l.over {
		l.over, l.err = true, err
	}
}

// checkDone ends the fetch when all that was wanted is written.
func (l *loop) checkDone() {
	if l.picker == nil || l.task.Demand || l.left > 0 || l.over {
		return
	}
	l.over = true
}

// checkHope fails a fetch that can no longer be expected to get anywhere.
func (l *loop) checkHope() {
	if l.over || l.opening || l.writing > 0 || l.task.Demand && l.picker != nil && l.picker.Remaining() == 0 {
		l.lastGain = l.now
		return
	}
	waited := l.now.Sub(l.lastGain)
	if l.sources.allGivenUp() && !l.task.Searching || waited >= l.task.Patience && !l.sources.owe() {
		l.fail(l.hopeless())
	}
}

// hopeless says what is missing and why nobody gives it.
func (l *loop) hopeless() error {
	switch {
	case len(l.sources.all) == 0:
		return fmt.Errorf("file %s: no node to ask: %w", l.task.File.Short(), shoal.NotFound)
	case l.sources.allAbsent():
		return fmt.Errorf("file %s: none of the %d nodes asked has it: %w", l.task.File.Short(), len(l.sources.all), shoal.NotFound)
	case l.sources.live() == 0 && l.sources.anyRefused():
		return shoal.WithHint(fmt.Errorf("file %s: whoever has it serves only its own shoal: %w", l.task.File.Short(), shoal.Unauthorised),
			"join it: a node of it makes a ticket with `shoal invite`, and `shoal up --join TICKET` is all this one needs")
	case l.sources.live() == 0:
		return fmt.Errorf("file %s: no source can be reached (%s): %w", l.task.File.Short(), l.sources.lastError(), shoal.Network)
	case l.picker == nil:
		return fmt.Errorf("file %s: no source tells its hash list: %w", l.task.File.Short(), shoal.Network)
	}
	return fmt.Errorf("file %s: %d of %d chunks are with no node that can be reached: %w",
		l.task.File.Short(), l.picker.Remaining(), l.file.Chunks(), shoal.Network)
}

// windUp ends the workers, makes what was written durable, and sums up.
func (l *loop) windUp() {
	l.partAll()
	if l.sink != nil {
		l.sink.close()
	}
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		l.workers.Wait()
	}()
	for waiting := true; waiting; {
		select {
		case m := <-l.fetch.inbox:
			l.discard(m)
		case <-idle:
			waiting = false
		}
	}
	for _, a := range l.orphans {
		a.release()
	}
	for _, a := range l.early {
		a.release()
	}
	l.finishTarget()
	l.sumUp()
}

// discard gives back what a message carries that comes too late.
func (l *loop) discard(m message) {
	switch m := m.(type) {
	case greeted: // it answered too late to be of use
		m.link.part(l.farewell())
	case chunkRight:
		l.stats.Wasted += int64(len(m.assembly.buf.Bytes))
		m.assembly.release()
	case chunkWrong:
		l.stats.Wasted += int64(len(m.assembly.buf.Bytes))
		m.assembly.release()
	case rejected:
		if m.half != nil {
			l.stats.Wasted += int64(m.half.got)
			m.half.release()
		}
	case linkEnded:
		for _, a := range m.halves {
			l.stats.Wasted += int64(a.got)
			a.release()
		}
	case chunksWritten:
		l.wrote(m)
		if m.err != nil && l.err == nil {
			l.err = fmt.Errorf("write file %s: %w", l.task.File.Short(), m.err)
		}
	}
}

// finishTarget settles what was written, even after a failure: it is verified,
// and need not be fetched again.
func (l *loop) finishTarget() {
	if l.sink == nil {
		return
	}
	// The fetch's own context may be over, and that must not lose what is here.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), settleTimeout)
	defer cancel()
	whole := l.err == nil && l.have.Full() && l.writing == 0
	if err := l.sink.target.Settle(ctx, whole); err != nil && l.err == nil {
		l.err = fmt.Errorf("make file %s durable: %w", l.task.File.Short(), err)
	}
	l.engine.cfg.Board.End(l.task.File)
}

// settleTimeout bounds the end of a fetch.
const settleTimeout = 5 * time.Minute

// board is told of chunks that can be read here.
func (l *loop) board() *transfer.Board { return l.engine.cfg.Board }
