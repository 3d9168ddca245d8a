package node

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"shoal"
	"shoal/internal/membership/liveness"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/scrubber"
	"shoal/internal/redundancy/trim"
)

// maxReconcilerEvents is how many events may wait for the reconciler. It never
// blocks, so posting an event does not block for long.
const maxReconcilerEvents = 1024

// reconciler runs the machine that keeps this node's part of every file here. It
// decides nothing: it performs the machine's actions (perform.go) and hands the
// results back.
type reconciler struct {
	n      *core
	scrub  *scrubber.Scrubber
	cfg    reconcile.Config
	events chan reconcile.Event
	synced chan chan struct{} // of callers that want the state to be up to date
	poked  chan struct{}      // the roster or the members have changed
	state  atomic.Pointer[reconcile.State]

	calls   atomic.Uint64
	waiting sync.Map // of reconcile.Call: the channel of the caller that waits
}

func newReconciler(n *core, scrub *scrubber.Scrubber) *reconciler {
	r := &reconciler{
		n: n, scrub: scrub, events: make(chan reconcile.Event, maxReconcilerEvents), synced: make(chan chan struct{}), poked: make(chan struct{}, 1),
		cfg: reconcile.Config{
			Self: n.self(), RepairDelay: orDefault(n.cfg.RepairDelay, repair.DefaultDelay), TrimDelay: orDefault(n.cfg.TrimDelay, trim.DefaultDelay),
			Trash: orDefault(n.cfg.Trash, trim.DefaultTrash), Waking: cmp.Or(n.cfg.DownAfter, liveness.DefaultDown) + liveness.DefaultUpdate,
			Rescan: reconcile.RescanEvery, Ephemeral: n.cfg.Passing,
		},
	}
	r.state.Store(&reconcile.State{View: new(repair.Census).Step(0, 0, nil), Stepped: r.now()})
	return r
}

// orDefault is d, or another if d is 0; less than 0 is none.
func orDefault(d, other time.Duration) time.Duration { return max(cmp.Or(d, other), 0) }

// now reads both clocks.
func (r *reconciler) now() reconcile.Clock {
	now := time.Now()
	return reconcile.Clock{Mono: now.Sub(r.n.started), Wall: now.Round(0)}
}

// run steps the machine until ctx ends.
func (r *reconciler) run(ctx context.Context) {
	var work sync.WaitGroup // of actions
	defer work.Wait()
	machine := reconcile.New(r.cfg, r.now())
	wake := time.NewTimer(0)
	defer wake.Stop()
	step := func(e reconcile.Event) {
		for _, action := range machine.Step(r.now(), e) {
			if w, ok := action.(reconcile.Wake); ok {
				wake.Reset(w.At - r.now().Mono)
			} else {
				r.perform(ctx, action, &work)
			}
		}
		state := machine.State()
		r.state.Store(&state)
	}
	step(r.nodes())
	for {
		var caller chan struct{}
		changed := true
		select {
		case <-ctx.Done():
			return
		case e := <-r.events:
			step(e)
			changed = false
		case caller = <-r.synced:
		case <-r.poked:
		case <-wake.C:
		}
		passed := r.passed(ctx) // read first: the events of its batches are queued by now
		for range len(r.events) {
			step(<-r.events)
		}
		if changed {
			step(r.nodes())
		}
		step(passed)
		if caller != nil {
			close(caller)
		}
	}
}

// post hands an event to the machine, and reports whether it was taken: not when
// the node stops.
func (r *reconciler) post(e reconcile.Event) bool {
	select {
	case r.events <- e:
		return true
	case <-r.n.ctx.Done():
		return false
	}
}

// poke has the machine look at the roster and the members.
func (r *reconciler) poke() {
	select {
	case r.poked <- struct{}{}:
	default:
	}
}

// look returns the machine's state after it has looked at the roster and the
// members, or as it was last if ctx ends before.
func (r *reconciler) look(ctx context.Context) reconcile.State {
	done := make(chan struct{})
	select {
	case r.synced <- done:
		select {
		case <-done:
		case <-ctx.Done():
		case <-r.n.ctx.Done():
		}
	case <-ctx.Done():
	case <-r.n.ctx.Done():
	}
	return *r.state.Load()
}

// call posts the event of a caller that waits, and returns the action that ends
// the wait. Errors: the cause of ctx's end; errClosing.
func (r *reconciler) call(ctx context.Context, event func(reconcile.Call) reconcile.Event) (reconcile.Action, error) {
	call, reply := reconcile.Call(r.calls.Add(1)), make(chan reconcile.Action, 1)
	r.waiting.Store(call, reply)
	defer r.waiting.Delete(call)
	if !r.post(event(call)) {
		return nil, errClosing
	}
	select {
	case a := <-reply:
		return a, nil
	case <-ctx.Done():
		r.post(reconcile.HungUp{Call: call})
		return nil, context.Cause(ctx)
	case <-r.n.ctx.Done():
		return nil, errClosing
	}
}

// reply hands an action to the caller that waits for it, if it still does.
func (r *reconciler) reply(call reconcile.Call, a reconcile.Action) {
	if waiting, ok := r.waiting.Load(call); ok {
		waiting.(chan reconcile.Action) <- a // there is one, and room for it
	}
}

// excused is the end of a node's maintenance; zero if it is in none.
func (r *reconciler) excused(node shoal.NodeID) time.Time {
	until, ok := r.state.Load().View.Excused[node]
	if !ok {
		return time.Time{}
	}
	return r.n.started.Add(until).UTC().Truncate(time.Second)
}
