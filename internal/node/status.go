package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"shoal"
)

// Peers lists the connected peers. See shoal.Overseer.
func (n *Node) Peers(context.Context) ([]shoal.Peer, error) {
	conns := n.host.Peers()
	peers := make([]shoal.Peer, 0, len(conns))
	for _, conn := range conns {
		count := n.traffic.of(conn.Peer)
		peer := shoal.Peer{
			ID: conn.Peer, Name: n.roll.title(conn.Peer), Addr: conn.Addr, Direction: "out", Transport: conn.Transport,
			Latency: conn.Latency, Since: conn.Since, BytesIn: count.in.Load(), BytesOut: count.out.Load(),
		}
		if conn.Inbound {
			peer.Direction = "in"
		}
		peers = append(peers, peer)
	}
	return peers, nil
}

// Status is the node's account of itself. See shoal.Overseer.
func (n *Node) Status(ctx context.Context) (shoal.Status, error) {
	usage, err := n.quota.Usage(ctx)
	if err != nil {
		return shoal.Status{}, fmt.Errorf("look at the store: %w", err)
	}
	verdict, err := n.safety(ctx)
	if err != nil {
		return shoal.Status{}, err
	}
	trouble := n.store.Trouble()
	if trouble == nil {
		trouble = []string{}
	}
	return shoal.Status{
		Name: n.cfg.Name, ID: n.host.ID(), Version: n.cfg.Version, Listen: n.host.Addrs(), Data: n.cfg.Data,
		Free: usage.Free, Capacity: usage.Capacity, Stored: usage.Stored, Linked: usage.Linked, Files: usage.Files,
		Nodes: len(n.here()), Safety: shoal.Safety{State: string(verdict.State), Text: verdict.Text},
		Scrub: n.scrubber.status(),
		Peers: len(n.host.Peers()), Transfers: int(n.transfers.Load()), Sessions: n.server.Sessions(),
		Uptime: time.Since(n.started), Trouble: trouble,
	}, nil
}

// Verify reads and checks what is here. See shoal.Overseer.
func (n *Node) Verify(ctx context.Context, ref string, watch func(shoal.Event)) (shoal.VerifyReport, error) {
	ctx, done := n.work(ctx)
	defer done()
	v := verifier{node: n, emit: newEmitter(watch), report: shoal.VerifyReport{Rotten: []shoal.Rot{}}}
	if err := v.run(ctx, ref); err != nil {
		return v.report, err
	}
	if rotten := len(v.report.Rotten); rotten > 0 {
		return v.report, shoal.WithHint(fmt.Errorf("%d of %d chunks have rotted: %w", rotten, v.report.Chunks, shoal.Integrity),
			"get the file again: what is sound here is kept, the rest is fetched")
	}
	return v.report, nil
}

// verifier is one run of Verify.
type verifier struct {
	node   *Node
	emit   *emitter
	report shoal.VerifyReport
}

func (v *verifier) run(ctx context.Context, ref string) error {
	if ref != "" {
		entry, err := v.node.local(ctx, ref)
		if err != nil {
			return err
		}
		return v.file(ctx, entry)
	}
	for summary, err := range v.node.store.All(ctx) {
		if err != nil {
			return fmt.Errorf("list the store: %w", err)
		}
		entry, err := v.node.catalog.Resolve(ctx, summary.ID.String())
		if err != nil {
			entry = shoal.Entry{ID: summary.ID, Size: summary.Size}
		}
		if err := v.file(ctx, entry); err != nil {
			return err
		}
	}
	return nil
}

// file checks one file in every place it lies.
func (v *verifier) file(ctx context.Context, entry shoal.Entry) error {
	file, err := v.node.store.File(ctx, entry.ID)
	if err != nil {
		return fmt.Errorf("verify %s: %w", nameOr(entry), err)
	}
	v.report.Files++
	event := shoal.Event{Name: entry.Name, File: entry.ID, Total: file.Size}
	progress := progressOf(v.emit, event)
	done := int64(0)
	err = v.node.store.Verify(ctx, entry.ID, func(index int, place shoal.Place, err error) error {
		v.report.Chunks++
		v.report.Bytes += int64(file.ChunkLen(index))
		done += int64(file.ChunkLen(index))
		progress(done, file.Size)
		if errors.Is(err, shoal.Integrity) {
			v.report.Rotten = append(v.report.Rotten, shoal.Rot{File: entry.ID, Name: entry.Name, Index: index, Place: place})
		}
		return ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("verify %s: %w", nameOr(entry), err)
	}
	return nil
}
