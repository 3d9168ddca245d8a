package apitest

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"shoal"
)

// TrashTime is how long the little node's trash keeps what is in it.
const TrashTime = 24 * time.Hour

// Search finds names that have all words, in order of name. A cursor is how many
// were found before.
func (n *Node) Search(_ context.Context, req shoal.SearchRequest) (shoal.SearchPage, error) {
	if err := n.broken(); err != nil {
		return shoal.SearchPage{}, err
	}
	before := 0
	if req.After != "" {
		var err error
		if before, err = strconv.Atoi(req.After); err != nil || before < 0 {
			return shoal.SearchPage{}, fmt.Errorf("%q is no place to go on from: %w", req.After, shoal.Usage)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	found := []shoal.Entry{}
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		if matches(req, n.names[name]) {
			found = append(found, n.names[name])
		}
	}
	page := shoal.SearchPage{Entries: found[min(before, len(found)):]}
	if req.Limit > 0 && len(page.Entries) > req.Limit {
		page.Entries, page.Next = page.Entries[:req.Limit], strconv.Itoa(before+req.Limit)
	}
	return page, nil
}

func matches(req shoal.SearchRequest, e shoal.Entry) bool {
	for word := range strings.FieldsSeq(strings.ToLower(req.Text)) {
		if !strings.Contains(strings.ToLower(e.Name), word) {
			return false
		}
	}
	ofType := len(req.Types) == 0 || slices.Contains(req.Types, strings.TrimPrefix(path.Ext(e.Name), "."))
	return ofType && e.Size >= req.MinSize && (req.MaxSize == 0 || e.Size <= req.MaxSize) && !e.Added.Before(req.Since)
}

// Move renames an entry.
func (n *Node) Move(_ context.Context, req shoal.MoveRequest) (shoal.Entry, error) {
	entry, err := n.resolve(req.Ref)
	if err != nil {
		return shoal.Entry{}, err
	}
	name := req.Name
	if strings.HasSuffix(name, "/") {
		name += path.Base(entry.Name)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	there, taken := n.names[name]
	if taken && there.ID != entry.ID && !req.Force {
		return shoal.Entry{}, shoal.WithHint(fmt.Errorf("%s is another file: %w", name, shoal.Exists), "--force puts that into the trash")
	}
	if taken && there.ID != entry.ID {
		n.drop(there)
	}
	delete(n.names, entry.Name)
	entry.Name = name
	n.names[name] = entry
	return entry, nil
}

// drop puts an entry into the trash. The caller holds mu.
func (n *Node) drop(e shoal.Entry) {
	delete(n.names, e.Name)
	n.trash = slices.Insert(n.trash, 0, shoal.Removed{Entry: e, Since: Born(), Until: Born().Add(TrashTime)})
}

// Remove puts names into the trash.
func (n *Node) Remove(_ context.Context, req shoal.RemoveRequest) (shoal.Entry, error) {
	entry, err := n.resolve(req.Ref)
	if err != nil {
		return shoal.Entry{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		if name == entry.Name || req.Ref != entry.Name && n.names[name].ID == entry.ID {
			n.drop(n.names[name])
		}
	}
	if req.Now {
		delete(n.files, entry.ID)
	}
	return entry, nil
}

// Change does one thing after the other.
func (n *Node) Change(ctx context.Context, req shoal.ChangeRequest, watch func(shoal.Event)) error {
	c := &call{node: n, watch: watch}
	if err := n.broken(); err != nil {
		return err
	}
	if err := c.stall(ctx); err != nil {
		return err
	}
	return c.each(len(req.Items), func(i int) error {
		var entry shoal.Entry
		var err error
		switch item := req.Items[i]; {
		case item.Move != nil:
			entry, err = n.Move(ctx, *item.Move)
		case item.Remove != nil:
			entry, err = n.Remove(ctx, *item.Remove)
		case item.Undelete != nil:
			entry, err = n.Undelete(ctx, *item.Undelete)
		default:
			err = fmt.Errorf("nothing to do: %w", shoal.Usage)
		}
		if err == nil {
			c.tell(shoal.Event{Type: shoal.EventDone, Item: i, File: entry.ID, Name: entry.Name, Entry: &entry})
		}
		return err
	})
}

// Trash gives what was removed.
func (n *Node) Trash(_ context.Context, prefix string) ([]shoal.Removed, error) {
	if err := n.broken(); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	found := []shoal.Removed{}
	for _, r := range n.trash {
		if strings.HasPrefix(r.Name, prefix) {
			found = append(found, r)
		}
	}
	return found, nil
}

// Undelete takes the latest of a name or an id out of the trash.
func (n *Node) Undelete(_ context.Context, req shoal.UndeleteRequest) (shoal.Entry, error) {
	if err := n.broken(); err != nil {
		return shoal.Entry{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	at := slices.IndexFunc(n.trash, func(r shoal.Removed) bool { return r.Name == req.Ref || r.ID.String() == req.Ref })
	if at < 0 {
		return shoal.Entry{}, shoal.WithHint(fmt.Errorf("%q is not in the trash: %w", req.Ref, shoal.NotFound), "`shoal ls --trash` shows what is")
	}
	entry := n.trash[at].Entry
	if req.Name != "" {
		entry.Name = req.Name
	}
	if there, taken := n.names[entry.Name]; taken && there.ID != entry.ID {
		return shoal.Entry{}, fmt.Errorf("%s is another file: %w", entry.Name, shoal.Exists)
	}
	n.trash = slices.Delete(n.trash, at, at+1)
	n.names[entry.Name] = entry
	return entry, nil
}
