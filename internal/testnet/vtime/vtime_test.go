package vtime_test

import (
	"slices"
	"testing"
	"time"

	"shoal/internal/testnet/vtime"
)

func TestClock(t *testing.T) {
	var c vtime.Clock
	var done []string
	note := func(what string) func() {
		return func() { done = append(done, what+" "+c.Now().String()) }
	}
	c.After(2*time.Second, note("later"))
	c.After(time.Second, note("first"))
	c.After(time.Second, func() {
		note("second")()
		c.After(-time.Hour, note("at once"))
		c.After(time.Second, note("last"))
	})
	c.After(time.Second, note("third"))
	c.Run(time.Second)
	if want := []string{"first 1s", "second 1s", "third 1s", "at once 1s"}; !slices.Equal(done, want) {
		t.Errorf("in the first second: %q, want %q", done, want)
	}
	done = nil
	c.Run(time.Hour)
	if want := []string{"later 2s", "last 2s"}; !slices.Equal(done, want) || c.Now() != time.Second+time.Hour {
		t.Errorf("in the hour: %q, want %q; it is %v", done, want, c.Now())
	}
	if c.Step(0) || c.Now() != time.Second+time.Hour {
		t.Errorf("time went back to %v", c.Now())
	}
}
