package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"shoal"
	"shoal/internal/api/wire"
)

// screen is where a command says what it has to say: results to stdout, all
// else to stderr, and with --json everything as lines of JSON to stdout. It is
// for one goroutine at a time.
type screen struct {
	stdout, stderr     io.Writer
	json, quiet        bool
	jsonOut            io.Writer // stdout, unless that carries a file's bytes
	outStyle, errStyle style
	errTerminal        bool
	columns            int // of the terminal that stdout is; 0 if it is none
	now                func() time.Time
	began              time.Time
	moving             *bar // the bar that stands on stderr now, if one does

	sum     summary
	summary bool // whether a summary is the last line with --json
}

// summary is the last line with --json.
type summary struct {
	Exit    int           `json:"exit"`
	Code    string        `json:"code"` // ok, or the word of the shoal.Code
	Results int           `json:"results"`
	Failed  int           `json:"failed"`
	Bytes   int64         `json:"bytes,omitempty"`
	Elapsed time.Duration `json:"elapsed_ns"`
}

func newScreen(env Env) *screen {
	s := &screen{stdout: outlet{env.Stdout}, stderr: env.Stderr, now: env.Now, began: env.Now(), summary: true}
	s.jsonOut = s.stdout
	colour := env.Getenv("NO_COLOR") == "" && env.Getenv("TERM") != "dumb"
	s.errTerminal = isTerminal(env.Stderr)
	s.outStyle, s.columns = style(colour && isTerminal(env.Stdout)), columnsOf(env.Stdout)
	s.errStyle = style(colour && s.errTerminal)
	return s
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// columnsOf is how wide a terminal is; 0 if it is none, or does not say.
func columnsOf(w io.Writer) int {
	file, ok := w.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// divert sends JSON lines to stderr, because stdout carries a file's bytes.
func (s *screen) divert() { s.jsonOut = s.stderr }

// result says one thing that was asked for: as JSON, or as human writes it.
func (s *screen) result(v any, human func(w io.Writer) error) error {
	s.sum.Results++
	if s.json {
		return s.line("result", v)
	}
	s.still()
	return human(s.stdout)
}

// notice tells of something worth knowing that is no failure.
func (s *screen) notice(format string, args ...any) {
	text := clean(fmt.Sprintf(format, args...))
	switch {
	case s.json:
		_ = s.line("progress", noticeLine{Event: shoal.EventNotice, Text: text})
	case !s.quiet:
		s.still()
		fmt.Fprintln(s.stderr, s.errStyle.dim(text))
	}
}

// conclude sums up for a person what the results and the summary have for a
// script.
func (s *screen) conclude(format string, args ...any) {
	if !s.json {
		s.notice(format, args...)
	}
}

type noticeLine struct {
	Event shoal.EventType `json:"event"`
	Text  string          `json:"text"`
}

// failure is an error as JSON shows it.
type failure struct {
	wire.Failure
	Exit int    `json:"exit"`
	Name string `json:"name,omitempty"`
}

func failureOf(name string, err error) failure {
	return failure{Failure: *wire.FailureOf(err), Exit: shoal.CodeOf(err).ExitCode(), Name: name}
}

// failed tells of one of several things that failed, the others going on.
func (s *screen) failed(name string, err error) {
	s.sum.Failed++
	if s.json {
		_ = s.line("error", failureOf(name, err))
		return
	}
	s.still()
	text := sentence(err)
	if !strings.Contains(text, name) {
		text = name + ": " + text
	}
	s.complain(clean(text), shoal.HintOf(err))
}

// end says how the command as a whole ended.
func (s *screen) end(err error) {
	s.still()
	s.sum.Code = "ok"
	if err != nil {
		s.sum.Code, s.sum.Exit = shoal.CodeOf(err).Word(), shoal.CodeOf(err).ExitCode()
	}
	told := errors.As(err, new(itemised))
	switch {
	case err == nil:
	case !s.json:
		s.complain(clean(sentence(err)), shoal.HintOf(err))
	case !told:
		s.sum.Failed++
		_ = s.line("error", failureOf("", err))
	}
	if s.json && (s.summary || err != nil) {
		s.sum.Elapsed = s.now().Sub(s.began)
		_ = s.line("summary", s.sum)
	}
}

// complain writes one error and what to do about it.
func (s *screen) complain(text, hint string) {
	fmt.Fprintln(s.stderr, s.errStyle.bad("shoal:"), text)
	if hint != "" {
		fmt.Fprintln(s.stderr, s.errStyle.dim("hint: "+clean(hint)))
	}
}

// line writes v as one line of JSON, with its type first.
func (s *screen) line(kind string, v any) error {
	line, err := typed(kind, v)
	if err != nil {
		return err
	}
	_, err = s.jsonOut.Write(line)
	return err
}

// typed is v, which is a JSON object, as a line with one more member: its type.
func typed(kind string, v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // links have ampersands, and people copy them
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	object := b.Bytes()
	head := `{"type":"` + kind + `"`
	if len(object) > len("{}\n") {
		head += ","
	}
	return append([]byte(head), object[1:]...), nil
}

// still takes a bar off the terminal, so that a line can stand there.
func (s *screen) still() {
	if s.moving != nil {
		s.moving.clear()
	}
}

// itemised is an error whose parts have been told one by one.
type itemised struct{ error }

func (i itemised) Unwrap() error { return i.error }

// outlet is stdout. That nobody reads it is an error of its own, for it is
// none of the command's.
type outlet struct{ io.Writer }

func (o outlet) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		err = errNoReader
	}
	return n, err
}

// style is whether colours are on.
type style bool

func (s style) bold(text string) string { return s.sgr("1", text) }
func (s style) dim(text string) string  { return s.sgr("2", text) }
func (s style) bad(text string) string  { return s.sgr("1;31", text) }
func (s style) good(text string) string { return s.sgr("32", text) }

// What has the terminal draw in black on white: two of the 256 colours (xterm,
// ctlseqs) that no theme changes.
const (
	inkOn  = "\x1b[38;5;16;48;5;231m"
	inkOff = "\x1b[0m"
)

// ink has text drawn in black on white.
func (s style) ink(text string) string {
	if !s {
		return text
	}
	return inkOn + text + inkOff
}

// sgr wraps text in ECMA-48's "select graphic rendition".
func (s style) sgr(parameters, text string) string {
	if !s {
		return text
	}
	return "\x1b[" + parameters + "m" + text + "\x1b[0m"
}
