package crashfs

import "errors"

// Op is a kind of call.
type Op string

// The kinds of call.
const (
	OpRoot     Op = "root"
	OpStat     Op = "stat"
	OpList     Op = "list"
	OpMakeDir  Op = "mkdir"
	OpRemove   Op = "remove"
	OpRename   Op = "rename"
	OpSyncDir  Op = "syncdir"
	OpFree     Op = "free"
	OpOpen     Op = "open"
	OpLock     Op = "lock"
	OpRead     Op = "read"
	OpWrite    Op = "write"
	OpTruncate Op = "truncate"
	OpSync     Op = "sync"
)

// ErrPower is what every call gives once the power is cut.
var ErrPower = errors.New("the power is cut")

// ErrShort makes a write stop half-way.
var ErrShort = errors.New("short write")

// Call is one call about to be made.
type Call struct {
	Index int // from 0, since the plan was set
	Op    Op
	Name  string
}

// Plan decides the fate of a call: nil lets it pass, ErrPower cuts the power
// before it and for good, ErrShort halves a write, any other error fails it.
type Plan func(Call) error

// SetPlan sets what happens from now on, and counts calls from 0 again. A nil
// plan lets all pass.
func (s *System) SetPlan(plan Plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan, s.calls = plan, 0
}

// Calls is how many calls there were since the plan was set.
func (s *System) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// FailAt fails the call with the given index, and no other, with err.
func FailAt(index int, err error) Plan {
	return func(c Call) error {
		if c.Index == index {
			return err
		}
		return nil
	}
}

// FailFrom fails the calls from index on that are of one of the kinds ops.
func FailFrom(index int, err error, ops ...Op) Plan {
	return func(c Call) error {
		for _, op := range ops {
			if c.Op == op && c.Index >= index {
				return err
			}
		}
		return nil
	}
}

// call counts a call and asks the plan. It is called with mu held.
func (s *System) call(op Op, name string) error {
	if s.dead {
		return pathError(string(op), name, ErrPower)
	}
	call := Call{Index: s.calls, Op: op, Name: name}
	s.calls++
	if s.plan == nil {
		return nil
	}
	err := s.plan(call)
	if err == nil {
		return nil
	}
	s.dead = errors.Is(err, ErrPower)
	return pathError(string(op), name, err)
}
