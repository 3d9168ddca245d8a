package cli

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"shoal"
)

// stdinPath is the PATH that means stdin.
const stdinPath = "-"

// checkName refuses a name where it is not clear what it is for, and stdin
// without one.
func checkName(paths []string, name string, link bool) error {
	stdin := slices.Contains(paths, stdinPath)
	if name != "" {
		if err := shoal.CheckName(name); err != nil {
			return fmt.Errorf("--name: %w", err)
		}
	}
	switch {
	case name != "" && len(paths) > 1:
		return fmt.Errorf("--name is for one path, and %d are named: %w", len(paths), shoal.Usage)
	case stdin && len(paths) > 1:
		return shoal.WithHint(fmt.Errorf("- is stdin, which is added alone: %w", shoal.Usage), "a file that is called - is ./-")
	case stdin && link:
		return fmt.Errorf("--link uses a file where it lies, and stdin lies nowhere: %w", shoal.Usage)
	case stdin && name == "":
		return shoal.WithHint(fmt.Errorf("what comes from stdin has no name: %w", shoal.Usage), "say one: shoal add - --name NAME; a file that is called - is ./-")
	}
	return nil
}

// addNamed adds what is at and below the paths, or stdin. A name is for what is at
// the only path.
func (a *app) addNamed(ctx context.Context, node shoal.Node, paths []string, name string, request shoal.AddRequest) error {
	data, err := a.dataFolder()
	if err != nil {
		return err
	}
	if paths[0] != stdinPath {
		w := walker{own: unlinked(data), name: name, notice: a.screen.notice}
		return a.add(ctx, node, w.files(ctx, paths), request)
	}
	if _, err := node.Status(ctx); err != nil { // before all is read for nothing
		return err
	}
	path, err := spool(ctx, a.stdin(ctx), data)
	if err != nil {
		return fmt.Errorf("read stdin: %w", err)
	}
	defer func() { _ = os.Remove(path) }() // it may be gone
	return a.add(ctx, node, one(shoal.AddItem{Path: path, Name: name}), request)
}

// spool writes what comes into a file in the data folder, from where a node can
// take it in without a copy where the file system can.
func spool(ctx context.Context, from io.Reader, data string) (path string, err error) {
	file, err := os.CreateTemp(data, "stdin-*")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(file, from)
	if err == nil { // Ctrl-C ends what writes to a pipe, too: that was not all
		err = context.Cause(ctx)
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(file.Name()) // the other error says more
	}
	return file.Name(), err
}

// one is a sequence of one file.
func one(item shoal.AddItem) iter.Seq2[shoal.AddItem, error] {
	return func(yield func(shoal.AddItem, error) bool) { yield(item, nil) }
}
