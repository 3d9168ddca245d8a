package transfer

import (
	"sync"

	"shoal"
	"shoal/internal/content"
)

// Board announces, inside one node, each chunk the moment it can be read here:
// fetch posts, serve passes it on to the peers it serves, and readers of a file
// wait on it. The zero value is ready for use, by any number of goroutines.
//
// A chunk is posted when it is verified and written, which is before the store
// counts it as present (that takes an fdatasync); the board remembers what was
// posted for as long as the fetch that posted it runs.
type Board struct {
	mu    sync.Mutex // guards files and all that hangs on it; held for no I/O
	files map[shoal.FileID]*boardFile
}

type boardFile struct {
	fetches  int // running now
	posted   content.Bitmap
	watchers map[*Watch]struct{}
}

// Watch gathers the chunks posted for one file since it was made.
type Watch struct {
	// C has a value whenever there may be something to Take.
	C <-chan struct{}

	board   *Board
	file    shoal.FileID
	wake    chan struct{}
	pending []int // guarded by board.mu
}

// Begin says that a fetch of a file of that many chunks has started. Each is
// followed by one End.
func (b *Board) Begin(file shoal.FileID, chunks int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.fileLocked(file)
	if f.fetches == 0 {
		f.posted = content.NewBitmap(chunks)
	}
	f.fetches++
}

// End says that the fetch is over: what it posted is durable, or gone.
func (b *Board) End(file shoal.FileID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.files[file]; f != nil {
		if f.fetches--; f.fetches == 0 {
			f.posted = content.Bitmap{}
		}
		b.sweepLocked(file, f)
	}
}

// Post says that a chunk can be read here now. It may be said again.
func (b *Board) Post(chunk shoal.Chunk) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.files[chunk.File]
	if f == nil {
		return
	}
	if chunk.Index < f.posted.Len() {
		f.posted.Set(chunk.Index)
	}
	for w := range f.watchers {
		if n := len(w.pending); n == 0 || w.pending[n-1] != chunk.Index {
			w.pending = append(w.pending, chunk.Index)
		}
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// AddPosted sets in have the chunks that running fetches have posted.
func (b *Board) AddPosted(file shoal.FileID, have *content.Bitmap) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.files[file]; f != nil && f.posted.Len() == have.Len() {
		have.Union(f.posted)
	}
}

// Watch starts to gather what is posted for a file. Whoever starts it must
// Close it.
func (b *Board) Watch(file shoal.FileID) *Watch {
	b.mu.Lock()
	defer b.mu.Unlock()
	wake := make(chan struct{}, 1)
	w := &Watch{C: wake, board: b, file: file, wake: wake}
	b.fileLocked(file).watchers[w] = struct{}{}
	return w
}

// Take gives what was posted since the last Take.
func (w *Watch) Take() []int {
	w.board.mu.Lock()
	defer w.board.mu.Unlock()
	taken := w.pending
	w.pending = nil
	return taken
}

// Close stops the gathering.
func (w *Watch) Close() {
	w.board.mu.Lock()
	defer w.board.mu.Unlock()
	if f := w.board.files[w.file]; f != nil {
		delete(f.watchers, w)
		w.board.sweepLocked(w.file, f)
	}
}

func (b *Board) fileLocked(file shoal.FileID) *boardFile {
	if b.files == nil {
		b.files = make(map[shoal.FileID]*boardFile)
	}
	f := b.files[file]
	if f == nil {
		f = &boardFile{watchers: make(map[*Watch]struct{})}
		b.files[file] = f
	}
	return f
}

// sweepLocked forgets a file that nobody fetches or watches any more.
func (b *Board) sweepLocked(file shoal.FileID, f *boardFile) {
	if f.fetches == 0 && len(f.watchers) == 0 {
		delete(b.files, file)
	}
}
