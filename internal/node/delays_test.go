package node

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"shoal"
	"shoal/internal/batch"
	"shoal/internal/catalog/find"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/standing"
	"shoal/internal/network"
	"shoal/internal/network/wire"
	"shoal/internal/redundancy/reconcile"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/trim"
)

// Here is whatever takes its time, with the times that a shoal has unless it is
// told otherwise.

// pass lets time pass.
func pass(d time.Duration) { <-time.After(d) }

// exactly reports whether every chunk of a file has so many copies.
func exactly(t *testing.T, copies int, e shoal.Entry, nodes ...*Node) func() bool {
	return func() bool {
		return !slices.ContainsFunc(copiesOf(t, e, nodes...), func(count int) bool { return count != copies })
	}
}

// fetched is how many bytes of chunks the nodes have got from others since they
// were started.
func fetched(nodes ...*Node) (bytes int64) {
	for _, n := range nodes {
		for _, other := range n.membership.Nodes() {
			in, _ := n.traffic.Of(other.ID)
			bytes += in
		}
	}
	return bytes
}

// seenAs reports whether all others find that a node is in some state.
func seenAs(state liveness.State, node *Node, others ...*Node) func() bool {
	return func() bool {
		return !slices.ContainsFunc(others, func(n *Node) bool {
			return n != node && !slices.ContainsFunc(n.beats.Members(), func(m liveness.Member) bool { return m.Node == node.self() && m.State == state })
		})
	}
}

// A node that is back before the others give it up costs no byte: nothing was
// fetched in its place, and it has all that it should.
func TestARebootCopiesNothing(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 4, nil)
		path, _ := write(t, 1, 4<<20)
		e := nodes[0].add(t, path, "file.bin")
		await(t, "all is safe", safe(t, nodes...))
		shut(t, nodes[1])
		others := append(nodes[:1:1], nodes[2:]...)
		before := fetched(others...)
		pass(repair.DefaultDelay - 5*time.Second)
		if !seenAs(liveness.Down, nodes[1], others...)() {
			t.Error("it was away for nearly a minute, and nobody has noticed")
		}
		nodes[1] = reopen(t, nodes[1])
		within(t, 10*time.Second, "all is safe with the node back", safe(t, nodes...))
		within(t, trim.DefaultDelay+2*reconcile.TrimEvery, "every chunk has just its two copies", exactly(t, 2, e, nodes...))
		if got := fetched(nodes...) - before; got != 0 || !safe(t, nodes...)() {
			t.Errorf("%d bytes were fetched, or not all is safe", got)
		}
	})
}

// A node that is away for longer is given up: its chunks are copied, and not
// before. When it is back, all is as it was.
func TestADeadNodesChunksAreCopiedAfterTheDelay(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 5, nil)
		path, data := write(t, 2, 4<<20)
		e := nodes[0].add(t, path, "file.bin")
		await(t, "all is safe", safe(t, nodes...))
		shut(t, nodes[1])
		left := append(nodes[:1:1], nodes[2:]...)
		before := fetched(left...)
		pass(repair.DefaultDelay)
		if safe(t, left...)() || fetched(left...) != before {
			t.Errorf("after %v they say that all is safe, or have fetched %d bytes", repair.DefaultDelay, fetched(left...)-before)
		}
		within(t, 2*liveness.DefaultDown, "all is safe without it", safe(t, left...))
		for chunk, count := range copiesOf(t, e, left...) {
			if count < 2 {
				t.Errorf("chunk %d has %d copies", chunk, count)
			}
		}
		for _, n := range left {
			if got, err := read(t.Context(), n, "file.bin"); err != nil || !bytes.Equal(got, data) {
				t.Errorf("read from the survivors: %d bytes, %v", len(got), err)
			}
		}
		nodes[1] = reopen(t, nodes[1])
		within(t, 10*time.Second, "all see it", seenAs(liveness.Alive, nodes[1], nodes...))
		await(t, "all is safe with the node back", safe(t, nodes...))
	})
}

// While a node is in maintenance nothing is copied in its place; afterwards all
// that it had.
func TestMaintenanceIsWaitedFor(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 4, nil)
		path, _ := write(t, 3, 4<<20)
		nodes[0].add(t, path, "file.bin")
		await(t, "all is safe", safe(t, nodes...))
		while := 20 * time.Minute
		if _, err := nodes[0].SetNode(t.Context(), "node3", shoal.NodeChange{Maintenance: &while}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		shut(t, nodes[3])
		left := nodes[:3]
		before := fetched(left...)
		pass(while - 5*time.Second)
		if got := fetched(left...) - before; got != 0 {
			t.Errorf("%d bytes were fetched while it was in maintenance", got)
		}
		within(t, time.Minute, "all is safe without it", safe(t, left...))
		if took := time.Since(began); took < while {
			t.Errorf("they say that all is safe after %v, and have fetched %d bytes", took, fetched(left...)-before)
		}
	})
}

