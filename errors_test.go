package shoal_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"testing"

	"shoal"
)

// The codes are a promise to scripts and to other nodes: number, word in JSON
// and HTTP status.
func TestCodesArePromised(t *testing.T) {
	promised := []struct {
		code   shoal.Code
		exit   int
		word   string
		status int
	}{
		{shoal.Other, 1, "other", 500},
		{shoal.Usage, 2, "usage", 400},
		{shoal.NotFound, 3, "not_found", 404},
		{shoal.Partial, 4, "partial", 207},
		{shoal.Network, 5, "network", 504},
		{shoal.NoNode, 6, "no_node", 503},
		{shoal.Unauthorised, 7, "unauthorised", 403},
		{shoal.Integrity, 8, "integrity", 502},
		{shoal.NoSpace, 9, "no_space", 507},
		{shoal.BelowCopies, 10, "below_copies", 202},
		{shoal.Exists, 11, "exists", 409},
		{shoal.Interrupted, 130, "interrupted", 499},
	}
	codes := shoal.Codes()
	if len(codes) != len(promised) || !slices.IsSorted(codes) {
		t.Fatalf("there are the codes %d, want %d in ascending order", codes, len(promised))
	}
	texts := make(map[string]shoal.Code)
	for i, want := range promised {
		c := codes[i]
		if c != want.code || c.ExitCode() != want.exit || c.Word() != want.word || c.HTTPStatus() != want.status {
			t.Errorf("code %d exits with %d, is %q and HTTP %d; want %+v", c, c.ExitCode(), c.Word(), c.HTTPStatus(), want)
		}
		if shoal.CodeFromWord(want.word) != want.code {
			t.Errorf("%q is read as %v", want.word, shoal.CodeFromWord(want.word))
		}
		if other, taken := texts[c.Error()]; taken || c.Error() == "" {
			t.Errorf("code %d says %q, and so does %d", c, c.Error(), other)
		}
		texts[c.Error()] = c
	}
}

func TestUnknownCodes(t *testing.T) {
	for _, word := range []string{"", "Usage", "usage ", "no such word"} {
		if got := shoal.CodeFromWord(word); got != shoal.Other {
			t.Errorf("%q is read as %v, want %v", word, got, shoal.Other)
		}
	}
	if c := shoal.Code(77); c.Word() != "other" || c.HTTPStatus() != 500 || c.Error() == "" {
		t.Errorf("a code nobody knows is %q, %d, %q", c.Word(), c.HTTPStatus(), c.Error())
	}
}

func TestCodeOf(t *testing.T) {
	_, missing := os.Open(t.TempDir() + "/nothing")
	for _, test := range []struct {
		err  error
		want shoal.Code
	}{
		{shoal.Integrity, shoal.Integrity},
		{fmt.Errorf("read: %w", fmt.Errorf("chunk 3: %w", shoal.Integrity)), shoal.Integrity},
		{fmt.Errorf("%w: %w", io.EOF, shoal.Network), shoal.Network},
		{errors.Join(io.EOF, shoal.Exists), shoal.Exists},
		{shoal.WithHint(shoal.NoNode, "shoal up"), shoal.NoNode},
		{fmt.Errorf("%w, after %w", shoal.Partial, context.Canceled), shoal.Partial}, // our own word counts
		{missing, shoal.NotFound},
		{fs.ErrExist, shoal.Exists},
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, shoal.NoSpace},
		{syscall.EDQUOT, shoal.NoSpace},
		{context.DeadlineExceeded, shoal.Network},
		{fmt.Errorf("get: %w", context.Canceled), shoal.Interrupted},
		{io.ErrUnexpectedEOF, shoal.Other},
		{errors.New("usage"), shoal.Other},
	} {
		if got := shoal.CodeOf(test.err); got != test.want {
			t.Errorf("CodeOf(%q) is %d, want %d", test.err, got, test.want)
		}
	}
}

// A code in an error is itself and no other.
func TestCodesAreDistinct(t *testing.T) {
	for _, a := range shoal.Codes() {
		for _, b := range shoal.Codes() {
			if got := errors.Is(fmt.Errorf("it went wrong: %w", a), b); got != (a == b) {
				t.Errorf("an error with code %d is code %d: %v", a, b, got)
			}
		}
	}
}

func TestHints(t *testing.T) {
	if err := shoal.WithHint(nil, "nothing to do"); err != nil {
		t.Errorf("a hint made an error of nil: %v", err)
	}
	if got := shoal.HintOf(io.EOF); got != "" {
		t.Errorf("an error without a hint has %q", got)
	}
	cause := fmt.Errorf("open it: %w", fs.ErrNotExist)
	inner := shoal.WithHint(cause, "look there")
	wrapped := fmt.Errorf("get: %w", inner)
	if inner.Error() != cause.Error() || !errors.Is(wrapped, fs.ErrNotExist) || shoal.CodeOf(wrapped) != shoal.NotFound {
		t.Errorf("a hint changed %q to %q of code %d", cause, wrapped, shoal.CodeOf(wrapped))
	}
	if got := shoal.HintOf(wrapped); got != "look there" {
		t.Errorf("the hint below is %q", got)
	}
	if got := shoal.HintOf(shoal.WithHint(wrapped, "no, here")); got != "no, here" {
		t.Errorf("of two hints the nearer is %q", got)
	}
}
