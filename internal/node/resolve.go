package node

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

// target is what a reference turned out to mean, and who may have it.
type target struct {
	entry   shoal.Entry // Size is -1 if nobody told it
	sources []shoal.NodeID
	addrs   []string // of sources, from a link
}

func targetOf(f catalog.Found) target { return target{entry: f.Entry, sources: f.Sources} }

// resolve finds out what one file a reference means: here first, then by asking
// the connected peers. An id that nobody knows is passed on as it is.
func (n *Node) resolve(ctx context.Context, ref string) (target, error) {
	if shoal.IsLink(ref) {
		return n.resolveLink(ctx, ref)
	}
	entry, err := n.catalog.Resolve(ctx, ref)
	if err == nil {
		return target{entry: entry}, nil
	}
	if !errors.Is(err, shoal.NotFound) {
		return target{}, err
	}
	hits := n.ask(ctx, ref)
	if id, idErr := shoal.ParseFileID(ref); idErr == nil {
		return targetOf(catalog.Found{Entry: shoal.Entry{ID: id, Size: -1}}.With(hits)), nil
	}
	if hint := shoal.HintOf(err); len(hits) == 0 && strings.HasPrefix(hint, ref+"/ ") {
		return target{}, shoal.WithHint(fmt.Errorf("%q: %w", ref, shoal.NotFound), hint)
	}
	if len(hits) == 0 {
		return target{}, shoal.WithHint(fmt.Errorf("%q: %w, here or at any of %d connected peers", ref, shoal.NotFound, len(n.host.Peers())),
			"shoal peers lists who is connected; a link (shoal link NAME) has all that is needed")
	}
	found, err := catalog.Choose(ref, hits)
	return targetOf(found), err
}

// resolveLink takes a link at its word, but prefers what is known here. What only
// begins like a link may be a file's name.
func (n *Node) resolveLink(ctx context.Context, ref string) (target, error) {
	link, err := shoal.ParseLink(ref)
	if err != nil {
		if known, nameErr := n.catalog.Resolve(ctx, ref); nameErr == nil {
			return target{entry: known}, nil
		}
		return target{}, err
	}
	t := target{entry: shoal.Entry{ID: link.ID, Name: link.Name, Size: link.Size}, addrs: link.Addrs}
	if known, err := n.catalog.Resolve(ctx, link.ID.String()); err == nil {
		t.entry = known
		if link.Name != "" {
			t.entry.Name = link.Name
		}
	}
	return t, nil
}

// folderItem is a file below a name that ends in a slash, with its place in there.
type folderItem struct {
	target
	inside string // the path from the folder's own name on
}

// resolveFolder finds the files below a name: "photos/2024/" gives
// "2024/a.jpg" and so on, here and at connected peers.
func (n *Node) resolveFolder(ctx context.Context, ref string) ([]folderItem, error) {
	found := make(map[string]target)
	for after := ""; ; {
		entries, err := n.catalog.List(ctx, shoal.ListRequest{Prefix: ref, After: after})
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			found[entry.Name] = target{entry: entry}
		}
		if len(entries) < shoal.MaxList {
			break
		}
		after = entries[len(entries)-1].Name
	}
	for name, hits := range n.askFolder(ctx, ref) {
		if _, here := found[name]; here {
			continue
		}
		if f, err := catalog.Choose(name, hits); err == nil {
			found[name] = targetOf(f)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%q: %w: nothing is below that name, here or at any of %d connected peers", ref, shoal.NotFound, len(n.host.Peers()))
	}
	parent := path.Dir(strings.TrimSuffix(ref, "/")) + "/"
	items := make([]folderItem, 0, len(found))
	for name, t := range found {
		items = append(items, folderItem{target: t, inside: strings.TrimPrefix(name, strings.TrimPrefix(parent, "./"))})
	}
	slices.SortFunc(items, func(a, b folderItem) int { return cmp.Compare(a.inside, b.inside) })
	return items, nil
}