// The one a file was added at has all of it at first. What it need not hold goes
// ten minutes after the last change in who counts: not before, and soon after.
func TestSurplusGoesTenMinutesAfterTheLastChange(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 3, nil)
		path, data := write(t, 4, 4<<20)
		e := nodes[2].add(t, path, "file.bin")
		await(t, "all is safe", safe(t, nodes...))
		pass(trim.DefaultDelay - time.Minute)
		if nodes[2].present(t.Context(), e.ID) != chunksOf(e) {
			t.Error("surplus went less than ten minutes after the third node came")
		}
		nodes = append(nodes, open(t, joiner(t, nodes[0], "late")))
		within(t, 10*time.Second, "the fourth counts", func() bool { return nodes[2].reconciler.look(t.Context()).View.In.Len() == len(nodes) })
		await(t, "all is safe with it", safe(t, nodes...))
		pass(trim.DefaultDelay - time.Minute)
		if nodes[2].present(t.Context(), e.ID) != chunksOf(e) {
			t.Error("surplus went less than ten minutes after the fourth node came")
		}
		within(t, time.Minute+2*reconcile.TrimEvery, "nothing is surplus", exactly(t, 2, e, nodes...))
		if !safe(t, nodes...)() {
			t.Error("it is no longer safe")
		}
		for _, n := range nodes {
			if got, err := read(t.Context(), n, "file.bin"); err != nil || !bytes.Equal(got, data) {
				t.Errorf("read at %s: %d bytes, %v", n.cfg.Name, len(got), err)
			}
		}
	})
}

// What was removed can be had back for a day: for so long its bytes are here, and
// when somebody had it back they stay.
func TestTheTrashIsKeptForADay(t *testing.T) {
	virtually(t, func(t *testing.T) {
		n := alone(t, nil)
		path, _ := write(t, 5, 500_000)
		gone := n.add(t, path, "gone")
		path, data := write(t, 6, 500_000)
		n.add(t, path, "back")
		for _, name := range []string{"gone", "back"} {
			if _, err := n.Remove(t.Context(), shoal.RemoveRequest{Ref: name}); err != nil {
				t.Fatal(err)
			}
		}
		pass(trim.DefaultTrash - time.Second)
		if n.present(t.Context(), gone.ID) != chunksOf(gone) {
			t.Error("it was deleted in less than a day")
		}
		if _, err := n.Undelete(t.Context(), shoal.UndeleteRequest{Ref: "back"}); err != nil {
			t.Error(err)
		}
		within(t, reconcile.RescanEvery+time.Second, "what is in the trash is deleted", func() bool {
			_, err := n.store.File(t.Context(), gone.ID)
			return errors.Is(err, shoal.NotFound)
		})
		pass(2 * reconcile.RescanEvery)
		if got, err := read(t.Context(), n, "back"); err != nil || !bytes.Equal(got, data) {
			t.Errorf("what was had back: %d bytes, %v", len(got), err)
		}
	})
}

// A node that drains has nothing in the end, and the others have it all.
func TestADrainedNodeIsEmptyInTheEnd(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 4, nil)
		path, data := write(t, 7, 4<<20)
		e := nodes[1].add(t, path, "file.bin")
		await(t, "all is safe", safe(t, nodes...))
		if _, err := nodes[0].SetNode(t.Context(), "node1", shoal.NodeChange{State: "draining"}); err != nil {
			t.Fatal(err)
		}
		within(t, time.Minute, "it may be removed", func() bool {
			all, err := nodes[0].Nodes(t.Context())
			return err == nil && slices.ContainsFunc(all, func(m shoal.Member) bool { return m.ID == nodes[1].self() && m.Empty })
		})
		others := append(nodes[:1:1], nodes[2:]...)
		for chunk, count := range copiesOf(t, e, others...) {
			if count < 2 {
				t.Errorf("it may be removed, and chunk %d has %d copies elsewhere", chunk, count)
			}
		}
		within(t, trim.DefaultDelay+2*reconcile.TrimEvery, "nothing is left on it", func() bool { return nodes[1].present(t.Context(), e.ID) == 0 })
		if _, err := nodes[0].SetNode(t.Context(), "node1", shoal.NodeChange{State: "removed"}); err != nil {
			t.Error(err)
		}
		shut(t, nodes[1])
		within(t, time.Minute, "all is safe without it", safe(t, others...))
		if got, err := read(t.Context(), others[2], "file.bin"); err != nil || !bytes.Equal(got, data) {
			t.Errorf("read: %d bytes, %v", len(got), err)
		}
	})
}

