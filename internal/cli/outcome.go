package cli

import (
	"context"

	"shoal"
)

// outcome adds up how the parts of one command went, so that what fails for
// one does not stop the others, and the end still tells of it.
type outcome struct {
	screen   *screen
	expected int // parts that have begun
	done     int
	failures int
	mark     int          // failures before the latest batch
	code     shoal.Code   // of the first failure
	held     *heldFailure // the first failure, as long as it may be all there is to tell
	output   error        // why a result could not be written
}

type heldFailure struct {
	name string
	err  error
}

// expect notes that a batch of n more parts begins.
func (o *outcome) expect(n int) {
	o.expected += n
	o.mark = o.failures
}

// succeed notes that a part is done, and whether that could be written.
func (o *outcome) succeed(written error) {
	o.done++
	if o.output == nil {
		o.output = written
	}
}

// fail notes that a part failed, and tells it, unless that part may be all
// there is: then the command fails with that error as its own.
func (o *outcome) fail(name string, err error) {
	o.failures++
	if o.failures == 1 {
		o.code = shoal.CodeOf(err)
	}
	o.tell()
	if o.failures == 1 && o.done == 0 && o.expected <= 1 {
		o.held = &heldFailure{name, err}
		return
	}
	o.screen.failed(name, err)
}

// tell tells the failure that was held back.
func (o *outcome) tell() {
	if o.held != nil {
		o.screen.failed(o.held.name, o.held.err)
		o.held = nil
	}
}

// after is what the error that a batch ended with means: that of a part has
// been counted, any other ends the command.
func (o *outcome) after(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case o.failures > o.mark && shoal.CodeOf(err) != shoal.NoNode:
		return nil
	}
	return err
}

// err is how the command as a whole went.
func (o *outcome) err() error {
	switch total := o.done + o.failures; {
	case o.failures == 0:
		return o.output
	case o.held != nil && total == 1:
		return o.held.err
	default:
		o.tell()
		code := o.code
		if o.done > 0 {
			code = shoal.Partial
		}
		return itemised{told{some(o.failures, total, "file") + " failed", code}}
	}
}

// told is an error in words of its own, with a code that they do not repeat.
type told struct {
	text string
	code shoal.Code
}

func (t told) Error() string { return t.text }
func (t told) Unwrap() error { return t.code }
