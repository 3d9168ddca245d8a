package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"shoal"
)

// maxCandidates is how many files an ambiguous reference's hint names.
const maxCandidates = 5

// Resolve gives the entry that ref means: a full id, else an exact name, else
// at least shoal.MinPrefix hex digits with which the id of just one file here
// begins. For an id it is the latest entry of the file, for a name the latest
// of the name. What looks like an id and is also a name is the name, unless it
// is a full id that is here. Errors: shoal.Usage for a ref that is neither, or
// begins several ids; shoal.NotFound. Both carry a hint. ref is foreign: any
// text.
func (c *Catalog) Resolve(ctx context.Context, ref string) (shoal.Entry, error) {
	for _, look := range []func(context.Context, string) ([]shoal.Entry, error){c.byID, c.byName, c.byPrefix} {
		found, err := look(ctx, ref)
		if err != nil {
			return shoal.Entry{}, err
		}
		if len(found) > 0 {
			return found[0], nil
		}
	}
	return shoal.Entry{}, c.unknown(ctx, ref)
}

func (c *Catalog) byID(ctx context.Context, ref string) ([]shoal.Entry, error) {
	id, err := shoal.ParseFileID(ref)
	if err != nil {
		return nil, nil // not an id, which is no failure here
	}
	return c.query(ctx, ofFile, id[:], 1)
}

func (c *Catalog) byName(ctx context.Context, ref string) ([]shoal.Entry, error) {
	if shoal.CheckName(ref) != nil {
		return nil, nil
	}
	return c.named(ctx, ref)
}

const inRange = "SELECT " + entryColumns + ", max(v.stamp)" + fromVersions + `
WHERE v.file BETWEEN ? AND ? AND v.state <= 1 GROUP BY v.file ORDER BY v.file LIMIT ?`

// byPrefix finds the file whose id begins with ref; several are shoal.Usage.
func (c *Catalog) byPrefix(ctx context.Context, ref string) ([]shoal.Entry, error) {
	ids, ok := parsePrefix(ref)
	if !ok {
		return nil, nil
	}
	var found []shoal.Entry
	// Beside max() SQLite takes the other columns from the row that has the
	// maximum (sqlite.org/lang_select.html, "bare columns in an aggregate
	// query").
	err := c.rows(ctx, inRange, []any{ids.first[:], ids.last[:], maxCandidates + 1}, func(rows *sql.Rows) error {
		var stamp int64
		e, err := scanEntry(rows, &stamp)
		found = append(found, e)
		return err
	})
	if len(found) <= 1 {
		return found, err
	}
	return nil, shoal.WithHint(fmt.Errorf("%q begins the ids of several files: %w", ref, shoal.Usage),
		"give more digits, or a name: "+candidates(found, len(ref)))
}

// candidates lists the files with enough digits of their ids to tell them
// apart, when they have the first known digits in common.
func candidates(found []shoal.Entry, known int) string {
	const more = 8
	var lines []string
	for _, entry := range found[:min(len(found), maxCandidates)] {
		digits := entry.ID.String()
		lines = append(lines, fmt.Sprintf("%s (%s)", digits[:min(known+more, len(digits))], entry.Name))
	}
	if len(found) > maxCandidates {
		lines = append(lines, "...")
	}
	return strings.Join(lines, ", ")
}

// unknown says that nothing here is called ref, and what to do about it.
func (c *Catalog) unknown(ctx context.Context, ref string) error {
	if folder, ok := strings.CutSuffix(ref, "/"); ok && shoal.CheckName(folder) == nil {
		return shoal.WithHint(fmt.Errorf("%.100q means all files below it, and this is for one: %w", ref, shoal.Usage), fmt.Sprintf("`shoal ls %s` shows them", ref))
	}
	if _, ok := parsePrefix(ref); !ok && shoal.CheckName(ref) != nil {
		return shoal.WithHint(fmt.Errorf("%.100q is neither a file id nor a name: %w", ref, shoal.Usage),
			"give an id, at least 8 digits of one, or a name as `shoal ls` shows it")
	}
	err := fmt.Errorf("%q is not in the catalogue: %w", ref, shoal.NotFound)
	like, likeErr := c.soleBase(ctx, ref)
	inside, insideErr := c.List(ctx, shoal.ListRequest{Prefix: ref + "/", Limit: 1})
	switch {
	case likeErr != nil || insideErr != nil:
		return errors.Join(likeErr, insideErr)
	case len(inside) > 0:
		return shoal.WithHint(err, fmt.Sprintf("%s/ is all that is below it", ref))
	case len(like) > 0:
		return shoal.WithHint(err, fmt.Sprintf("did you mean %q?", like[0].Name))
	case isHex(ref) && len(ref) < shoal.MinPrefix:
		return shoal.WithHint(err, fmt.Sprintf("if it begins an id, give at least %d digits", shoal.MinPrefix))
	}
	return shoal.WithHint(err, "`shoal ls` shows the names there are")
}

// idRange is all ids from first to last.
type idRange struct{ first, last shoal.FileID }

// parsePrefix gives the ids that begin with the hex digits of ref, in either
// case; ok is false if it is not from shoal.MinPrefix to 64 of them.
func parsePrefix(ref string) (ids idRange, ok bool) {
	rest := 2*shoal.FileIDSize - len(ref)
	if len(ref) < shoal.MinPrefix || rest < 0 {
		return idRange{}, false
	}
	first, err := shoal.ParseFileID(ref + strings.Repeat("0", rest))
	if err != nil {
		return idRange{}, false
	}
	last, err := shoal.ParseFileID(ref + strings.Repeat("f", rest))
	return idRange{first: first, last: last}, err == nil
}

// isHex reports whether s is hex digits and nothing else.
func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdefABCDEF") == ""
}
