package cli

import (
	"context"
	"io"
)

// stdinBuffer is how much of stdin is read at once.
const stdinBuffer = 256 << 10

// stdin is what comes from stdin until ctx ends, whose cause is the error of a read
// then. Nothing is read before it is asked for.
func (a *app) stdin(ctx context.Context) io.Reader {
	return &breakable{open: func() io.Reader { return pump(ctx, a.env.Stdin) }}
}

// breakable is a reader that is opened by the first read.
type breakable struct {
	open func() io.Reader
	from io.Reader
}

func (b *breakable) Read(p []byte) (int, error) {
	if b.from == nil {
		b.from = b.open()
	}
	return b.from.Read(p)
}

// pump reads ahead for one whose reads end with ctx. A read of a terminal or a pipe
// cannot be broken off: it is left behind, and ends with the process or with what it
// reads from.
func pump(ctx context.Context, from io.Reader) io.Reader {
	r, w := io.Pipe()
	stop := context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) }) // it never fails
	go func() {
		defer stop()
		_, err := io.CopyBuffer(w, struct{ io.Reader }{from}, make([]byte, stdinBuffer))
		_ = w.CloseWithError(err) // as above; nil is the end
	}()
	return r
}
