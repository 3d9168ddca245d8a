package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"shoal"
	"shoal/internal/discovery/join"
	"shoal/internal/discovery/ticket"
	"shoal/internal/network/host"
)

// belonging is what a data folder remembers of the shoal it belongs to.
type belonging struct {
	Shoal   shoal.NodeID `json:"shoal"`             // the founder
	Sponsor shoal.NodeID `json:"sponsor,omitempty"` // whom it joined through
	Starts  uint64       `json:"starts"`            // how often a node was started on it
}

// belong finds out which shoal the data folder belongs to, and counts the start.
// A folder that belongs to none joins one with the ticket in the configuration;
// without a ticket it founds one.
func (n *Node) belong(ctx context.Context) error {
	path := filepath.Join(n.cfg.Data, shoalFile)
	known, err := loadBelonging(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		known, err = n.joinOrFound(ctx)
	case err == nil && n.cfg.Join != "":
		err = checkTicket(known, n.cfg.Join)
	}
	if err != nil {
		return err
	}
	known.Starts++
	n.belongs = known
	return writeDurably(path, known)
}

func loadBelonging(path string) (belonging, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return belonging{}, err
	}
	var known belonging
	if err := json.Unmarshal(data, &known); err != nil || known.Shoal == "" {
		return belonging{}, shoal.WithHint(fmt.Errorf("%s cannot be read: %w", path, shoal.Integrity),
			"it names the shoal this node belongs to; delete it and join again with a new ticket")
	}
	return known, nil
}

// checkTicket lets a node that is in already be started with its ticket again.
func checkTicket(known belonging, text string) error {
	t, err := ticket.Parse(text)
	if err != nil {
		return err
	}
	if t.Shoal != known.Shoal {
		return shoal.WithHint(fmt.Errorf("this data folder belongs to another shoal: %w", shoal.Exists), "use an empty folder (--data), or leave out --join")
	}
	return nil
}

// joinOrFound makes the folder part of a shoal. It joins from a host of its own,
// which nobody can reach: until it is in, this node serves nothing.
func (n *Node) joinOrFound(ctx context.Context) (belonging, error) {
	self := n.self()
	if n.cfg.Join == "" {
		return belonging{Shoal: self}, nil
	}
	t, err := ticket.Parse(n.cfg.Join)
	if err != nil {
		return belonging{}, err
	}
	h, err := host.New(ctx, host.Config{Identity: n.identity, Listen: []string{"127.0.0.1:0"}, UserAgent: "shoal/" + n.cfg.Version, Log: n.cfg.Log})
	if err != nil {
		return belonging{}, err
	}
	err = errors.Join(join.Join(ctx, h, t), h.Close())
	for _, addr := range t.Addrs {
		n.sponsorAddrs = append(n.sponsorAddrs, addr+"/p2p/"+string(t.Issuer))
	}
	return belonging{Shoal: t.Shoal, Sponsor: t.Issuer}, err
}

// writeDurably replaces a file by value as JSON, whole or not at all.
func writeDurably(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(data, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
