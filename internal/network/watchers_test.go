package network

import (
	"slices"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"shoal"
)

func TestWatchTellsInOrderUntilStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ws Watchers
		var got []Change
		stop := ws.Watch(func(c Change) { got = append(got, c) })
		want := []Change{{"a", true}, {"b", true}, {"a", false}}
		for _, c := range want {
			ws.Tell(c)
			synctest.Wait()
		}
		stop()
		stop()
		ws.Tell(Change{"c", true})
		ws.Close()
		if !slices.Equal(got, want) {
			t.Errorf("told %v, want %v", got, want)
		}
	})
}

func TestWatchAfterCloseIsSilent(t *testing.T) {
	var ws Watchers
	ws.Close()
	stop := ws.Watch(func(Change) { t.Error("a closed host told of a change") })
	ws.Tell(Change{"a", true})
	stop()
}

// TestSlowWatcherSeesConsistentStates checks that whatever happens while a
// watcher is busy, the queue stays bounded and ends in the true state.
func TestSlowWatcherSeesConsistentStates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const peers = 3
		var w watcher
		w.wake = make(chan struct{}, 1)
		connected := make(map[shoal.NodeID]bool)
		believed := make(map[shoal.NodeID]bool)
		for _, n := range rapid.SliceOf(rapid.IntRange(0, peers-1)).Draw(t, "changes") {
			peer := shoal.NodeID(rune('a' + n))
			connected[peer] = !connected[peer]
			w.push(Change{peer, connected[peer]})
			if len(w.queue) > 2*peers {
				t.Fatalf("%d changes are queued for %d peers", len(w.queue), peers)
			}
			if rapid.IntRange(0, 4).Draw(t, "look") == 0 {
				believed[w.queueHead().Peer] = w.queueHead().Connected
				w.queue = w.queue[min(1, len(w.queue)):]
			}
		}
		for _, c := range w.queue {
			if believed[c.Peer] == c.Connected {
				t.Fatalf("%v is told twice", c)
			}
			believed[c.Peer] = c.Connected
		}
		for peer, is := range connected {
			if believed[peer] != is {
				t.Fatalf("the watcher believes %q connected: %v, it is %v", peer, believed[peer], is)
			}
		}
	})
}

func (w *watcher) queueHead() Change {
	if len(w.queue) == 0 {
		return Change{}
	}
	return w.queue[0]
}