// One that is revoked while it downloads is cut off within ten seconds, and told
// why: the download ends as not authorised, and so does the next.
func TestARevokedNodeIsCutOffAndToldWhy(t *testing.T) {
	virtually(t, func(t *testing.T) {
		a := alone(t, func(c *Config) { c.UploadLimit = 1 << 20 })
		thief := reader(t, a, "thief")
		path, _ := write(t, 8, 32<<20)
		a.add(t, path, "file.bin")
		output := filepath.Join(t.TempDir(), "out")
		var begun sync.Once
		var revoked time.Time
		err := thief.Get(t.Context(), shoal.GetRequest{Items: []shoal.GetItem{{Ref: "file.bin", Output: output}}}, func(e shoal.Event) {
			if e.Done > 0 {
				begun.Do(func() {
					revoked = time.Now()
					if _, err := a.SetNode(t.Context(), "thief", shoal.NodeChange{State: "revoked"}); err != nil {
						t.Error(err)
					}
				})
			}
		})
		if took := time.Since(revoked); !errors.Is(err, shoal.Unauthorised) || took > 10*time.Second {
			t.Errorf("it ended after %v with %v", took, err)
		}
		within(t, 10*time.Second, "it is cut off", func() bool { return len(a.host.Peers()) == 0 })
		if err := get(t.Context(), thief, "file.bin", output); !errors.Is(err, shoal.Unauthorised) {
			t.Errorf("the next try ends with %v", err)
		}
	})
}

// One that is removed, or revoked, hears of it before it is cut off, and says so.
func TestWhoIsOutHearsOfIt(t *testing.T) {
	for state, says := range map[string]string{"removed": "this node was removed from the shoal", "revoked": "this node was revoked, which is for good"} {
		t.Run(state, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				nodes := together(t, 3, nil)
				await(t, "all are connected", meshed(nodes...))
				if _, err := nodes[0].SetNode(t.Context(), "node2", shoal.NodeChange{State: state, Force: true}); err != nil {
					t.Fatal(err)
				}
				within(t, 10*time.Second, "it says so", func() bool {
					v, err := nodes[2].reconciler.safety(t.Context())
					return err == nil && strings.Contains(v.Text, says)
				})
				err := nodes[2].membership.MayWrite()
				if !errors.Is(err, shoal.Unauthorised) || !strings.Contains(err.Error(), says) || shoal.HintOf(err) == "" {
					t.Errorf("it may write: %v", err)
				}
			})
		})
	}
}

// So does one that was removed, or revoked, while it was away: whom it meets then
// says that it is not on the roster, and nothing else.
func TestWhoWasOutHearsOfIt(t *testing.T) {
	for _, state := range []string{"removed", "revoked"} {
		t.Run(state, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				nodes := together(t, 3, nil)
				await(t, "all are connected", meshed(nodes...))
				shut(t, nodes[2])
				if _, err := nodes[0].SetNode(t.Context(), "node2", shoal.NodeChange{State: state, Force: true}); err != nil {
					t.Fatal(err)
				}
				await(t, "the other has heard of it", func() bool { return !nodes[1].membership.Node(nodes[2].self()).Present() })
				nodes[2] = reopen(t, nodes[2])
				within(t, 10*time.Second, "it says so", func() bool {
					v, err := nodes[2].reconciler.safety(t.Context())
					return err == nil && strings.Contains(v.Text, "not on their roster")
				})
				if err := nodes[2].membership.MayWrite(); !errors.Is(err, shoal.Unauthorised) || shoal.HintOf(err) == "" {
					t.Errorf("it may write: %v", err)
				}
				for _, n := range nodes[:2] {
					if err := n.membership.MayWrite(); err != nil {
						t.Errorf("and another may not: %v", err)
					}
				}
			})
		})
	}
}

