package client

import (
	"context"
	"fmt"
	"net/http"

	"shoal"
	"shoal/internal/api/wire"
)

// Add takes files into the node: see shoal.Mover. The paths are on this
// machine, which is the node's.
func (c *Client) Add(ctx context.Context, req shoal.AddRequest, watch func(shoal.Event)) error {
	_, err := c.follow(ctx, request{method: http.MethodPost, path: "/files", body: req}, watch)
	return err
}

// Get fetches files to paths on this machine: see shoal.Mover. It is the node
// that writes them.
func (c *Client) Get(ctx context.Context, req shoal.GetRequest, watch func(shoal.Event)) error {
	_, err := c.follow(ctx, request{method: http.MethodPost, path: "/downloads", body: req}, watch)
	return err
}

// follow asks for something that answers with a stream, and hands its events
// to watch, as they come, until the summary. Returning early makes the node
// stop, for the connection is closed then.
func (c *Client) follow(ctx context.Context, r request, watch func(shoal.Event)) (*shoal.VerifyReport, error) {
	resp, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if watch == nil {
		watch = func(shoal.Event) {}
	}
	lines := wire.NewReader(resp.Body)
	var found shoal.VerifyReport
	for {
		line, err := lines.Next()
		switch {
		case err != nil:
			return nil, broken(ctx, err)
		case line.Type == wire.Summary:
			if line.Report != nil {
				line.Report.Rotten, line.Report.Missing = found.Rotten, found.Missing
			}
			return line.Report, line.Failure.Err()
		case line.Type == wire.Rotten && line.Rot != nil:
			if len(found.Rotten) == wire.MaxRotten {
				return nil, fmt.Errorf("the node reports more than %d rotten chunks", wire.MaxRotten)
			}
			found.Rotten = append(found.Rotten, *line.Rot)
		case line.Type == wire.Missing && line.Lack != nil:
			if len(found.Missing) == wire.MaxMissing {
				return nil, fmt.Errorf("the node reports more than %d missing files", wire.MaxMissing)
			}
			found.Missing = append(found.Missing, *line.Lack)
		default:
			watch(line.Event)
		}
	}
}
