package wire

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"shoal"
)

// The types of the lines that are no events of package shoal.
const (
	Rotten  shoal.EventType = "rotten"  // one rotten chunk that a verify found; Rot is set
	Missing shoal.EventType = "missing" // one file of which a verify did not find all; Lack is set
	Summary shoal.EventType = "summary" // the last line; Failure is set if the whole call failed
)

// Line is one line of a streamed answer: an event, with the reason if it is
// that of a failure; a rotten chunk or a file that is missing; or the summary that ends the stream. A
// stream without a summary was cut short.
type Line struct {
	shoal.Event
	Failure *Failure            `json:"error,omitempty"`
	Rot     *shoal.Rot          `json:"rot,omitempty"`
	Lack    *shoal.Lack         `json:"lack,omitempty"`
	Report  *shoal.VerifyReport `json:"report,omitempty"`
}

// sparse is a Line that is no event, without the members of one.
type sparse struct {
	Type    shoal.EventType     `json:"event"`
	Failure *Failure            `json:"error,omitempty"`
	Rot     *shoal.Rot          `json:"rot,omitempty"`
	Lack    *shoal.Lack         `json:"lack,omitempty"`
	Report  *shoal.VerifyReport `json:"report,omitempty"`
}

// Writer writes a streamed answer. It is for one goroutine at a time.
type Writer struct{ json *json.Encoder }

// NewWriter writes to w, one Write call a line.
func NewWriter(w io.Writer) *Writer { return &Writer{json: json.NewEncoder(w)} }

// Event writes an event, with its Err.
func (w *Writer) Event(e shoal.Event) error {
	return w.json.Encode(Line{Event: e, Failure: FailureOf(e.Err)})
}

// End writes the last lines: what the call returned, and for a verify what it
// found, a line for each rotten chunk and each file that is missing, so that no
// line grows without bound.
// report may be nil.
func (w *Writer) End(failure error, report *shoal.VerifyReport) error {
	last := sparse{Type: Summary, Failure: FailureOf(failure)}
	if report != nil {
		for i := range report.Rotten {
			if err := w.json.Encode(sparse{Type: Rotten, Rot: &report.Rotten[i]}); err != nil {
				return err
			}
		}
		for i := range report.Missing {
			if err := w.json.Encode(sparse{Type: Missing, Lack: &report.Missing[i]}); err != nil {
				return err
			}
		}
		counts := *report
		counts.Rotten, counts.Missing = nil, nil
		last.Report = &counts
	}
	return w.json.Encode(last)
}

// Reader reads a streamed answer. It is for one goroutine at a time.
type Reader struct{ lines *bufio.Scanner }

// NewReader reads from r.
func NewReader(r io.Reader) *Reader {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, MaxLine)
	return &Reader{lines: lines}
}

// Next is the next line, an event with its Err set if it had one. The caller
// stops at the Summary; a stream that ends before it is io.ErrUnexpectedEOF.
func (r *Reader) Next() (Line, error) {
	if !r.lines.Scan() {
		if err := r.lines.Err(); err != nil {
			return Line{}, fmt.Errorf("read the node's answer: %w", err)
		}
		return Line{}, fmt.Errorf("read the node's answer: %w", io.ErrUnexpectedEOF)
	}
	var line Line
	if err := json.Unmarshal(r.lines.Bytes(), &line); err != nil {
		return Line{}, fmt.Errorf("understand the node's answer: %w", err)
	}
	if line.Type != Summary {
		line.Err = line.Failure.Err()
	}
	return line, nil
}
