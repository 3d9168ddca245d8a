package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"shoal"
	"shoal/internal/datadir"
	"shoal/internal/doctor"
	"shoal/internal/membership/ticket"
	"shoal/internal/redundancy/safety"
)

// safe reports whether all nodes say that all is safe.
func safe(t *testing.T, nodes ...*Node) func() bool {
	return func() bool {
		for _, n := range nodes {
			if v, err := n.reconciler.safety(t.Context()); err != nil || v.State != safety.Safe {
				return false
			}
		}
		return true
	}
}

// copiesOf is how many copies each chunk of a file has in the nodes' stores.
func copiesOf(t *testing.T, e shoal.Entry, nodes ...*Node) []int {
	t.Helper()
	counts := make([]int, chunksOf(e))
	for _, n := range nodes {
		own, err := n.store.Own(t.Context(), e.ID)
		if errors.Is(err, shoal.NotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for chunk := range own.All {
			counts[chunk]++
		}
	}
	return counts
}

func read(ctx context.Context, n *Node, ref string) ([]byte, error) {
	c, err := n.Open(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var buf bytes.Buffer
	_, err = buf.ReadFrom(c)
	return buf.Bytes(), err
}

func TestWhatOneAddsAllHave(t *testing.T) {
	nodes := together(t, 3, onSockets)
	path, data := write(t, 1, 3<<20)
	e := nodes[1].add(t, path, "photos/a.jpg")
	for _, n := range nodes {
		await(t, "everyone knows the name", func() bool {
			_, err := n.catalog.Resolve(t.Context(), "photos/a.jpg")
			return err == nil
		})
		if got, err := read(t.Context(), n, "photos/a.jpg"); err != nil || sha256.Sum256(got) != sha256.Sum256(data) {
			t.Errorf("read at %s: %d bytes, %v", n.cfg.Name, len(got), err)
		}
	}
	await(t, "all is safe", safe(t, nodes...))
	for chunk, count := range copiesOf(t, e, nodes...) {
		if count < 2 {
			t.Errorf("chunk %d has %d copies", chunk, count)
		}
	}
}

func TestTicketIsForOne(t *testing.T) {
	virtually(t, func(t *testing.T) {
		cfg := joiner(t, alone(t, nil), "second")
		second := open(t, cfg)
		await(t, "it is on the roster", func() bool { return second.membership.Node(second.self()).Present() })
		cfg.Data = t.TempDir()
		if n, err := Open(t.Context(), cfg); !errors.Is(err, shoal.Unauthorised) {
			if err == nil {
				_ = n.Close()
			}
			t.Errorf("the ticket was used twice: %v", err)
		}
		if _, err := os.Stat(filepath.Join(cfg.Data, datadir.Shoal)); err == nil {
			t.Error("a machine that was not let in has founded a shoal")
		}
	})
}

// A revoked node is cut off, and what it says after that counts nowhere.
func TestRevoked(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 3, nil)
		bad := nodes[2]
		await(t, "all know each other", func() bool { return len(nodes[0].host.Peers()) == 2 && len(nodes[1].host.Peers()) == 2 })
		path, _ := write(t, 3, 1000)
		bad.add(t, path, "before.bin")
		await(t, "the first has heard of it", func() bool {
			_, err := nodes[0].catalog.Resolve(t.Context(), "before.bin")
			return err == nil
		})
		if _, err := nodes[0].SetNode(t.Context(), "node2", shoal.NodeChange{State: "revoked"}); err != nil {
			t.Fatal(err)
		}
		for _, n := range nodes[:2] {
			await(t, "it is cut off", func() bool {
				for _, conn := range n.host.Peers() {
					if conn.Peer == bad.self() {
						return false
					}
				}
				return !n.membership.Allows(bad.self())
			})
		}
		if _, err := bad.SetNode(t.Context(), "node1", shoal.NodeChange{State: "revoked"}); !errors.Is(err, shoal.Unauthorised) {
			t.Errorf("a member revokes another: %v", err)
		}
	})
}

// A node that was removed is let in again with a new ticket, in its old folder.
func TestRemovedNodeComesBack(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 2, nil)
		gone := nodes[1]
		await(t, "it has said its name", func() bool { return nodes[0].membership.Title(gone.self()) == "node1" })
		if _, err := nodes[0].SetNode(t.Context(), "node1", shoal.NodeChange{State: "removed", Force: true}); err != nil {
			t.Fatal(err)
		}
		await(t, "it is cut off", func() bool { return len(nodes[0].neighbours()) == 0 })
		if err := gone.Close(); err != nil {
			t.Fatal(err)
		}
		used, err := ticket.Parse(gone.cfg.Join)
		if err != nil {
			t.Fatal(err)
		}
		if err := nodes[0].council.Admit(t.Context(), ticket.KeyOf(used.Secret).ID(), gone.self()); !errors.Is(err, shoal.Unauthorised) {
			t.Errorf("it comes back with the ticket it came with: %v", err)
		}
		cfg := gone.cfg
		cfg.Join = invite(t, nodes[0])
		back := open(t, cfg)
		await(t, "both know that it is back", func() bool {
			return nodes[0].membership.Node(back.self()).Present() && back.membership.Node(back.self()).Present() && len(nodes[0].neighbours()) == 1
		})
	})
}

// Of a node and the copy of its folder the one that was started later stops, and
// the other goes on.
func TestCopiedFolder(t *testing.T) {
	nodes := together(t, 2, onSockets)
	if err := nodes[1].Close(); err != nil {
		t.Fatal(err)
	}
	copied := nodes[1].cfg
	copied.Data = filepath.Join(t.TempDir(), "copy")
	copyFolder(t, copied.Data, nodes[1].cfg.Data)
	failed := make(map[string]chan error)
	for name, cfg := range map[string]*Config{"first": &nodes[1].cfg, "second": &copied} {
		ch := make(chan error, 1)
		failed[name] = ch
		cfg.Fail = func(err error) {
			select {
			case ch <- err:
			default:
			}
		}
	}
	first := open(t, nodes[1].cfg)
	second := open(t, copied)
	await(t, "the copy stops", func() bool { return len(failed["second"]) > 0 })
	if err := <-failed["second"]; !errors.Is(err, shoal.Exists) || shoal.HintOf(err) == "" {
		t.Errorf("it stops with %v", err)
	}
	if len(failed["first"]) > 0 {
		t.Error("the one that was there before stops too")
	}
	forksNothing(t, said(t, second, second.self()), said(t, first, first.self()))
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	report, err := doctor.Run(t.Context(), copied.Data, doctor.Options{NewIdentity: true})
	if err != nil {
		t.Fatalf("%+v, %v", report, err)
	}
	copied.Join = invite(t, nodes[0])
	other := open(t, copied)
	await(t, "all three are up", func() bool {
		return len(nodes[0].neighbours()) == 2 && len(first.neighbours()) == 2 && len(other.neighbours()) == 2
	})
}
