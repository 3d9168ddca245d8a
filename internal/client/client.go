// Package client is a node that runs in another process: shoal.Node over the
// REST API on the node's unix socket. It starts no node, retries nothing and
// keeps nothing but idle connections.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"shoal"
	"shoal/internal/api/socket"
	"shoal/internal/api/wire"
)

// hintStart is what to do when nobody listens on the socket.
const hintStart = "start one: shoal up"

const (
	// idleConns is how many connections stay open between calls: as many as
	// there are commands that ask several things at once.
	idleConns = 4

	// idleTimeout closes connections that nobody needs.
	idleTimeout = time.Minute

	// readBuffer is what one read from the socket takes, in bytes: large
	// enough that a file's bytes cost few system calls.
	readBuffer = 256 << 10
)

// Client is a node in another process. It is for any number of goroutines at
// once. Errors have the code, text and hint that the node gave them; where no
// node listens they are shoal.NoNode.
type Client struct{ http *http.Client }

// Client is all that a node is.
var _ shoal.Node = (*Client)(nil)

// New speaks to the node that listens on the unix socket at path. It connects
// when it is first asked something.
func New(path string) *Client {
	transport := &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return socket.Dial(ctx, path) },
		MaxIdleConnsPerHost: idleConns,
		IdleConnTimeout:     idleTimeout,
		ReadBufferSize:      readBuffer,
		DisableCompression:  true,
	}
	return &Client{http: &http.Client{Transport: transport}}
}

// Close gives up the idle connections. Calls under way go on.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// request is one question to the node.
type request struct {
	method string
	path   string // below wire.Prefix, escaped
	query  url.Values
	header http.Header
	body   any // sent as JSON; nil for none
}

// do asks the node. An answer that is a problem is returned as the error that
// it is; any other body is the caller's to close.
func (c *Client) do(ctx context.Context, r request) (*http.Response, error) {
	req, err := r.build(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	if err := refusal(resp); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// ask is do for an answer of one JSON value, which it reads into answer.
func (c *Client) ask(ctx context.Context, r request, answer any) error {
	resp, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, wire.MaxAnswer+1))
	switch {
	case err != nil:
		return broken(ctx, err)
	case len(data) > wire.MaxAnswer:
		return fmt.Errorf("the node's answer is longer than %d bytes", wire.MaxAnswer)
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("understand the node's answer: %w", err)
	}
	return nil
}

// build makes the HTTP request. The host is never looked up: it stands for
// whoever listens on the socket.
func (r request) build(ctx context.Context) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		data, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	target := "http://node" + wire.Prefix + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	if r.header != nil {
		req.Header = r.header
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// refusal is the error that an answer is, or nil.
func refusal(resp *http.Response) error {
	if resp.Header.Get("Content-Type") == wire.MediaProblem {
		var p wire.Problem
		if err := json.NewDecoder(io.LimitReader(resp.Body, wire.MaxLine)).Decode(&p); err != nil {
			return fmt.Errorf("understand the node's answer of status %d: %w", resp.StatusCode, err)
		}
		return p.Err()
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("the node answered with status %s", resp.Status)
	}
	return nil
}

// unreachable is why the node gave no answer.
func unreachable(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return shoal.WithHint(shoal.NoNode, hintStart)
	case errors.Is(err, fs.ErrPermission):
		return shoal.WithHint(
			fmt.Errorf("the node belongs to somebody else: %w", shoal.Unauthorised),
			"run this as the user who started the node, or name another data folder with --data",
		)
	}
	return broken(ctx, err)
}

// broken is why an answer that had begun did not end.
func broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return shoal.WithHint(
		fmt.Errorf("the node went away while it worked (%w): %w", err, shoal.NoNode),
		"what it had done is kept: start it again with shoal up, and repeat the command",
	)
}

// below is the path of something about ref. Slashes of a name must not become
// those of the path, nor dots a step up in it.
func below(folder, ref, what string) (string, error) {
	if ref == "" {
		return "", fmt.Errorf("the reference to a file is empty: %w", shoal.Usage)
	}
	return folder + strings.ReplaceAll(url.PathEscape(ref), ".", "%2E") + what, nil
}
