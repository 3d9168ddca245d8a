package catalog

// schema of version 4. A row is one version of a name: what one record said of
// it. Text compares as bytes. The names that can be seen are those of the rows
// in the states current and conflict; search has them cut into trigrams.
const schema = `
CREATE TABLE progress (place INTEGER NOT NULL, journal BLOB) STRICT;
INSERT INTO progress VALUES (0, NULL);
CREATE TABLE authors (
	number INTEGER PRIMARY KEY,
	node   TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE versions (
	number INTEGER PRIMARY KEY,
	name   TEXT    NOT NULL,
	stamp  INTEGER NOT NULL,
	author INTEGER NOT NULL,
	batch  INTEGER NOT NULL,
	state  INTEGER NOT NULL,
	since  INTEGER NOT NULL,
	file   BLOB,
	size   INTEGER NOT NULL,
	chunk  INTEGER NOT NULL,
	copies INTEGER NOT NULL,
	added  INTEGER NOT NULL,
	over   BLOB,
	shown  TEXT
) STRICT;
CREATE UNIQUE INDEX versions_by_name ON versions (name, stamp, author);
CREATE INDEX versions_by_file ON versions (file) WHERE file IS NOT NULL;
CREATE INDEX versions_shown ON versions (coalesce(shown, name)) WHERE state <= 1;
CREATE INDEX versions_beside ON versions (name) WHERE state >= 1 AND state <= 3;
CREATE INDEX versions_gone ON versions (since) WHERE state >= 3;
CREATE VIRTUAL TABLE search USING fts5 (name, content='', contentless_delete=1, tokenize='trigram', detail='none');
`

// state is what a version counts for.
type state int

// The states. Up to conflict a version can be seen, and up to dropped nothing
// has replaced it. For dropped and gone, since is when that came to be so, in
// milliseconds of this node's clock.
const (
	current  state = iota // it is what the name means
	conflict              // it is another file of that name, shown under a name of its own
	twin                  // it is a file that is shown already
	dropped               // it is a removal
	gone                  // it was replaced or removed
)
