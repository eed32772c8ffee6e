package query

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/monitorgen/monitorgen/sink/sqlite/schema"
)

// busyTimeout is how long a read waits for a writer that moves its log into
// the file, in milliseconds.
const busyTimeout = 5000

// What can be wrong with a file besides what package schema names.
var (
	ErrEmpty = errors.New("nothing was recorded into it yet")
	ErrOlder = errors.New("written by an older monitorgen")
)

// DB reads one database. Its methods may be called by several goroutines at
// once, and while others write the database.
type DB struct {
	path string
	db   *sql.DB
	tops tops
}

// Open opens the database at path for reading. The error wraps fs.ErrNotExist
// when there is no file, ErrEmpty for one of no bytes, schema.ErrNotOurs,
// schema.ErrNewer and ErrOlder for those this build cannot read.
func Open(ctx context.Context, path string) (*DB, error) {
	empty, err := schema.Check(path)
	if err != nil {
		return nil, err
	}
	if empty {
		return nil, fmt.Errorf("%s: %w", path, ErrEmpty)
	}
	d, err := open(ctx, path, "")
	if cannotShare(err) && !exists(path+"-wal") {
		// A folder where no companion file can be made: nobody can be writing
		// there either, and the file alone is the whole database.
		d, err = open(ctx, path, "&immutable=1")
	}
	return d, err
}

func open(ctx context.Context, path, option string) (*DB, error) {
	db, err := sql.Open("sqlite", dsn(path)+option)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	version, err := schema.CheckVersion(ctx, db, path)
	if err == nil && version == 0 {
		err = fmt.Errorf("%s: %w", path, ErrEmpty)
	} else if err == nil && version < schema.Version {
		err = fmt.Errorf("%s: %w: its schema is %d, this build reads %d; monitorgen recover brings it up to date", path, ErrOlder, version, schema.Version)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return &DB{path: path, db: db}, nil
}

func dsn(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	query := fmt.Sprintf("mode=ro&_pragma=busy_timeout(%d)&_pragma=query_only(1)", busyTimeout)
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query}).String()
}

func cannotShare(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_CANTOPEN || e.Code()&0xff == sqlite3.SQLITE_READONLY)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Close ends reading.
func (d *DB) Close() error {
	if err := d.db.Close(); err != nil {
		return fmt.Errorf("close database %s: %w", d.path, err)
	}
	return nil
}

// fail names the database and the operation that went wrong.
func (d *DB) fail(operation string, err error) error {
	return fmt.Errorf("%s: %s: %w", d.path, operation, err)
}
