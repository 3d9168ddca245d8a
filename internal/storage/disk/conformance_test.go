package disk

import (
	"testing"

	"shoal/internal/storage"
	"shoal/internal/storage/storagetest"
)

func TestConformance(t *testing.T) {
	open := func(t *testing.T) storage.Store { return openStore(t, t.TempDir()) }
	storagetest.Run(t, open)
	t.Run("Reopen", func(t *testing.T) {
		storagetest.Reopen(t, open, func(t *testing.T, old storage.Store) storage.Store {
			s := old.(*Store)
			must(t, s.Close())
			return openStore(t, s.dir)
		})
	})
}

func BenchmarkStore(b *testing.B) {
	storagetest.Bench(b, func(b *testing.B) storage.Store { return openStore(b, b.TempDir()) })
}
