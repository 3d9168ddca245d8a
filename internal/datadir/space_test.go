package datadir_test

import (
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"shoal"
	"shoal/internal/datadir"
)

// A data folder that cannot be written is told of with what to do about it.
func TestFolderErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		hint string
		code shoal.Code
	}{
		{shoal.WithHint(syscall.ENOSPC, "it goes on by itself"), "make room on the disk of /data, then try again", shoal.NoSpace},
		{&fs.PathError{Op: "mkdir", Path: "/data", Err: syscall.EROFS}, "mount it for writing", shoal.Other},
		{&fs.PathError{Op: "mkdir", Path: "/data", Err: syscall.EACCES}, "make /data and all in it yours", shoal.Other},
		{shoal.WithHint(syscall.EACCES, "its own"), "its own", shoal.Other},
		{&fs.PathError{Op: "mkdir", Path: "/data", Err: syscall.ENOTDIR}, "name another with --data", shoal.Other},
		{shoal.WithHint(shoal.Integrity, "its own"), "its own", shoal.Integrity},
	} {
		err := datadir.Explain("/data", fmt.Errorf("open: %w", c.err))
		if hint := shoal.HintOf(err); !strings.Contains(hint, c.hint) || shoal.CodeOf(err) != c.code {
			t.Errorf("%v: hint %q, code %v; want %q, %v", c.err, hint, shoal.CodeOf(err), c.hint, c.code)
		}
	}
}
