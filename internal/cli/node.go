package cli

import (
	"context"
	"os"
	"time"

	"shoal/internal/doctor"
	"shoal/internal/node"
	"shoal/internal/storage/quota"
)

// system is the process that this program runs in.
func system() Env {
	return Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Now: time.Now,
		OpenNode: openNode, Doctor: lookOver,
	}
}

func openNode(ctx context.Context, c NodeConfig) (Node, error) {
	capacity, err := quota.ParseCapacity(c.Capacity)
	if err != nil {
		return nil, err
	}
	upload, err := parseRate(c.Upload)
	if err != nil {
		return nil, err
	}
	return node.Open(ctx, node.Config{
		Data: c.Data, Name: c.Name, Listen: c.Listen, Peers: c.Peers, Join: c.Join, Zone: c.Zone, DownAfter: c.Down, RepairDelay: c.Delay, Trash: c.Trash, Scrub: c.Scrub,
		Passing: c.Passing, Fail: c.Fail, Capacity: capacity, UploadLimit: upload, Version: c.Version, Log: c.Log,
	})
}

func lookOver(ctx context.Context, data string, repair Repair) ([]Finding, error) {
	report, err := doctor.Run(ctx, data, doctor.Options{Rebuild: repair == RebuildIndex, Moved: repair == TakeForMoved, NewIdentity: repair == NewIdentity})
	findings := make([]Finding, len(report.Findings))
	for i, f := range report.Findings {
		findings[i] = Finding(f)
	}
	return findings, err
}