// Who says so may just not have heard of it yet, and is asked again.
func TestWhoIsNotKnownYetIsNotOut(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 2, nil)
		shut(t, nodes[1])
		nodes[0].host.Handle(wire.FindProtocol, func(s network.Stream) {
			bye := wire.Goodbye{Reason: wire.ReasonUnauthorised, Text: "you are not on this shoal's roster"}
			_, _ = s.Write(bye.Append(nil)) // it may be gone
			_ = s.Close()
		})
		nodes[1] = reopen(t, nodes[1])
		within(t, standing.AskAgain, "it takes itself for out", func() bool { return errors.Is(nodes[1].membership.MayWrite(), shoal.Unauthorised) })
		nodes[0].host.Handle(wire.FindProtocol, nodes[0].membership.Gate(nodes[0].ctx, nodes[0].serving(find.Kind(), find.AtOnce, nodes[0].finder.Answer)))
		within(t, 2*standing.AskAgain, "it knows better", func() bool { return nodes[1].membership.MayWrite() == nil })
	})
}

// One who comes with a ticket is up within two seconds: it sees all, and all see
// it.
func TestAJoinerIsUpWithinTwoSeconds(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 4, nil)
		await(t, "all are connected", meshed(nodes...))
		began := time.Now()
		late := open(t, joiner(t, nodes[3], "late"))
		for _, n := range nodes {
			await(t, "they see each other", func() bool { return sees(n, late)() && sees(late, n)() })
			await(t, "it is known by name", func() bool { return n.membership.NameOf(late.self()) == "late" })
		}
		await(t, "all are connected", meshed(append(nodes, late)...))
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		if words := nodes[0].journal.Upto(late.self()); words != 1 {
			t.Errorf("it said %d times where it is: what it says before it knows that it was let in may not count", words)
		}
		if list, err := late.Nodes(t.Context()); err != nil || len(list) != 5 {
			t.Errorf("it knows %d nodes, %v", len(list), err)
		}
	})
}

// Whoever adds a file while a node is away need not wait until that is given up:
// those that answer take its place, and nothing of it is left when it is back.
func TestAddWhileANodeIsAway(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 4, nil)
		path, _ := write(t, 5, 4<<20)
		shut(t, nodes[3])
		left := nodes[:3]
		within(t, 2*liveness.DefaultDown, "all see that it is down", seenAs(liveness.Down, nodes[3], left...))
		began := time.Now()
		e := nodes[0].add(t, path, "file.bin")
		if took := time.Since(began); took > 2*reconcile.LastAsk {
			t.Errorf("two copies took %v", took)
		}
		if slices.Min(copiesOf(t, e, left...)) < 2 {
			t.Errorf("copies of the chunks: %v", copiesOf(t, e, left...))
		}
		if safe(t, left...)() {
			t.Error("all is said to be safe without a node that counts")
		}
		nodes[3] = reopen(t, nodes[3])
		within(t, 10*time.Second, "all is safe with the node back", safe(t, nodes...))
		within(t, trim.DefaultDelay+2*reconcile.TrimEvery, "every chunk has just its two copies", exactly(t, 2, e, nodes...))
	})
}

// Who has added a file may have lost it when a node comes back that should make
// the first copies: then that asks the others, at once.
func TestFirstCopiesNeedNotComeFromTheAdder(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 3, nil)
		path, _ := write(t, 7, 2<<20)
		shut(t, nodes[1])
		within(t, 2*liveness.DefaultDown, "all see that it is down", seenAs(liveness.Down, nodes[1], nodes[0], nodes[2]))
		e := nodes[0].add(t, path, "file.bin")
		if err := nodes[0].store.Delete(t.Context(), e.ID); err != nil {
			t.Fatal(err)
		}
		nodes[1] = reopen(t, nodes[1])
		within(t, reconcile.RetryAfter/2, "it has its part", func() bool {
			own, err := nodes[1].store.Own(t.Context(), e.ID)
			return err == nil && own.Count() > 0
		})
	})
}

// Many small files are fetched, and waited for, many at a time: none waits for
// another's round trips, and a holder that is asked early answers when it has what
// it should hold. It has heard of the name one way later, the others are to ask two
// nodes for the file, to hear from them, and to part.
func TestManySmallFilesAreWaitedForTogether(t *testing.T) {
	virtually(t, func(t *testing.T) {
		nodes := together(t, 4, nil)
		var req shoal.AddRequest
		for i := range batch.Width {
			path, _ := write(t, byte(100+i), 1000)
			req.Items = append(req.Items, shoal.AddItem{Path: path, Name: "small/" + strconv.Itoa(i)})
		}
		began := time.Now()
		if err := nodes[0].Add(t.Context(), req, nil); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 16*wayDelay {
			t.Errorf("%d files took %v, and one way is %v", batch.Width, took, wayDelay)
		}
	})
}
