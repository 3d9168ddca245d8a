package node

import (
	"context"
	"errors"
	"sync"

	"shoal"
	"shoal/internal/membership/liveness"
	"shoal/internal/network/wire"
	"shoal/internal/redundancy/reconcile"
)

// perform performs an action. Slow actions run in goroutines of their own.
func (r *reconciler) perform(ctx context.Context, a reconcile.Action, work *sync.WaitGroup) {
	beside := func(do func() reconcile.Event) { work.Go(func() { r.post(do()) }) }
	switch a := a.(type) {
	case reconcile.Look:
		beside(func() reconcile.Event { return r.lookAt(ctx, a) })
	case reconcile.List:
		beside(func() reconcile.Event { return r.list(ctx, a) })
	case reconcile.ListGarbage:
		beside(func() reconcile.Event { return r.listGarbage(ctx, a) })
	case reconcile.Ask:
		for _, node := range a.To {
			beside(func() reconcile.Event { return r.ask(ctx, node, a) })
		}
	case reconcile.Fetch:
		beside(func() reconcile.Event { return reconcile.Fetched{Op: a.Op, Outcome: r.fetch(ctx, a)} })
	case reconcile.Delete:
		beside(func() reconcile.Event {
			r.delete(ctx, a)
			return reconcile.Deleted{Op: a.Op}
		})
	case reconcile.Compact:
		beside(func() reconcile.Event {
			if err := r.n.catalog.Sweep(ctx); err != nil && ctx.Err() == nil {
				r.n.cfg.Log.Warn("journal compaction failed", "err", err)
			}
			return reconcile.Compacted(a)
		})
	case reconcile.Report:
		r.n.beats.Say(liveness.Own{Digest: a.Account.Encode(), Free: uint64(max(a.Free, 0)), Full: a.Full})
	case reconcile.Repaired:
		r.scrub.Repaired(a.Chunks)
	case reconcile.Acknowledge:
		r.reply(a.Call, a)
	case reconcile.Admit:
		r.reply(a.Call, a)
	case reconcile.Answer:
		r.reply(a.Call, a)
	case reconcile.Examined:
		r.reply(a.Call, a)
	}
}

func (r *reconciler) lookAt(ctx context.Context, a reconcile.Look) reconcile.Event {
	looked := reconcile.Looked{Op: a.Op, Free: r.free(ctx)}
	for _, id := range a.Files {
		f, err := r.n.catalog.FileOf(ctx, id)
		looked.Files = append(looked.Files, r.see(ctx, id, f, err))
	}
	return looked
}

func (r *reconciler) list(ctx context.Context, a reconcile.List) reconcile.Event {
	page, err := r.n.catalog.Files(ctx, a.After)
	if err != nil {
		if ctx.Err() == nil {
			r.n.cfg.Log.Error("list of the catalogue's files failed", "err", err)
		}
		return reconcile.Listed{Op: a.Op, Failed: true}
	}
	listed := reconcile.Listed{Op: a.Op, Free: r.free(ctx)}
	for _, f := range page {
		listed.Files = append(listed.Files, r.see(ctx, f.ID, f, nil))
	}
	return listed
}

func (r *reconciler) listGarbage(ctx context.Context, a reconcile.ListGarbage) reconcile.Event {
	listed := reconcile.GarbageListed{Op: a.Op}
	var err error
	if listed.Complete, err = r.n.namesAreComplete(); err == nil && listed.Complete {
		listed.Files, err = r.garbage(ctx)
	}
	if listed.Failed = err != nil; listed.Failed && ctx.Err() == nil {
		r.n.cfg.Log.Error("look for files without a name failed", "err", err)
	}
	return listed
}

func (r *reconciler) ask(ctx context.Context, node shoal.NodeID, a reconcile.Ask) reconcile.Event {
	hold, err := r.n.askHolder(ctx, node, wire.Ask{File: a.File, Chunks: a.Chunks, Upto: a.Upto, Waited: a.Waited})
	if err != nil {
		r.n.cfg.Log.Debug("holder did not answer", "node", node, "err", err)
		return reconcile.Answered{Op: a.Op, From: node, Failed: true}
	}
	return reconcile.Answered{Op: a.Op, From: node, Has: hold.Has, Pledge: hold.Pledge}
}

func (r *reconciler) delete(ctx context.Context, a reconcile.Delete) {
	var err error
	if a.Whole {
		err = r.n.store.Delete(ctx, a.File)
	} else {
		_, err = r.n.store.Discard(ctx, a.File, a.Chunks)
	}
	switch {
	case errors.Is(err, shoal.NotFound):
	case err != nil && ctx.Err() == nil:
		r.n.cfg.Log.Warn("deletion of chunks failed", "file", a.File, "err", err)
	case err == nil:
		r.n.cfg.Log.Info("chunks deleted", "file", a.File, "chunks", a.Chunks.Count(), "why", a.Why)
	}
}
