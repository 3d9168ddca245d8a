// Package vtime is virtual time for simulations: it passes from one thing that is to
// happen to the next, at once. What is to happen at the same time happens in the
// order in which it was said, so that a run can be repeated to the last step.
package vtime

import (
	"container/heap"
	"time"
)

// Clock is a virtual clock. The zero Clock stands at zero, and nothing is to happen.
// It is for one goroutine; what happens runs on that.
type Clock struct {
	now   time.Duration
	queue queue
	count uint64
}

// Now is how much time has passed.
func (c *Clock) Now() time.Duration { return c.now }

// After has something happen later; now, but after what is said already, if d is
// not positive.
func (c *Clock) After(d time.Duration, do func()) {
	c.count++
	heap.Push(&c.queue, job{c.now + max(d, 0), c.count, do})
}

// Step has the next thing happen that is to happen until a time, and reports
// whether there was one. If not, it is that time now.
func (c *Clock) Step(until time.Duration) bool {
	if len(c.queue) == 0 || c.queue[0].at > until {
		c.now = max(c.now, until)
		return false
	}
	next := heap.Pop(&c.queue).(job)
	c.now = next.at
	next.do()
	return true
}

// Run lets time pass.
func (c *Clock) Run(d time.Duration) {
	for until := c.now + d; c.Step(until); {
	}
}

// job is something that is to happen.
type job struct {
	at    time.Duration
	order uint64
	do    func()
}

// queue is a heap (container/heap) with the next job first.
type queue []job

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(job)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	next := (*q)[last]
	(*q)[last] = job{} // or what it holds on to would stay
	*q = (*q)[:last]
	return next
}
