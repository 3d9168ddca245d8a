package wire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"shoal"
	"shoal/internal/api/wire"
)

// sameError compares what of an error crosses the wire.
func sameError(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Error() == b.Error() && shoal.CodeOf(a) == shoal.CodeOf(b) && shoal.HintOf(a) == shoal.HintOf(b)
}

func anyError(t *rapid.T) error {
	code := rapid.SampledFrom(shoal.Codes()).Draw(t, "code")
	err := fmt.Errorf("%s: %w", rapid.String().Draw(t, "text"), code)
	if hint := rapid.String().Draw(t, "hint"); hint != "" {
		err = shoal.WithHint(err, hint)
	}
	return err
}

func anyEvent(t *rapid.T) shoal.Event {
	e := shoal.Event{
		Seq:  rapid.Uint64().Draw(t, "seq"),
		Time: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "time"), 0).UTC(),
		Type: rapid.SampledFrom([]shoal.EventType{shoal.EventStarted, shoal.EventProgress, shoal.EventDone}).Draw(t, "type"),
		Item: rapid.IntRange(0, shoal.MaxItems).Draw(t, "item"),
		Name: rapid.String().Draw(t, "name"),
		Done: rapid.Int64Min(0).Draw(t, "done"),
	}
	copy(e.File[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "id"))
	if rapid.Bool().Draw(t, "failed") {
		e.Type, e.Err = shoal.EventFailed, anyError(t)
	}
	if rapid.Bool().Draw(t, "has stats") {
		e.Stats = &shoal.Stats{Bytes: 7, Sources: []shoal.Source{{Node: "n", Rate: 1.5}}}
	}
	return e
}

func anyReport(t *rapid.T) *shoal.VerifyReport {
	if rapid.Bool().Draw(t, "no report") {
		return nil
	}
	report := &shoal.VerifyReport{Files: 3, Chunks: 9, Bytes: 1 << 40}
	for range rapid.IntRange(0, 3).Draw(t, "rotten") {
		report.Rotten = append(report.Rotten, shoal.Rot{
			Index: rapid.IntRange(0, 9).Draw(t, "index"),
			Place: shoal.Place{Kind: shoal.PlaceLinked, Path: rapid.String().Draw(t, "path")},
		})
	}
	for range rapid.IntRange(0, 3).Draw(t, "missing") {
		report.Missing = append(report.Missing, shoal.Lack{Name: rapid.String().Draw(t, "name"), Chunks: 1, Of: 2})
	}
	return report
}

// A stream gives the reader what was put in by the writer, and nothing else.
func TestStreamRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var events []shoal.Event
		for range rapid.IntRange(0, 5).Draw(t, "events") {
			events = append(events, anyEvent(t))
		}
		report := anyReport(t)
		var failure error
		if rapid.Bool().Draw(t, "fails") {
			failure = anyError(t)
		}
		var buf bytes.Buffer
		w := wire.NewWriter(&buf)
		for _, e := range events {
			if err := w.Event(e); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.End(failure, report); err != nil {
			t.Fatal(err)
		}

		r := wire.NewReader(&buf)
		var gotEvents []shoal.Event
		var rotten []shoal.Rot
		var missing []shoal.Lack
		for {
			line, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			switch line.Type {
			case wire.Rotten:
				rotten = append(rotten, *line.Rot)
				continue
			case wire.Missing:
				missing = append(missing, *line.Lack)
				continue
			case wire.Summary:
				if got := line.Failure.Err(); !sameError(failure, got) {
					t.Errorf("failure %v arrives as %v", failure, got)
				}
				if line.Report != nil {
					line.Report.Rotten, line.Report.Missing = rotten, missing
				}
				if diff := cmp.Diff(report, line.Report); diff != "" {
					t.Error(diff)
				}
			default:
				gotEvents = append(gotEvents, line.Event)
				continue
			}
			break
		}
		// JSON has no bytes that are not UTF-8, and rapid draws none.
		if diff := cmp.Diff(events, gotEvents, cmp.Comparer(sameError), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStreamCutShort(t *testing.T) {
	var buf bytes.Buffer
	w := wire.NewWriter(&buf)
	if err := w.Event(shoal.Event{Type: shoal.EventStarted}); err != nil {
		t.Fatal(err)
	}
	r := wire.NewReader(&buf)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Next after the stream broke off: %v, want io.ErrUnexpectedEOF", err)
	}
}

func TestLineTooLong(t *testing.T) {
	long := io.MultiReader(strings.NewReader(`{"event":"notice","text":"`), strings.NewReader(strings.Repeat("x", 2*wire.MaxLine)))
	if line, err := wire.NewReader(long).Next(); err == nil {
		t.Errorf("a line of 2 MiB was read: %d bytes of text", len(line.Text))
	}
}

func TestEntryHeaderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := shoal.Entry{
			Name:      rapid.StringN(1, 200, shoal.MaxNameLength).Draw(t, "name"),
			Size:      rapid.Int64Min(0).Draw(t, "size"),
			ChunkSize: 1 << rapid.IntRange(10, 25).Draw(t, "log2"),
			Added:     time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "added"), 0).UTC(),
		}
		copy(want.ID[:], rapid.SliceOfN(rapid.ByteMin(1), 32, 32).Draw(t, "id"))
		text, err := wire.FormatEntry(want)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range []byte(text) {
			if b < 0x20 || b > 0x7e {
				t.Fatalf("byte %#x is not for a header: %q", b, text)
			}
		}
		got, err := wire.ParseEntry(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLongTextIsCut(t *testing.T) {
	f := wire.FailureOf(errors.New(strings.Repeat("ö", wire.MaxText)))
	if len(f.Text) > wire.MaxText || !strings.HasSuffix(f.Text, "ö...") {
		t.Errorf("text of %d bytes ends in %q", len(f.Text), f.Text[len(f.Text)-8:])
	}
}

func TestCodesCross(t *testing.T) {
	for _, code := range shoal.Codes() {
		if got := shoal.CodeOf(wire.FailureOf(code).Err()); got != code {
			t.Errorf("%v arrives as %v", code, got)
		}
	}
	if got := shoal.CodeOf(wire.FailureOf(context.DeadlineExceeded).Err()); got != shoal.Network {
		t.Errorf("a deadline arrives as %v, want network", got)
	}
}

func TestProblem(t *testing.T) {
	p := wire.Problem{Detail: "validation failed", Code: "usage", Hint: "read the manual", Errors: []string{"a is missing", "b is odd"}}
	err := p.Err()
	if got, want := err.Error(), "validation failed: a is missing; b is odd"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	if shoal.CodeOf(err) != shoal.Usage || shoal.HintOf(err) != p.Hint {
		t.Errorf("code %v, hint %q", shoal.CodeOf(err), shoal.HintOf(err))
	}
	if (wire.Problem{}).Err() == nil {
		t.Error("an empty problem is no error")
	}
}
