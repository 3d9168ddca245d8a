package serve

import (
	"context"
	"sync"

	"shoal"
	"shoal/internal/content"
)

// files are those that peers are being told of right now. A hash list may have
// 128 MiB, so all sessions that send one share it.
type files struct {
	library Library

	mu   sync.Mutex // guards open; held for no I/O
	open map[shoal.FileID]*openFile
}

type openFile struct {
	users int           // guarded by files.mu
	ready chan struct{} // closed when the rest is set
	file  content.File
	err   error
}

// with has do called with a file of the library, whose hash list must not be
// used any more when it has returned.
func (f *files) with(ctx context.Context, id shoal.FileID, do func(content.File) error) error {
	o, first := f.use(id)
	defer f.drop(id, o)
	if first {
		// Others wait for it as well, whatever becomes of this session.
		o.file, o.err = f.library.File(context.WithoutCancel(ctx), id)
		close(o.ready)
	}
	<-o.ready
	if o.err != nil {
		return o.err
	}
	return do(o.file)
}

// use gives the file's place, and whether the caller has to fill it.
func (f *files) use(id shoal.FileID) (o *openFile, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if o = f.open[id]; o == nil {
		o, first = &openFile{ready: make(chan struct{})}, true
		f.open[id] = o
	}
	o.users++
	return o, first
}

func (f *files) drop(id shoal.FileID, o *openFile) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if o.users--; o.users == 0 {
		delete(f.open, id)
	}
}
