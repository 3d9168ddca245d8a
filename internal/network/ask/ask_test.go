package ask_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"shoal"
	"shoal/internal/network"
	"shoal/internal/network/ask"
	"shoal/internal/network/memnet"
	"shoal/internal/network/wire"
)

// kind is a kind of question that may have any body.
func kind() ask.Kind {
	return ask.Kind{Protocol: "/test/ask/1", Question: wire.TypeFind, Answer: wire.TypeFound, Timeout: time.Second}
}

func question(body string) []byte { return wire.AppendFrame(nil, wire.TypeFind, []byte(body)) }

// pair runs a test in virtual time on two connected hosts, of which the second
// serves the kind.
func pair(t *testing.T, serve func(network.Stream), test func(t *testing.T, asker *memnet.Host, peer shoal.NodeID)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(1)
		asker, server := net.Host("asker"), net.Host("server")
		server.Handle(kind().Protocol, serve)
		if _, err := asker.Connect(t.Context(), server.Addrs()[0]); err != nil {
			t.Fatal(err)
		}
		test(t, asker, server.ID())
		if err := errors.Join(asker.Close(), server.Close()); err != nil {
			t.Error(err)
		}
	})
}

// answering is a server that answers with what answer gives.
func answering(limit int, answer func(context.Context, ask.Question) ([]byte, error)) func(network.Stream) {
	s := ask.NewServer(kind(), limit, slog.New(slog.DiscardHandler), answer)
	return func(stream network.Stream) { s.Serve(context.Background(), stream) }
}

func echo(_ context.Context, q ask.Question) ([]byte, error) {
	return wire.AppendFrame(nil, wire.TypeFound, append([]byte(q.From.Short()+" "), q.Body...)), nil
}

func TestPeerAnswers(t *testing.T) {
	pair(t, answering(1, echo), func(t *testing.T, asker *memnet.Host, peer shoal.NodeID) {
		for _, body := range []string{"", "what?", string(make([]byte, 4<<10))} {
			got, err := ask.Peer(t.Context(), asker, peer, kind(), question(body))
			if want := asker.ID().Short() + " " + body; err != nil || string(got) != want {
				t.Errorf("got %d bytes %.20q, %v, want %.20q", len(got), got, err, want)
			}
		}
	})
}

// A peer that says nothing is waited for as long as the kind says, and one that
// trickles its answer no longer.
func TestSilentPeer(t *testing.T) {
	for name, serve := range map[string]func(network.Stream){
		"silent": func(s network.Stream) { _, _ = io.Copy(io.Discard, s) },
		"slow": func(s network.Stream) {
			for _, err := s.Write([]byte{byte(wire.TypeFound), 0, 0, 0, 0, 1, 0, 0}); err == nil; _, err = s.Write([]byte{0}) {
				<-time.After(100 * time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			pair(t, serve, func(t *testing.T, asker *memnet.Host, peer shoal.NodeID) {
				began := time.Now()
				_, err := ask.Peer(t.Context(), asker, peer, kind(), question("what?"))
				if took := time.Since(began); err == nil || took != kind().Timeout {
					t.Errorf("%v after %v, want an error after %v", err, took, kind().Timeout)
				}
				ctx, cancel := context.WithTimeout(t.Context(), kind().Timeout/4)
				defer cancel()
				began = time.Now()
				_, err = ask.Peer(ctx, asker, peer, kind(), question("what?"))
				if took := time.Since(began); err == nil || took != kind().Timeout/4 {
					t.Errorf("%v after %v, want an error when the context ends", err, took)
				}
			})
		})
	}
}

// The reason of a peer that declines is the error; anything else but an answer is
// malformed.
func TestOtherAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame []byte
		want  error
	}{
		{"not authorised", wire.Goodbye{Reason: wire.ReasonUnauthorised, Text: "who are you?"}.Append(nil), shoal.Unauthorised},
		{"fault", wire.Goodbye{Reason: wire.ReasonFault, Text: "no"}.Append(nil), shoal.Network},
		{"a goodbye out of bounds", wire.AppendFrame(nil, wire.TypeGoodbye, make([]byte, 5<<10)), wire.ErrMalformed},
		{"a malformed goodbye", wire.AppendFrame(nil, wire.TypeGoodbye, []byte{1}), wire.ErrMalformed},
		{"another frame", question("what?"), wire.ErrMalformed},
		{"half an answer", wire.AppendFrame(nil, wire.TypeFound, []byte("half"))[:10], io.ErrUnexpectedEOF},
		{"nothing", nil, io.EOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			serve := func(s network.Stream) {
				if _, err := s.Write(c.frame); err != nil || s.CloseWrite() != nil {
					t.Errorf("write: %v", err)
				}
				_, _ = io.Copy(io.Discard, s)
			}
			pair(t, serve, func(t *testing.T, asker *memnet.Host, peer shoal.NodeID) {
				if body, err := ask.Peer(t.Context(), asker, peer, kind(), question("what?")); !errors.Is(err, c.want) {
					t.Errorf("got %q, %v, want %v", body, err, c.want)
				}
			})
		})
	}
}

