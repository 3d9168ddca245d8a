package recovery

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"shoal/internal/content"
	"shoal/internal/sqlite"
	"shoal/internal/storage/layout"
	"shoal/internal/storage/tables"
)

const pageBytes = 4096 // of the databases

// smallRecords is the bytes of records that have small files of so many bytes.
func smallRecords(t testing.TB, sizes ...int) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), layout.RecordsFile)
	d, err := sqlite.Open(t.Context(), path, tables.RecordsFormat())
	if err != nil {
		t.Fatal(err)
	}
	err = d.Transact(t.Context(), func(tx *sql.Tx) error {
		batch, err := tables.NewBatch(t.Context(), tx)
		if err != nil {
			return err
		}
		for _, size := range sizes {
			data := bytes.Repeat([]byte{byte(size)}, size)
			f, err := content.HashReaderAt(t.Context(), bytes.NewReader(data), int64(size), pageBytes, nil)
			if err != nil {
				return err
			}
			if err := batch.PutSmall(t.Context(), f, content.FullBitmap(f.Chunks()), data); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// FuzzPages reads rows from anything that is said to be a database.
func FuzzPages(f *testing.F) {
	data := smallRecords(f, 0, 100, 5000, layout.SmallFile)
	f.Add(data)
	for at := range len(data) / pageBytes { // each page in the first one's place
		f.Add(append(bytes.Clone(data[at*pageBytes:][:pageBytes]), data[pageBytes:]...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file := bytes.NewReader(data)
		err := sqlite.Pages{File: file, MaxRow: maxSmallRow}.Rows(t.Context(), smallColumns, func(row []sqlite.Column) error {
			size := 0
			for _, column := range row {
				size += len(column.Bytes)
			}
			if size > maxSmallRow {
				t.Fatalf("a row of %d bytes", size)
			}
			if small, ok := parseSmall(row); ok {
				keepSmall(small)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
