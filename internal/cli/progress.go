package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"shoal"
)

// plainEvery is how often progress is told where there is no terminal: enough
// to see that it goes on, little enough not to flood a log.
const plainEvery = 5 * time.Second

// barEvery is how often a bar moves.
const barEvery = 100 * time.Millisecond

// progress shows how a command's transfers go, in the way that the screen
// calls for. It is for one goroutine at a time.
type progress struct {
	screen *screen
	verb   string // getting, adding
	tally  *tally
	bar    *bar
	next   time.Time // when the next plain line is due
}

// progress begins to show how items files go; 0 if their number is not known.
func (s *screen) progress(verb string, items int) *progress {
	p := &progress{screen: s, verb: verb, tally: newTally(items)}
	if s.errTerminal && !s.quiet && !s.json {
		p.bar = newBar(s.stderr)
		s.moving = p.bar
	}
	return p
}

// see takes in an event and shows what it changes.
func (p *progress) see(e shoal.Event) {
	p.tally.see(e)
	switch {
	case p.screen.json:
		if e.Type != shoal.EventDone && e.Type != shoal.EventFailed { // these become results and errors
			_ = p.screen.line("progress", e)
		}
		return
	case p.screen.quiet:
		return
	}
	if text := remark(e); text != "" {
		p.screen.notice("%s", text)
	}
	if p.bar != nil {
		p.bar.set(p.tally.share(), p.verb+" "+p.tally.String())
		return
	}
	p.plain(e)
}

// plain tells how it goes once in a while.
func (p *progress) plain(e shoal.Event) {
	switch {
	case p.next.IsZero():
		p.next = e.Time.Add(plainEvery)
	case e.Type == shoal.EventProgress && !e.Time.Before(p.next):
		p.next = e.Time.Add(plainEvery)
		fmt.Fprintf(p.screen.stderr, "%s: %s%s\n", p.verb, percent(p.tally.share()), p.tally)
	}
}

// percent is a share as the beginning of a line; nothing if it is unknown.
func percent(share float64) string {
	if share == unknown {
		return ""
	}
	return fmt.Sprintf("%.0f%%, ", 100*share)
}

// end takes the bar away.
func (p *progress) end() {
	p.screen.still()
	p.screen.moving = nil
}

// remark is what is worth a line of its own in an event, or "".
func remark(e shoal.Event) string {
	switch {
	case e.Type == shoal.EventNotice:
		return e.Text
	case e.Type == shoal.EventSourceBanned && e.Source != nil:
		return fmt.Sprintf("%s is not asked for this file any more: %s", peerName(e.Source.Node, e.Source.Name), e.Source.Reason)
	}
	return ""
}

// peerName is how a peer is called.
func peerName(id shoal.NodeID, name string) string {
	if name == "" {
		return id.Short()
	}
	return name
}

// bar is the one line at the foot of a terminal that shows how it goes.
type bar struct {
	line   *progressbar.ProgressBar
	writer io.Writer
	last   time.Time
	shown  bool
}

// barSteps is how finely a bar moves; it stops one short of its end, for a
// progressbar that was full once does not move again.
const barSteps = 1000

func newBar(w io.Writer) *bar {
	const cells = 28
	line := progressbar.NewOptions(barSteps,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetWidth(cells),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "━", SaucerHead: "╸", SaucerPadding: "─"}),
	)
	return &bar{line: line, writer: w}
}

// set moves the bar, unless it moved just now.
func (b *bar) set(share float64, text string) {
	now := time.Now()
	if now.Sub(b.last) < barEvery {
		return
	}
	b.last, b.shown = now, true
	if share == unknown {
		fmt.Fprint(b.writer, "\r"+clean(text)+"\x1b[K")
		return
	}
	b.line.Describe(clean(text))
	_ = b.line.Set(min(int(share*barSteps), barSteps-1))
}

// clear takes the bar away until it moves again, which it does in its own time:
// between lines that come fast it would only flicker.
func (b *bar) clear() {
	if b.shown {
		b.shown = false
		fmt.Fprint(b.writer, "\r\x1b[K")
	}
}
