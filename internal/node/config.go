package node

import (
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"shoal"
	"shoal/internal/membership"
	"shoal/internal/membership/liveness"
	"shoal/internal/membership/roster"
	"shoal/internal/network"
	"shoal/internal/network/host"
	"shoal/internal/storage/quota"
	"shoal/internal/storage/vfs"
)

// Config says how a node is to run.
type Config struct {
	Data        string         // the data folder; made if it is not there
	Name        string         // what the node is called
	Listen      []string       // HOST:PORT or multiaddrs; none means the default port everywhere
	Peers       []string       // addresses of nodes to stay connected with
	Join        string         // a ticket; for a folder that belongs to no shoal yet
	Passing     bool           // runs for one command: founds no shoal, says nothing of itself, and fetches nothing it should hold
	Zone        string         // what fails together with this node: a room, a site
	DownAfter   time.Duration  // of silence make a node down, from MinDownAfter to liveness.MaxDown; 0 is the default
	RepairDelay time.Duration  // how long a node must be away before its chunks are copied; 0 is the default, less is none
	TrimDelay   time.Duration  // how long after a change surplus copies are deleted; 0 is the default, less is none
	Scrub       time.Duration  // in which everything here is read and checked once; 0 is the default, less is never
	Trash       time.Duration  // how long what was removed can be had back; 0 is the default
	Capacity    quota.Capacity // how much the node may store
	UploadLimit int64          // bytes per second to all peers; 0 is no limit
	Fail        func(error)    // told if the node cannot go on, and why; it is to be closed then. May be nil
	Version     string         // of the program
	Log         *slog.Logger   // nil logs nothing

	clock   func() time.Time                               // by which the catalogue tells ages; nil is time.Now
	network func(ed25519.PrivateKey) (network.Host, error) // what tests have instead of libp2p; else nil
	system  vfs.System                                     // where the store's files lie, but for its databases; nil is the operating system
}

// MinDownAfter is the least for Config.DownAfter: a beat a second may be missed,
// and another, before a node is suspect, and the same again before it is down.
const MinDownAfter = 6 * time.Second

// complete returns the configuration with its defaults, or refuses it before
// anything is opened.
func (cfg Config) complete() (Config, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.clock == nil {
		cfg.clock = time.Now
	}
	data, err := filepath.Abs(cfg.Data)
	if err != nil {
		return cfg, fmt.Errorf("data folder: %w", err)
	}
	cfg.Data = data
	if err := cfg.check(); err != nil {
		return cfg, err
	}
	if cfg.Passing {
		return cfg, membership.MayPass(data)
	}
	return cfg, nil
}

func (cfg Config) check() error {
	if cfg.DownAfter != 0 && (cfg.DownAfter < MinDownAfter || cfg.DownAfter > liveness.MaxDown) {
		return fmt.Errorf("a node is called down after %v to %v of silence, and not after %v: %w", MinDownAfter, liveness.MaxDown, cfg.DownAfter, shoal.Usage)
	}
	for _, addr := range cfg.Peers {
		if err := host.CheckAddr(addr); err != nil {
			return shoal.WithHint(err, "an address is like nas.local:4001, or /ip4/192.0.2.1/tcp/4001/p2p/ID")
		}
	}
	_, err := roster.Record(0, roster.Self{Name: cfg.Name, Zone: cfg.Zone}) // as it will be said to all
	return err
}
