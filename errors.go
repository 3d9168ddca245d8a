package shoal

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
)

// Code says what kind of failure an error is, so that a caller, a script or a
// page can decide what to do. A Code is itself an error: wrap it with %w and
// test for it with errors.Is. Its number is the process's exit code.
type Code uint8

// The codes. Their numbers are a promise to scripts and never change.
const (
	Other        Code = 1   // anything not named below
	Usage        Code = 2   // the call was malformed: bad flag, bad reference, bad size
	NotFound     Code = 3   // no such file, or nobody who is up has it
	Partial      Code = 4   // some of what was asked was done, some was not
	Network      Code = 5   // peers unreachable or too slow: a retry may help
	NoNode       Code = 6   // no node is running for this data folder
	Unauthorised Code = 7   // the other side knows us and says no
	Integrity    Code = 8   // bytes do not match their hash
	NoSpace      Code = 9   // the disk is full or the node's quota is reached
	BelowCopies  Code = 10  // stored, but with fewer copies than wanted
	Exists       Code = 11  // would overwrite something
	Interrupted  Code = 130 // stopped by a signal; what was done is kept, and resumes
)

// codeTable has, for each code, its word in JSON, its sentence, and its HTTP
// status (499 is nginx's for a client that went away).
func codeTable(c Code) (word, text string, status int) {
	switch c {
	case Usage:
		return "usage", "malformed request", 400
	case NotFound:
		return "not_found", "not found", 404
	case Partial:
		return "partial", "only partly done", 207
	case Network:
		return "network", "peers unreachable", 504
	case NoNode:
		return "no_node", "no node is running", 503
	case Unauthorised:
		return "unauthorised", "not authorised", 403
	case Integrity:
		return "integrity", "bytes do not match their hash", 502
	case NoSpace:
		return "no_space", "no space left", 507
	case BelowCopies:
		return "below_copies", "stored with fewer copies than wanted", 202
	case Exists:
		return "exists", "already exists", 409
	case Interrupted:
		return "interrupted", "interrupted", 499
	case Other:
	}
	return "other", "failed", 500
}

// Codes lists every code in ascending order.
func Codes() []Code {
	return []Code{Other, Usage, NotFound, Partial, Network, NoNode, Unauthorised, Integrity, NoSpace, BelowCopies, Exists, Interrupted}
}

// Error is the code's sentence.
func (c Code) Error() string { _, text, _ := codeTable(c); return text }

// Word is the code as it stands in JSON.
func (c Code) Word() string { word, _, _ := codeTable(c); return word }

// HTTPStatus is the status a REST answer with this code has.
func (c Code) HTTPStatus() int { _, _, status := codeTable(c); return status }

// ExitCode is what a process that fails with this code exits with.
func (c Code) ExitCode() int { return int(c) }

// CodeFromWord is the code whose Word is w, or Other.
func CodeFromWord(w string) Code {
	for _, c := range Codes() {
		if c.Word() == w {
			return c
		}
	}
	return Other
}

// CodeOf is the code in err's chain. Errors of the standard library that mean
// the same as a code count as that code; any other is Other. err is not nil.
func CodeOf(err error) Code {
	if c, ok := errors.AsType[Code](err); ok {
		return c
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return NotFound
	case errors.Is(err, fs.ErrExist):
		return Exists
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return NoSpace
	case errors.Is(err, context.DeadlineExceeded):
		return Network
	case errors.Is(err, context.Canceled):
		return Interrupted
	}
	return Other
}

// hinted is an error with advice on what to do about it.
type hinted struct {
	err  error
	hint string
}

func (h hinted) Error() string { return h.err.Error() }
func (h hinted) Unwrap() error { return h.err }

// WithHint returns err with a sentence that says what to do next, for the
// person who sees it; the error's text and code stay the same. The hint
// nearest to the surface wins. A nil err stays nil.
func WithHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return hinted{err: err, hint: hint}
}

// HintOf is the hint in err's chain, or "".
func HintOf(err error) string {
	if h, ok := errors.AsType[hinted](err); ok {
		return h.hint
	}
	return ""
}
