package node

import (
	"context"
	"errors"

	"shoal"
	"shoal/internal/catalog"
	"shoal/internal/catalog/merge"
	"shoal/internal/journal"
	"shoal/internal/membership/liveness"
	"shoal/internal/record"
	"shoal/internal/redundancy/placement"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/safety"
)

// nodes returns the storage nodes of the roster, with their liveness and reports.
func (r *reconciler) nodes() reconcile.Nodes {
	seen := make(map[shoal.NodeID]liveness.Member)
	for _, m := range r.n.beats.Members() {
		seen[m.Node] = m
	}
	offset := r.now().Mono - r.n.beats.Now()
	linked := make(map[shoal.NodeID]bool)
	for _, conn := range r.n.host.Peers() {
		linked[conn.Peer] = true
	}
	var all []reconcile.Peer
	for _, node := range r.n.membership.Nodes() {
		if !node.Stores() {
			continue
		}
		m := seen[node.ID]
		report, reported := safety.Parse(m.Own.Digest)
		all = append(all, reconcile.Peer{
			Name: r.n.membership.NameOf(node.ID), Alive: m.State == liveness.Alive, Linked: linked[node.ID], Reported: reported, Report: report,
			Node: repair.Node{
				Node:    placement.Node{ID: node.ID, Zone: node.Zone, Weight: node.Allotment},
				Absence: repair.Absence{For: node.Maintenance, Word: node.MaintenanceSaid},
				Up:      node.ID == r.n.self() || m.State != liveness.Down, Since: m.Since + offset,
			},
		})
	}
	return reconcile.Nodes{Storage: all}
}

// passed returns the facts that the machine gets with every step in time.
func (r *reconciler) passed(ctx context.Context) reconcile.Passed {
	p := reconcile.Passed{Late: r.n.catalog.Late(), Free: r.free(ctx)}
	log, err := r.n.journal.Applied().Digest()
	if err != nil {
		r.n.cfg.Log.Error("digest of the journal failed", "err", err)
		p.Late = true
	}
	p.Log = [8]byte(log[:8])
	return p
}

// free is the room of this node's store; none if that cannot be told.
func (r *reconciler) free(ctx context.Context) int64 {
	usage, err := r.n.quota.Usage(ctx)
	if err != nil {
		return 0
	}
	return usage.Free
}

// heard tells the machine of batches that the catalogue has applied.
func (r *reconciler) heard(items []journal.Item) {
	news := reconcile.Named{Files: namesIn(items)}
	for _, item := range items {
		news.Heard = append(news.Heard, reconcile.Position{Author: item.Author, Upto: item.Seq})
	}
	r.post(news)
}

// voided has the machine look at the files of batches that do not count any more.
func (r *reconciler) voided(items []journal.Item) {
	var recheck reconcile.Recheck
	for _, name := range namesIn(items) {
		recheck.Files = append(recheck.Files, name.File)
	}
	r.post(recheck)
}

// namesIn returns the names that batches give to files.
func namesIn(items []journal.Item) (names []reconcile.Name) {
	for _, item := range items {
		for _, rec := range item.Records {
			if rec.Kind != record.KindPut {
				continue
			}
			if put, err := merge.ParsePut(rec.Body); err == nil {
				names = append(names, reconcile.Name{File: put.File, By: item.Author, At: rec.Stamp.Time()})
			}
		}
	}
	return names
}

// see returns a file as the catalogue has it, with the store's chunks of it.
func (r *reconciler) see(ctx context.Context, id shoal.FileID, f catalog.File, err error) reconcile.Seen {
	s := reconcile.Seen{File: id}
	if !errors.Is(err, shoal.NotFound) {
		s = reconcile.Seen{File: id, Known: true, Live: f.Live, Size: f.Size, ChunkSize: f.ChunkSize, Copies: f.Copies, Since: f.Since}
	} else {
		err = nil
	}
	if err == nil {
		s.Own, err = r.n.store.Own(ctx, id)
		s.Here = err == nil
	}
	if err != nil && !errors.Is(err, shoal.NotFound) {
		if ctx.Err() == nil {
			r.n.cfg.Log.Error("look at a file failed", "file", id, "err", err)
		}
		return reconcile.Seen{File: id, Failed: true}
	}
	return s
}

// garbage is the files of the store that the catalogue does not know. A file that
// somebody reads is left out, and so are people's own files.
func (r *reconciler) garbage(ctx context.Context) (found []reconcile.Seen, err error) {
	for summary, err := range r.n.store.All(ctx) {
		if err != nil {
			return nil, err
		}
		if _, err := r.n.catalog.FileOf(ctx, summary.ID); !errors.Is(err, shoal.NotFound) {
			continue
		}
		own, err := r.n.store.Own(ctx, summary.ID)
		if err == nil && own.Count() > 0 && !r.n.cache.Reading(summary.ID) {
			found = append(found, reconcile.Seen{File: summary.ID, Here: true, Own: own})
		}
	}
	return found, nil
}
