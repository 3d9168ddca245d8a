package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"shoal"
	"shoal/bench/table"
	"shoal/internal/testnet"
)

// healers is a shoal of five: the first founds it, and the third is killed.
func healers() []string { return []string{"gil", "hana", "ian", "joy", "kim"} }

const (
	victimAt = 2               // of healers
	patience = 5 * time.Minute // for what the nodes come to by themselves
	glance   = 100 * time.Millisecond
)

// status is what of a node's status the story needs.
type status struct {
	Stored int64 `json:"stored"`
	Safety struct {
		State string `json:"state"`
		Text  string `json:"text"`
	} `json:"safety"`
}

// heal has a shoal of five keep the file: one of them dies, and the others make
// its copies again by themselves.
func (d *demo) heal(ctx context.Context) error {
	nodes, err := d.found(ctx)
	if err != nil {
		return err
	}
	if err := d.keep(ctx, nodes); err != nil {
		return err
	}
	left, err := d.loseOne(ctx, nodes)
	if err != nil {
		return err
	}
	reader := left[len(left)-1]
	if _, err := reader.Get(ctx, d.id, d.output(reader), nil); err != nil {
		return err
	}
	if err := d.check(ctx, d.output(reader)); err != nil {
		return err
	}
	d.tell("  %s gets the file from the four that are left: it is the sample, byte by byte.", reader.Name)
	back, err := d.net.Start(ctx, healers()[victimAt])
	if err != nil {
		return err
	}
	took, err := d.awaitSafe(ctx, append(left, back))
	if err == nil {
		d.tell("  %s is back, and %s later all five say that all is safe. What is surplus now goes in time.", back.Name, seconds(took))
	}
	return err
}

// found starts the five.
func (d *demo) found(ctx context.Context) ([]*testnet.Node, error) {
	var nodes []*testnet.Node
	args := []string{"--repair-delay", "0s"}
	for i, name := range healers() {
		node, err := d.net.Start(ctx, name, args...)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, node)
		if i > 0 {
			continue
		}
		ticket, err := node.Run(ctx, "invite", "-q", "--uses", "4")
		if err != nil {
			return nil, err
		}
		args = append(args, "--join", strings.TrimSpace(string(ticket)))
	}
	for _, node := range nodes {
		if err := d.until(ctx, node.Name+" knows all five", func() (bool, error) { return knowsAll(ctx, node, len(nodes)) }); err != nil {
			return nil, err
		}
	}
	d.tell("\nFive more found a shoal of their own: %s. The first made a ticket, and the others joined with it.", strings.Join(healers(), ", "))
	return nodes, nil
}

// keep adds the file, and waits until all say that it is safe.
func (d *demo) keep(ctx context.Context, nodes []*testnet.Node) error {
	start := time.Now()
	if _, err := nodes[0].Run(ctx, "add", "-q", "--wait", "safe", d.file); err != nil {
		return err
	}
	d.tell("%s adds the file; %s later every chunk is on the disks of two of them, and add returns.", nodes[0].Name, seconds(time.Since(start)))
	if _, err := d.awaitSafe(ctx, nodes); err != nil {
		return err
	}
	return d.tellStored(ctx, nodes)
}

// tellStored prints how much each node has.
func (d *demo) tellStored(ctx context.Context, nodes []*testnet.Node) error {
	t := table.New(table.Column{Title: "node"}, table.Column{Title: "stores", Align: table.Right}, table.Column{Title: "of the file", Align: table.Right}, table.Column{Title: ""})
	for _, node := range nodes {
		s, err := statusOf(ctx, node)
		if err != nil {
			return err
		}
		share := float64(s.Stored) / float64(max(d.size, 1))
		t.Row(node.Name, shoal.FormatSize(s.Stored), fmt.Sprintf("%.0f %%", 100*share), bar(min(share, 1)))
	}
	return t.Print(d.say, "  ")
}

// loseOne kills one node, and waits until the others have noticed and healed.
func (d *demo) loseOne(ctx context.Context, nodes []*testnet.Node) ([]*testnet.Node, error) {
	victim := nodes[victimAt]
	left := slices.Delete(slices.Clone(nodes), victimAt, victimAt+1)
	lost, err := statusOf(ctx, victim)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := victim.Kill(); err != nil {
		return nil, err
	}
	if err := d.until(ctx, "the others see that "+victim.Name+" is down", func() (bool, error) { return seesDown(ctx, left[0], victim.Name) }); err != nil {
		return nil, err
	}
	noticed := time.Since(start)
	if _, err := d.awaitSafe(ctx, left); err != nil {
		return nil, err
	}
	healed := time.Since(start)
	d.tell("\nkill -9 ends %s, and %s of copies with it. Noticed after %s; after %s the four say that all is safe again.\n",
		victim.Name, shoal.FormatSize(lost.Stored), seconds(noticed), seconds(healed))
	return left, d.tellStored(ctx, left)
}

// knowsAll reports whether a node knows of so many that are up and store.
func knowsAll(ctx context.Context, node *testnet.Node, want int) (bool, error) {
	members, err := membersOf(ctx, node)
	have := 0
	for _, m := range members {
		if m.Allotment > 0 && (m.Health == "up" || m.Health == "self") {
			have++
		}
	}
	return have == want, err
}

// member is what of a node's list of nodes the story needs.
type member struct {
	Name      string `json:"name"`
	Health    string `json:"health"`
	Allotment int64  `json:"allotment"`
}

func membersOf(ctx context.Context, node *testnet.Node) ([]member, error) {
	out, err := node.Run(ctx, "nodes", "--json")
	if err != nil {
		return nil, err
	}
	var members []member
	for line := range strings.Lines(string(out)) {
		var m member
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}

// seesDown reports whether a node lists another as down.
func seesDown(ctx context.Context, node *testnet.Node, name string) (bool, error) {
	members, err := membersOf(ctx, node)
	return slices.ContainsFunc(members, func(m member) bool { return m.Name == name && m.Health == "down" }), err
}

// awaitSafe waits until every node says that all is safe, and returns how long
// that took.
func (d *demo) awaitSafe(ctx context.Context, nodes []*testnet.Node) (time.Duration, error) {
	start := time.Now()
	for _, node := range nodes {
		err := d.until(ctx, node.Name+" says that all is safe", func() (bool, error) {
			s, err := statusOf(ctx, node)
			return s.Safety.State == "safe", err
		})
		if err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

// until waits until something is so.
func (d *demo) until(ctx context.Context, what string, so func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		ok, err := so()
		if ok || err != nil {
			return err
		}
		select {
		case <-time.After(glance):
		case <-ctx.Done():
			return fmt.Errorf("in %v it did not come about that %s: %w", patience, what, ctx.Err())
		}
	}
}

func statusOf(ctx context.Context, node *testnet.Node) (status, error) {
	out, err := node.Run(ctx, "status", "--json")
	if err != nil {
		return status{}, err
	}
	first, _, _ := strings.Cut(string(out), "\n")
	var s status
	return s, json.Unmarshal([]byte(first), &s)
}
