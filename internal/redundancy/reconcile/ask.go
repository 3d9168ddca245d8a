package reconcile

import (
	"slices"
	"time"

	"shoal"
	"shoal/internal/redundancy/repair"
	"shoal/internal/redundancy/trim"
)

// asking is the questions that other nodes have not all answered yet.
type asking struct {
	*outbox
	self  shoal.NodeID
	open  map[Op]*question
	order []*question // by the time they were asked
}

// query is a question before it is sent.
type query struct {
	to     []shoal.NodeID
	file   repair.File
	upto   uint64
	waited bool
	each   func(reply) // called with each answer that counts, as it comes
}

// reply is an answer that came in time.
type reply struct {
	Answered
	asked time.Duration // when the question was sent
}

// question is a question that is still open.
type question struct {
	query
	op      Op
	asked   time.Duration
	waiting []shoal.NodeID
	replies []reply
	done    func([]reply)
	closed  bool
}

// ask asks nodes for their holdings of a file, and calls done with the answers
// that came in time. It leaves this node out, and calls done at once if no other
// node is left.
func (k *asking) ask(q query, done func([]reply)) *question {
	waiting := slices.DeleteFunc(slices.Clone(q.to), func(id shoal.NodeID) bool { return id == k.self })
	if len(waiting) == 0 {
		done(nil)
		return nil
	}
	open := &question{query: q, op: k.op(), asked: k.now.Mono, waiting: waiting, done: done}
	k.open[open.op] = open
	k.order = append(k.order, open)
	k.do(Ask{Op: open.op, To: slices.Clone(waiting), File: q.file.ID, Chunks: q.file.Chunks, Upto: q.upto, Waited: q.waited})
	return open
}

// answered takes in an answer. A very late answer shows that this process stood
// still: then the earlier answers may be out of date, too.
func (k *asking) answered(e Answered) {
	q := k.open[e.Op]
	if q == nil || !slices.Contains(q.waiting, e.From) {
		return
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(id shoal.NodeID) bool { return id == e.From })
	if k.outlived(q) {
		return // expire ends it
	}
	if !e.Failed && e.Has.Len() == q.file.Chunks && e.Pledge.Len() == q.file.Chunks {
		r := reply{Answered: e, asked: q.asked}
		q.replies = append(q.replies, r)
		if q.each != nil {
			q.each(r)
		}
	}
	if len(q.waiting) == 0 && !q.closed {
		k.end(q)
	}
}

// outlived reports whether a question was asked so long ago that its answers do
// not count.
func (k *asking) outlived(q *question) bool { return k.now.Mono-q.asked > 2*HoldTimeout }

// expire ends the questions whose time is over.
func (k *asking) expire() {
	for len(k.order) > 0 {
		q := k.order[0]
		if !q.closed && k.now.Mono < q.asked+HoldTimeout {
			return
		}
		k.order = k.order[1:]
		if !q.closed {
			k.end(q)
		}
	}
}

// end closes a question and hands its answers on.
func (k *asking) end(q *question) {
	k.drop(q)
	if k.outlived(q) {
		q.replies = nil
	}
	q.done(q.replies)
}

// drop closes a question whose answers nobody needs any more.
func (k *asking) drop(q *question) {
	delete(k.open, q.op)
	q.closed = true
}

// pledges is the promises in answers, each dated when the question was sent.
func pledges(replies []reply) []trim.Pledge {
	var given []trim.Pledge
	for _, r := range replies {
		given = append(given, trim.Pledge{From: r.From, Asked: r.asked, Chunks: r.Pledge})
	}
	return given
}
