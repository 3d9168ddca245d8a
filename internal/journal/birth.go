package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// births is a table with one row: when the journal's file was made, by the file
// system, in nanoseconds. A copy of the file, or one that came out of a backup, was
// made at another time. A row of doubtful is of a journal that was mended.
const births = `
CREATE TABLE IF NOT EXISTS births (at INTEGER NOT NULL) STRICT;
`

const (
	unknown  = -1 // the file system does not tell
	doubtful = 0
)

// Moved reports whether the journal is a copy of the one it was when Settle was last
// called: its folder was copied, brought to another disk, or restored from a backup,
// or it was mended. Then the others may have heard more from this node than is in
// it, and the one it was copied from may run. On file systems that do not tell when
// a file was made (statx(2)) only what was mended is known to be so.
func (j *Journal) Moved() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.moved
}

// Settle says that this is the node's one journal from now on.
func (j *Journal) Settle(ctx context.Context) error {
	born, err := birth(j.path)
	if err == nil {
		err = j.keepBirth(ctx, born)
	}
	if err != nil {
		return fmt.Errorf("note where the journal is: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.moved = false
	return nil
}

// loadBirth finds out whether the journal was moved. One that was made just now, or
// is from before this was noted, was not.
func (j *Journal) loadBirth(ctx context.Context) error {
	var was int64
	err := j.data.Readers.QueryRowContext(ctx, "SELECT at FROM births").Scan(&was)
	if errors.Is(err, sql.ErrNoRows) {
		return j.Settle(ctx)
	}
	if err != nil {
		return err
	}
	return j.compareBirth(was)
}

// readBirth is loadBirth where nothing may be noted. A journal from before there
// were births was not moved, and what is damaged Check tells.
func (j *Journal) readBirth(ctx context.Context) error {
	var was int64
	if err := j.data.Readers.QueryRowContext(ctx, "SELECT at FROM births").Scan(&was); err != nil {
		return nil //nolint:nilerr // there is no row, or no table
	}
	return j.compareBirth(was)
}

func (j *Journal) compareBirth(was int64) error {
	born, err := birth(j.path)
	if err != nil {
		return err
	}
	j.moved = was == doubtful || was != born && was != unknown && born != unknown
	return nil
}

func (j *Journal) keepBirth(ctx context.Context, born int64) error {
	return j.data.Transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec("DELETE FROM births"); err != nil {
			return err
		}
		_, err := tx.Exec("INSERT INTO births VALUES (?)", born)
		return err
	})
}

// birth is when a file was made, or unknown.
func birth(path string) (int64, error) {
	var stat unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BTIME, &stat); err != nil {
		return 0, fmt.Errorf("look when %s was made: %w", path, err)
	}
	if stat.Mask&unix.STATX_BTIME == 0 {
		return unknown, nil
	}
	return stat.Btime.Sec*1e9 + int64(stat.Btime.Nsec), nil
}
