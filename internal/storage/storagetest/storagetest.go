// Package storagetest says in tests what storage.Store says in words: every
// store must pass Run, every store that persists Reopen as well. Bench measures
// them alike.
//
// It does not test what only one store does, such as links or a quota.
package storagetest

import (
	"testing"

	"shoal/internal/storage"
)

// Run tests that the stores that open makes, each empty and for one test alone,
// keep the contract of storage.Store. open closes them in a Cleanup if they
// must be closed. Use it with -race.
func Run(t *testing.T, open func(t *testing.T) storage.Store) {
	t.Run("Shapes", func(t *testing.T) { testShapes(t, open) })
	t.Run("PutAgain", func(t *testing.T) { testPutAgain(t, open(t)) })
	t.Run("CreateAgain", func(t *testing.T) { testCreateAgain(t, open(t)) })
	t.Run("Unknown", func(t *testing.T) { testUnknown(t, open(t)) })
	t.Run("Misfits", func(t *testing.T) { testMisfits(t, open(t)) })
	t.Run("Buffers", func(t *testing.T) { testBuffers(t, open(t)) })
	t.Run("PrivateBitmap", func(t *testing.T) { testPrivateBitmap(t, open(t)) })
	t.Run("ReadBeforeSync", func(t *testing.T) { testReadBeforeSync(t, open(t)) })
	t.Run("Delete", func(t *testing.T) { testDelete(t, open(t)) })
	t.Run("Usage", func(t *testing.T) { testUsage(t, open(t)) })
	t.Run("All", func(t *testing.T) { testAll(t, open(t)) })
	t.Run("AllWhileDeleting", func(t *testing.T) { testAllWhileDeleting(t, open(t)) })
	t.Run("EndedContext", func(t *testing.T) { testEndedContext(t, open(t)) })
	t.Run("OwnFilesAtOnce", func(t *testing.T) { testOwnFilesAtOnce(t, open(t)) })
	t.Run("OneFileAtOnce", func(t *testing.T) { testOneFileAtOnce(t, open(t)) })
	t.Run("Racing", func(t *testing.T) { testRacing(t, open(t)) })
	t.Run("Model", func(t *testing.T) { testModel(t, open(t), nil) })
}

// Reopen tests that what a store said is durable outlives it. reopen closes
// the store that it is given, and opens it again from what it left behind.
func Reopen(t *testing.T, open func(t *testing.T) storage.Store, reopen func(t *testing.T, old storage.Store) storage.Store) {
	t.Run("Shapes", func(t *testing.T) { testShapesReopened(t, open, reopen) })
	t.Run("Deleted", func(t *testing.T) { testDeletedReopened(t, open(t), reopen) })
	t.Run("Model", func(t *testing.T) { testModel(t, open(t), reopen) })
}
