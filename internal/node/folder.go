package node

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"shoal"
	"shoal/internal/catalog"
	"shoal/internal/catalog/find"
	"shoal/internal/content"
	"shoal/internal/datadir"
	"shoal/internal/discovery/addresses"
	"shoal/internal/journal"
	"shoal/internal/membership"
	"shoal/internal/membership/join"
	"shoal/internal/network"
	"shoal/internal/network/host"
	"shoal/internal/network/wire"
	"shoal/internal/record"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/trim"
	"shoal/internal/sqlite"
	"shoal/internal/storage/disk"
	"shoal/internal/storage/quota"
)

// folder is the open data folder of a node.
type folder struct {
	cfg       Config
	started   time.Time
	identity  ed25519.PrivateKey
	addresses *addresses.File
	listen    func() (network.Host, error) // makes this node's end of the network, once
	listener  listener                     // of events in the folder and on the network

	store      *disk.Store
	quota      *quota.Store
	cache      *quota.Cache
	allotment  int64 // bytes this node holds for others
	membership *membership.Membership
	catalog    *catalog.Catalog
	journal    *journal.Journal
}

// folder opens the data folder, and joins a shoal if the configuration says so.
func (o *opening) folder(ctx context.Context, cfg Config) (*folder, error) {
	f := &folder{cfg: cfg, started: time.Now()}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	if err := o.store(ctx, f); err != nil {
		return nil, err
	}
	f.addresses = addresses.Open(f.path(datadir.Addresses), cfg.Log)
	if err := f.loadIdentity(); err != nil {
		return nil, err
	}
	f.listen = sync.OnceValues(func() (network.Host, error) {
		h, err := f.newHost(ctx)
		if err == nil {
			o.opened(h.Close)
		}
		return h, err
	})
	var err error
	f.membership, err = membership.Open(ctx, membership.Config{
		Data: cfg.Data, Journal: f.path(datadir.Journal), Key: f.identity, Join: cfg.Join, Passing: cfg.Passing,
		Down: cfg.DownAfter, Log: cfg.Log, Addresses: f.addresses, Ask: f.askWelcome, Stores: f.storesSome, Forget: f.forget,
		Listen: func(context.Context) (join.Host, error) { return f.listen() },
	})
	if err != nil {
		return nil, err
	}
	return f, o.books(ctx, f)
}

// store opens the store of chunks, and its quota.
func (o *opening) store(ctx context.Context, f *folder) (err error) {
	f.store, err = disk.Open(ctx, f.path(datadir.Store), disk.Options{System: f.cfg.system, Notify: f.notice, CutOf: f.cutOf})
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	o.opened(f.store.Close)
	whole, err := datadir.Capacity(f.cfg.Data)
	if err != nil {
		return err
	}
	limit := f.cfg.Capacity.Limit(whole)
	f.quota = quota.New(f.store, limit)
	f.cache = quota.NewCache(f.quota, f.store.Discard)
	f.allotment = max(limit, 0)
	if limit == 0 {
		f.allotment = whole
	}
	return nil
}

// books opens the journal, which has the records of all nodes, and the catalogue,
// which is a view of it.
func (o *opening) books(ctx context.Context, f *folder) (err error) {
	f.catalog, err = catalog.Open(ctx, f.path(datadir.Catalog), catalog.Config{
		Now: f.cfg.clock, Trash: cmp.Or(f.cfg.Trash, trim.DefaultTrash), Log: f.cfg.Log,
	})
	if err != nil {
		return err
	}
	o.opened(f.catalog.Close)
	f.journal, err = journal.Open(ctx, f.path(datadir.Journal), journal.Config{
		Shoal: f.membership.Folder().Shoal, Key: f.identity, Now: time.Now, Admits: f.membership.Hears, Ready: f.membership.MaySpeak, Apply: f.heard,
	})
	if err != nil {
		return err
	}
	o.opened(f.journal.Close)
	if err := f.membership.Load(ctx, f.journal); err != nil {
		return err
	}
	return f.catalog.FollowAnew(ctx, f.journal)
}

// path returns the path of a file in the folder.
func (f *folder) path(name string) string { return filepath.Join(f.cfg.Data, name) }

// self is this node's id.
func (f *folder) self() shoal.NodeID { return record.NodeOf(f.identity.Public().(ed25519.PublicKey)) }

