package apitest_test

import (
	"testing"

	"shoal/internal/api/apitest"
)

// The little node does what it is held against.
func TestNode(t *testing.T) {
	apitest.Run(t, func(*testing.T) apitest.Subject {
		fake := apitest.New()
		return apitest.Subject{Node: fake, Fake: fake}
	})
}
