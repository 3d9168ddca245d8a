package memory_test

import (
	"testing"

	"shoal/internal/storage"
	"shoal/internal/storage/memory"
	"shoal/internal/storage/storagetest"
)

func TestStore(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Store { return memory.New() })
}

func BenchmarkStore(b *testing.B) {
	storagetest.Bench(b, func(*testing.B) storage.Store { return memory.New() })
}
