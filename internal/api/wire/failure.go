package wire

import (
	"errors"
	"strings"

	"shoal"
)

// Failure is an error on its way over the wire.
type Failure struct {
	Code string `json:"code" doc:"What kind of failure: usage, not_found, partial, network, no_node, unauthorised, integrity, no_space, below_copies, exists, interrupted, other"`
	Text string `json:"text" doc:"What went wrong, in a sentence"`
	Hint string `json:"hint,omitempty" doc:"What to do about it"`
}

// FailureOf is err as it travels; nil for nil.
func FailureOf(err error) *Failure {
	if err == nil {
		return nil
	}
	return &Failure{
		Code: shoal.CodeOf(err).Word(),
		Text: cut(err.Error()),
		Hint: cut(shoal.HintOf(err)),
	}
}

// Err is the error that FailureOf was given, as far as it can be told from
// here: the same text, code and hint. It is nil for nil.
func (f *Failure) Err() error {
	if f == nil {
		return nil
	}
	text := f.Text
	if text == "" {
		text = "the node gave no reason"
	}
	var err error = remote{text: text, code: shoal.CodeFromWord(f.Code)}
	if f.Hint != "" {
		err = shoal.WithHint(err, f.Hint)
	}
	return err
}

// remote is an error that happened in another process.
type remote struct {
	text string
	code shoal.Code
}

func (r remote) Error() string { return r.text }
func (r remote) Unwrap() error { return r.code }

// Problem is the body of an answer that is an error, after RFC 9457, with
// three members of ours: code, hint, and what was wrong with which part of the
// request.
type Problem struct {
	Type   string   `json:"type" doc:"Always about:blank: the code says what kind of problem it is"`
	Title  string   `json:"title" doc:"The status, in words"`
	Status int      `json:"status" doc:"The HTTP status"`
	Detail string   `json:"detail" doc:"What went wrong, in a sentence"`
	Code   string   `json:"code" doc:"What kind of failure it is, as a word that never changes"`
	Hint   string   `json:"hint,omitempty" doc:"What to do about it"`
	Errors []string `json:"errors,omitempty" doc:"What was wrong with the request, part by part"`
}

// Err is the problem as an error with its code and hint.
func (p Problem) Err() error {
	if p.Code == "" && p.Detail == "" {
		return errors.New("the node answered with something that is not a problem of ours")
	}
	text := p.Detail
	if len(p.Errors) > 0 {
		text += ": " + strings.Join(p.Errors, "; ")
	}
	return (&Failure{Code: p.Code, Text: text, Hint: p.Hint}).Err()
}

// cut shortens s to MaxText bytes, at the end of a character.
func cut(s string) string {
	if len(s) <= MaxText {
		return s
	}
	return strings.ToValidUTF8(s[:MaxText-len("...")], "") + "..."
}