// What is no question of the kind, or is too long for one, is not answered.
func TestOtherQuestions(t *testing.T) {
	serve := answering(1, func(context.Context, ask.Question) ([]byte, error) {
		t.Error("it was answered")
		return nil, nil
	})
	pair(t, serve, func(t *testing.T, asker *memnet.Host, peer shoal.NodeID) {
		for name, frame := range map[string][]byte{
			"another frame": wire.AppendFrame(nil, wire.TypeAsk, nil),
			"out of bounds": question(string(make([]byte, 4<<10+1))),
		} {
			began := time.Now()
			if _, err := ask.Peer(t.Context(), asker, peer, kind(), frame); err == nil || time.Since(began) >= kind().Timeout {
				t.Errorf("%s: %v after %v, want an error at once", name, err, time.Since(began))
			}
		}
	})
}

// Of more questions than are answered at once the others are dropped. A peer that
// has opened a stream and asks nothing takes no place, and is dropped in time.
func TestQuestionsAtOnce(t *testing.T) {
	const limit = 3
	var release chan struct{} // made in the bubble
	serve := answering(limit, func(ctx context.Context, q ask.Question) ([]byte, error) {
		<-release
		return echo(ctx, q)
	})
	pair(t, serve, func(t *testing.T, asker *memnet.Host, peer shoal.NodeID) {
		release = make(chan struct{})
		var silent []network.Stream
		for range limit {
			stream, err := asker.Open(t.Context(), peer, kind().Protocol)
			if err != nil {
				t.Fatal(err)
			}
			silent = append(silent, stream)
		}
		var answered, dropped atomic.Int64
		var asking sync.WaitGroup
		for range 2 * limit {
			asking.Go(func() {
				if _, err := ask.Peer(t.Context(), asker, peer, kind(), question("what?")); err != nil {
					dropped.Add(1)
				} else {
					answered.Add(1)
				}
			})
		}
		synctest.Wait()
		if dropped.Load() != limit {
			t.Errorf("%d questions are dropped, want %d", dropped.Load(), limit)
		}
		close(release)
		asking.Wait()
		if answered.Load() != limit {
			t.Errorf("%d questions are answered, want %d", answered.Load(), limit)
		}
		if _, err := ask.Peer(t.Context(), asker, peer, kind(), question("again")); err != nil {
			t.Errorf("later: %v", err)
		}
		began := time.Now()
		for _, stream := range silent {
			if _, err := stream.Read(make([]byte, 1)); err == nil || time.Since(began) > kind().Timeout {
				t.Errorf("a silent peer: %v after %v, want its end", err, time.Since(began))
			}
		}
	})
}

// An answer that is put off is not put off for an asker that has gone, and can still
// be given when it was waited for.
func TestListening(t *testing.T) {
	var waited atomic.Int64 // how long the last question was put off
	serve := answering(1, func(ctx context.Context, q ask.Question) ([]byte, error) {
		began := time.Now()
		listening, stop := q.Listening(ctx)
		select {
		case <-listening.Done():
		case <-time.After(kind().Timeout / 2):
		}
		waited.Store(int64(time.Since(began)))
		stop()
		return echo(ctx, q)
	})
	pair(t, serve, func(t *testing.T, asker *memnet.Host, peer shoal.NodeID) {
		if body, err := ask.Peer(t.Context(), asker, peer, kind(), question("what?")); err != nil || !bytes.HasSuffix(body, []byte("what?")) {
			t.Errorf("put off: %q, %v", body, err)
		}
		if got := time.Duration(waited.Load()); got != kind().Timeout/2 {
			t.Errorf("it was put off for %v", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), kind().Timeout/4)
		defer cancel()
		if _, err := ask.Peer(ctx, asker, peer, kind(), question("what?")); err == nil {
			t.Error("answered in half of the time that it is put off")
		}
		synctest.Wait()
		if got := time.Duration(waited.Load()); got != kind().Timeout/4 {
			t.Errorf("for an asker that went after %v it was put off for %v", kind().Timeout/4, got)
		}
	})
}

func TestMany(t *testing.T) {
	peers := make([]shoal.NodeID, 20)
	for i := range peers {
		peers[i] = shoal.NodeID(fmt.Sprint(i))
	}
	for _, c := range []struct {
		name   string
		width  int
		enough func(int) bool
		took   time.Duration
		least  int
		most   int // answers
	}{
		{"all at once", 20, nil, 20 * time.Second, 18, 18},
		{"a few at once", 5, nil, 55 * time.Second, 18, 18},
		{"until one is enough", 20, func(n int) bool { return n == 7 }, 8 * time.Second, 6, 7},
		{"which is never", 20, func(int) bool { return false }, 20 * time.Second, 18, 18},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				running, most := 0, 0
				var mu sync.Mutex // guards running and most
				count := func(by int) {
					mu.Lock()
					defer mu.Unlock()
					running += by
					most = max(most, running)
				}
				got := ask.Many(t.Context(), peers, c.width, func(ctx context.Context, peer shoal.NodeID) (int, bool) {
					count(1)
					defer count(-1)
					i := slices.Index(peers, peer)
					select {
					case <-time.After(time.Duration(i+1) * time.Second):
						return i, i != 3 && i != 9
					case <-ctx.Done():
						return 0, false
					}
				}, c.enough)
				if took := time.Since(began); took > c.took || len(got) < c.least || len(got) > c.most {
					t.Errorf("%v after %v, want %d to %d answers within %v", got, took, c.least, c.most, c.took)
				}
				if most != c.width {
					t.Errorf("%d were asked at once, want %d", most, c.width)
				}
				if c.width == len(peers) && !slices.IsSorted(got) {
					t.Errorf("%v: want them as they came", got)
				}
			})
		})
	}
}
