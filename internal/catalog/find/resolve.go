package find

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"shoal"
	"shoal/internal/catalog"
)

// Resolve returns the one file that a reference means: by the catalogue of this node,
// else by asking the connected nodes. An id that no node knows is returned as it is.
// The entry of a link is the catalogue's, or else made from the link; addrs are the
// link's. Errors: as catalog.Catalog.Resolve.
func (f *Finder) Resolve(ctx context.Context, ref string) (found catalog.Found, addrs []string, err error) {
	if shoal.IsLink(ref) {
		return f.resolveLink(ctx, ref)
	}
	entry, err := f.cfg.Catalog.Resolve(ctx, ref)
	if err == nil {
		return catalog.Found{Entry: entry}, nil, nil
	}
	if !errors.Is(err, shoal.NotFound) {
		return catalog.Found{}, nil, err
	}
	hits := f.Ask(ctx, ref)
	if id, idErr := shoal.ParseFileID(ref); idErr == nil {
		return catalog.Found{Entry: shoal.Entry{ID: id, Size: -1}}.With(hits), nil, nil
	}
	if hint := shoal.HintOf(err); len(hits) == 0 && strings.HasPrefix(hint, ref+"/ ") {
		return catalog.Found{}, nil, shoal.WithHint(fmt.Errorf("%q: %w", ref, shoal.NotFound), hint)
	}
	if len(hits) == 0 {
		return catalog.Found{}, nil, shoal.WithHint(fmt.Errorf("%q: %w, here or at any of %d connected peers", ref, shoal.NotFound, f.cfg.Connected()),
			"shoal peers lists who is connected; a link (shoal link NAME) has all that is needed")
	}
	found, err = catalog.Choose(ref, hits)
	return found, nil, err
}

// resolveLink resolves a link, or a name that only begins like one.
func (f *Finder) resolveLink(ctx context.Context, ref string) (catalog.Found, []string, error) {
	link, err := shoal.ParseLink(ref)
	if err != nil {
		if known, nameErr := f.cfg.Catalog.Resolve(ctx, ref); nameErr == nil {
			return catalog.Found{Entry: known}, nil, nil
		}
		return catalog.Found{}, nil, err
	}
	found := catalog.Found{Entry: shoal.Entry{ID: link.ID, Name: link.Name, Size: link.Size}}
	if known, err := f.cfg.Catalog.Resolve(ctx, link.ID.String()); err == nil {
		found.Entry = known
		if link.Name != "" {
			found.Entry.Name = link.Name
		}
	}
	return found, link.Addrs, nil
}

// Item is a file below a folder's name.
type Item struct {
	catalog.Found
	Inside string // the path from the folder's own name on
}

// Folder returns the files below a name that ends in a slash, by the catalogue of
// this node and by the connected ones, in the order of their paths: for
// "photos/2024/" those are "2024/a.jpg" and so on. Errors: shoal.NotFound if there
// are none.
func (f *Finder) Folder(ctx context.Context, ref string) ([]Item, error) {
	found := make(map[string]catalog.Found)
	for after := ""; ; {
		entries, err := f.cfg.Catalog.List(ctx, shoal.ListRequest{Prefix: ref, After: after})
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			found[entry.Name] = catalog.Found{Entry: entry}
		}
		if len(entries) < shoal.MaxList {
			break
		}
		after = entries[len(entries)-1].Name
	}
	for name, hits := range f.askFolder(ctx, ref) {
		if _, here := found[name]; here {
			continue
		}
		if file, err := catalog.Choose(name, hits); err == nil {
			found[name] = file
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%q: %w: nothing is below that name, here or at any of %d connected peers", ref, shoal.NotFound, f.cfg.Connected())
	}
	parent := path.Dir(strings.TrimSuffix(ref, "/")) + "/"
	items := make([]Item, 0, len(found))
	for name, file := range found {
		items = append(items, Item{Found: file, Inside: strings.TrimPrefix(name, strings.TrimPrefix(parent, "./"))})
	}
	slices.SortFunc(items, func(a, b Item) int { return cmp.Compare(a.Inside, b.Inside) })
	return items, nil
}
