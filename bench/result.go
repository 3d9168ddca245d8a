package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"shoal/bench/table"
)

// result is what a row came to.
type result struct {
	Name         string    `json:"name"`
	Target       string    `json:"target"`
	Ours         string    `json:"ours"`
	Theirs       string    `json:"theirs,omitempty"`
	Ratio        float64   `json:"ratio,omitempty"`  // our rate for each unit of theirs, by the medians
	Spread       []float64 `json:"spread,omitempty"` // the least and the most ratio of a round
	OurSeconds   []float64 `json:"our_seconds,omitempty"`
	TheirSeconds []float64 `json:"their_seconds,omitempty"`
	Met          bool      `json:"met"`
	Note         string    `json:"note,omitempty"`
	Error        string    `json:"error,omitempty"`
}

// fail notes that the row could not be measured, if err is one.
func (r *result) fail(err error) {
	if err != nil {
		r.Met, r.Error = false, err.Error()
	}
}

func (r *result) verdict() string {
	switch {
	case r.Error != "":
		return "FAILED"
	case r.Met:
		return "met"
	}
	return "MISSED"
}

func (r *result) ratio() string {
	if r.Ratio == 0 {
		return ""
	}
	text := fmt.Sprintf("%.2f", r.Ratio)
	if len(r.Spread) == 2 {
		text += fmt.Sprintf(" (%.2f to %.2f)", r.Spread[0], r.Spread[1])
	}
	return text
}

// publish prints the results as a table and writes them to a file, if that has
// a name. It fails if a row did: a target that was missed is no failure.
func publish(w io.Writer, report string, results []result) error {
	if err := printTable(w, results); err != nil {
		return err
	}
	if report != "" {
		if err := writeReport(report, results); err != nil {
			return err
		}
	}
	var errs []error
	for _, r := range results {
		if r.Error != "" {
			errs = append(errs, fmt.Errorf("%s: %s", r.Name, r.Error))
		}
	}
	return errors.Join(errs...)
}

func printTable(w io.Writer, results []result) error {
	right := table.Right
	t := table.New(
		table.Column{Title: "measure"}, table.Column{Title: "ours", Align: right}, table.Column{Title: "theirs", Align: right},
		table.Column{Title: "ratio"}, table.Column{Title: "target"}, table.Column{Title: "verdict"}, table.Column{Title: "note"})
	for _, r := range results {
		t.Row(r.Name, r.Ours, r.Theirs, r.ratio(), r.Target, r.verdict(), r.Note)
	}
	return t.Print(w, "")
}

func writeReport(path string, results []result) error {
	report := struct {
		Time    time.Time `json:"time"`
		Go      string    `json:"go"`
		Cores   int       `json:"cores"`
		Results []result  `json:"results"`
	}{time.Now().UTC(), runtime.Version(), runtime.NumCPU(), results}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644) //nolint:gosec // for anyone to read
}