// loadIdentity reads the node's key, and makes one in a folder that is nobody's
// yet. Where there is a node's word and no key it makes none: the new one would
// be another node, whose journal that is not.
func (f *folder) loadIdentity() (err error) {
	if err := datadir.CheckIdentity(f.cfg.Data); err != nil {
		return err
	}
	f.identity, err = host.LoadIdentity(f.path(datadir.Identity))
	return err
}

// newHost makes this node's end of the network, where it was last time if it may. It
// answers nobody before the node is complete.
func (f *folder) newHost(ctx context.Context) (network.Host, error) {
	if f.cfg.network != nil {
		return f.cfg.network(f.identity)
	}
	h, err := host.New(ctx, host.Config{
		Identity: f.identity, Listen: f.cfg.Listen, Ports: f.addresses.Ports(), UserAgent: "shoal/" + f.cfg.Version, Log: f.cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	if !f.cfg.Passing {
		f.addresses.Had(h.Ports())
	}
	return h, nil
}

// askWelcome asks a peer whether this node is on its roster.
func (f *folder) askWelcome(ctx context.Context, peer shoal.NodeID) error {
	h, err := f.listen()
	if err != nil {
		return err
	}
	_, err = find.Ask(ctx, h, peer, wire.Find{})
	return err
}

// storesSome reports whether there is anything in the store.
func (f *folder) storesSome(ctx context.Context) (bool, error) {
	for _, err := range f.store.All(ctx) {
		return true, err
	}
	return false, nil
}

// forget deletes what was said in a shoal that is left.
func (f *folder) forget() error {
	for _, name := range []string{datadir.Journal, datadir.Catalog} {
		paths, err := filepath.Glob(f.path(name) + "*") // SQLite has files beside it
		if err != nil {
			return err
		}
		for _, path := range paths {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// heard is told of all that the journal has taken in.
func (f *folder) heard(items []journal.Item) {
	f.catalog.Apply(items)
	news := f.membership.Heard(items)
	f.listener.tell(func(n *Node) { n.heard(items, news) })
}

// notice logs what a person should know of the store, and passes it on.
func (f *folder) notice(notice disk.Notice) {
	f.cfg.Log.Warn("the store", "says", notice.Text, "kind", notice.Kind)
	f.listener.tell(func(n *Node) { n.noticed(notice) })
}

// cutOf is how the shoal has cut a file that a name means; 0 if none does.
func (f *folder) cutOf(ctx context.Context, id shoal.FileID) content.ChunkSize {
	file, err := f.catalog.FileOf(ctx, id)
	if err != nil || !file.Live {
		return 0
	}
	return content.ChunkSize(file.ChunkSize)
}

// recoverNames says again what this node said by a journal that is lost, if others
// have not heard it: it is called when they have told what they have. A node that
// does not know the roster would not be heard.
func (f *folder) recoverNames(ctx context.Context) {
	if f.membership.Lost() || !f.membership.Present() {
		return
	}
	names, err := f.catalog.RecoverStranded(ctx, f.self())
	if names > 0 {
		f.cfg.Log.Warn("names of a journal that is lost were recovered from the catalogue", "names", names)
	}
	if err != nil && ctx.Err() == nil {
		f.cfg.Log.Warn("names of a journal that is lost were not recovered; the next start tries again", "err", err)
	}
}

// namesAreComplete reports whether this node knows every name that it has ever
// heard: not while the catalogue is behind the journal, nor as long as a damaged
// journal was set aside that was not wholly saved, or the catalogue of one whose
// names were not all recovered.
func (f *folder) namesAreComplete() (bool, error) {
	damaged, err := sqlite.Aside(f.path(datadir.Journal))
	if err != nil {
		return false, fmt.Errorf("look for damaged journals: %w", err)
	}
	if stranded, err := f.catalog.Stranded(); stranded || err != nil {
		return false, err
	}
	return len(damaged) == 0 && !f.catalog.Late(), nil
}

// own is the chunks of a file that lie durably in this node's own store.
func (f *folder) own(ctx context.Context, file repair.File) (content.Bitmap, error) {
	have, err := f.store.Own(ctx, file.ID)
	if errors.Is(err, shoal.NotFound) || err == nil && have.Len() != file.Chunks {
		return content.NewBitmap(file.Chunks), nil
	}
	return have, err
}
