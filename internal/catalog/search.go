package catalog

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"shoal"
)

// The bounds of a search.
const (
	maxQuery = 256  // bytes of its text
	maxTypes = 64   // name endings
	trigram  = 3    // characters; shorter words are not in the index
	maxTerms = 32   // trigrams of one word that are looked up; the rest is compared
	maxLooks = 5000 // rows that one call looks at before it gives what it has
)

// Search gives the entries that answer a request, the latest first, and a
// cursor for the next page: "" when there is none. A page may hold fewer than
// was asked for, even none, and have a next. Errors: shoal.Usage.
func (c *Catalog) Search(ctx context.Context, req shoal.SearchRequest) (shoal.SearchPage, error) {
	q, err := parseQuery(req)
	if err != nil {
		return shoal.SearchPage{}, fmt.Errorf("search: %w", err)
	}
	limit, err := checkLimit(req.Limit)
	if err != nil {
		return shoal.SearchPage{}, fmt.Errorf("search: %w", err)
	}
	page := shoal.SearchPage{Entries: []shoal.Entry{}}
	looks := 0
	err = c.scan(ctx, q, func(e shoal.Entry, number int64) bool {
		looks++
		if q.matches(e) {
			page.Entries = append(page.Entries, e)
		}
		if len(page.Entries) < limit && looks < maxLooks {
			return true
		}
		page.Next = fmt.Sprint(number)
		return false
	})
	return page, err
}

// query is a search that was understood. Its words are in lower case.
type query struct {
	words    []string // each is somewhere in the name
	starts   string   // the name, or its last element, starts with that
	endings  []string // the name ends with one of these
	min, max int64    // bytes; max 0 is no bound
	since    time.Time
	before   int64 // only rows with a smaller number; 0 is all
}

func parseQuery(req shoal.SearchRequest) (query, error) {
	q := query{min: req.MinSize, max: req.MaxSize, since: req.Since}
	switch {
	case len(req.Text) > maxQuery || !utf8.ValidString(req.Text) || strings.ContainsFunc(req.Text, unicode.IsControl):
		return q, fmt.Errorf("the text is longer than %d bytes, or no text: %w", maxQuery, shoal.Usage)
	case len(req.Types) > maxTypes:
		return q, fmt.Errorf("more than %d types: %w", maxTypes, shoal.Usage)
	case req.MinSize < 0 || req.MaxSize < 0:
		return q, fmt.Errorf("a size is negative: %w", shoal.Usage)
	}
	text := strings.ToLower(req.Text)
	if start, ok := strings.CutSuffix(text, "*"); ok {
		q.starts = start
	} else {
		q.words = strings.Fields(text)
	}
	for _, ending := range req.Types {
		q.endings = append(q.endings, "."+strings.ToLower(strings.TrimPrefix(ending, ".")))
	}
	if req.After != "" {
		if _, err := fmt.Sscanf(req.After, "%d", &q.before); err != nil || q.before < 1 {
			return q, fmt.Errorf("%.40q is no place to go on from: %w", req.After, shoal.Usage)
		}
	}
	return q, nil
}

// matches reports whether an entry answers the query. The index may give
// entries that do not.
func (q query) matches(e shoal.Entry) bool {
	name := strings.ToLower(e.Name)
	for _, word := range q.words {
		if !strings.Contains(name, word) {
			return false
		}
	}
	if q.starts != "" && !strings.HasPrefix(name, q.starts) && !strings.HasPrefix(path.Base(name), q.starts) {
		return false
	}
	return len(q.endings) == 0 || hasEnding(name, q.endings)
}

func hasEnding(name string, endings []string) bool {
	for _, ending := range endings {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}

// scan gives the entries that may answer a query, the latest here first, with
// their numbers, until yield says no.
func (c *Catalog) scan(ctx context.Context, q query, yield func(shoal.Entry, int64) bool) error {
	text, args := q.sql()
	rows, err := c.data.Readers.QueryContext(ctx, text, args...)
	if err != nil {
		return fmt.Errorf("search the catalogue: %w", c.data.Explain(err))
	}
	defer rows.Close()
	for rows.Next() {
		var number int64
		e, err := scanEntry(rows, &number)
		if err != nil {
			return fmt.Errorf("search the catalogue: %w", c.data.Explain(err))
		}
		if !yield(e, number) {
			return nil
		}
	}
	return c.data.Explain(rows.Err())
}

// sql is the query for SQLite: by the index if there is a word long enough for
// it, else a look at every entry.
func (q query) sql() (text string, args []any) {
	text = "SELECT " + entryColumns + ", v.number"
	if terms := q.terms(); terms != "" {
		text += " FROM search s CROSS JOIN versions v ON v.number = s.rowid JOIN authors a ON a.number = v.author WHERE search MATCH ?"
		args = append(args, terms)
		if q.before > 0 {
			text += " AND s.rowid < ?"
			args = append(args, q.before)
		}
	} else {
		text += fromVersions + "WHERE v.state <= 1"
		if q.before > 0 {
			text += " AND v.number < ?"
			args = append(args, q.before)
		}
	}
	text += " AND v.size >= ?"
	args = append(args, q.min)
	if q.max > 0 {
		text += " AND v.size <= ?"
		args = append(args, q.max)
	}
	if !q.since.IsZero() {
		text += " AND v.added >= ?"
		args = append(args, q.since.UnixMilli())
	}
	if strings.Contains(text, "MATCH") {
		return text + " ORDER BY s.rowid DESC", args
	}
	return text + " ORDER BY v.number DESC", args
}

// terms is what the names must have for the index: the trigrams of every word,
// or of one of the endings.
func (q query) terms() string {
	var all []string
	for _, word := range append(q.words, q.starts) {
		all = append(all, trigrams(word)...)
	}
	if len(all) == 0 && len(q.endings) == 1 {
		all = trigrams(q.endings[0])
	}
	return strings.Join(all[:min(len(all), maxTerms)], " AND ")
}

// trigrams is the word cut into all its parts of three characters, quoted.
func trigrams(word string) []string {
	runes := []rune(word)
	var all []string
	for i := 0; i+trigram <= len(runes); i++ {
		all = append(all, `"`+strings.ReplaceAll(string(runes[i:i+trigram]), `"`, `""`)+`"`)
	}
	return all
}
