// Package discovery is how a node comes to know others: today, by keeping up the
// connections to the addresses it was given.
//
// It opens no socket and decides nothing about who may join.
package discovery

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"shoal"
	"shoal/internal/network"
)

// How often an address is dialled that does not answer. The wait doubles, with
// jitter, so that nodes that lost the same peer do not all come back at once.
const (
	FirstRetry  = 500 * time.Millisecond
	LastRetry   = 30 * time.Second
	dialTimeout = 10 * time.Second
)

// Connector is what a keeper needs of a network.Host.
type Connector interface {
	Connect(ctx context.Context, addr string) (shoal.NodeID, error)
	Watch(notify func(network.Change)) (stop func())
}

// Keeper keeps up the connections to a few addresses.
type Keeper struct {
	host  Connector
	addrs []string
	log   *slog.Logger

	tried chan struct{} // closed when each address has been tried once
}

// NewKeeper returns a keeper for addresses as Connect takes them. log may be nil.
func NewKeeper(host Connector, addrs []string, log *slog.Logger) *Keeper {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Keeper{host: host, addrs: addrs, log: log, tried: make(chan struct{})}
}

// Tried is closed once every address has been tried, whether it answered or
// not.
func (k *Keeper) Tried() <-chan struct{} { return k.tried }

// Run keeps the connections up until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	var first, all sync.WaitGroup
	first.Add(len(k.addrs))
	for _, addr := range k.addrs {
		lost := make(chan struct{}, 1)
		stop := k.host.Watch(func(c network.Change) {
			if !c.Connected {
				select {
				case lost <- struct{}{}:
				default:
				}
			}
		})
		all.Go(func() {
			defer stop()
			k.keep(ctx, addr, lost, sync.OnceFunc(first.Done))
		})
	}
	first.Wait()
	close(k.tried)
	all.Wait()
}

// keep keeps up one connection. lost has a value whenever some peer was lost;
// it is not worth finding out which, for connecting twice costs nothing.
func (k *Keeper) keep(ctx context.Context, addr string, lost <-chan struct{}, tried func()) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = FirstRetry, LastRetry
	for ctx.Err() == nil {
		err := k.connect(ctx, addr)
		tried()
		var retry <-chan time.Time
		if err != nil && ctx.Err() == nil {
			next := wait.NextBackOff()
			k.log.Info("peer not reached", "addr", addr, "err", err, "retry", next.Round(time.Millisecond))
			retry = time.After(next)
		} else {
			wait.Reset()
		}
		select {
		case <-retry:
		case <-lost:
		case <-ctx.Done():
		}
	}
	tried()
}

func (k *Keeper) connect(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	_, err := k.host.Connect(ctx, addr)
	return err
}
