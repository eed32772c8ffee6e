package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/internal/owned"
	"github.com/monitorgen/monitorgen/sink/sqlite/schema"
)

// busyTimeout is how long a write waits for another process that has the
// database locked, in milliseconds.
const busyTimeout = 5000

// pageSize is that of a new file. Larger pages make large batches cheaper, 8 KiB
// by a fifth against SQLite's 4, and small batches, which write whole pages to
// the log ten times a second, dearer.
const pageSize = 8192

// partitionRows is how many rows a partition takes before it is closed. What has
// no index reads as many at most; each partition costs a query some 20 us.
const partitionRows = 100_000

// Store writes one database. It implements sink.Store.
type Store struct {
	path      string
	file      os.FileInfo // of path when it was opened
	db        *sql.DB
	conn      *sql.Conn // the one connection: all writing is in order
	calls     inserter
	rollups   *feed
	encoded   []byte // memory of what mergeHistograms returns
	edges     *feed
	functions map[[32]byte]int64 // ids by digest, of those that are committed
	awaited   awaited
	options   Options
	log       *checkpointer
	expiry    expiry
	partition partition
	shown     int       // partitions in the view calls
	unindexed bool      // a closed partition may lack its indexes
	noted     [2]*noted // of the newest partition, and of the one before
	places    places    // of the batch at work
	perTable  int64     // rows of a partition; partitionRows but in tests
}

var _ sink.Store = (*Store)(nil)

// Options configure OpenWith. The zero value is what Open takes.
type Options struct {
	Retention Retention
	Archiver  Archiver         // is given what expires; nil: it is only deleted
	Now       func() time.Time // the clock that Retention goes by; nil is time.Now
}

// Open opens the database at path for writing and makes it when there is none;
// the folder must exist. The file and its companions get mode 0600. It refuses,
// and does not touch, a file that is not a database of monitorgen
// (schema.ErrNotOurs) or was written by a newer one (schema.ErrNewer).
//
// Several processes may write one database; each waits up to five seconds for
// the others.
func Open(ctx context.Context, path string) (*Store, error) {
	return OpenWith(ctx, path, Options{})
}

// OpenWith is Open with other than the default Options.
func OpenWith(ctx context.Context, path string, o Options) (*Store, error) {
	o.Retention = o.Retention.withDefaults()
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := create(path); err != nil {
		return nil, err
	}
	s := &Store{
		path: path, rollups: newRollupFeed(), edges: newEdgeFeed(),
		functions: map[[32]byte]int64{}, awaited: awaited{}, options: o, unindexed: true, perTable: partitionRows,
	}
	s.expiry = expiry{store: s, due: o.Now().Add(cycle)}
	drv, err := s.driver()
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s.db = sql.OpenDB(&connector{driver: drv, dsn: dsn(path, busyTimeout)})
	if err := s.start(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// driver knows what this Store's SQL needs of this process.
func (s *Store) driver() (*sqlite.Driver, error) {
	drv := new(sqlite.Driver)
	for _, f := range []*feed{s.rollups, s.edges} {
		if err := drv.RegisterModule(f.name, f); err != nil {
			return nil, err
		}
	}
	return drv, drv.RegisterDeterministicScalarFunction(mergeFunction, 2, s.mergeHistograms)
}

// create makes an empty file that nobody else may read, or checks the one there is.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create database: %w", err)
	}
	if err := owned.Check(path); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	_, err = schema.Check(path)
	return err
}

// dsn opens a database for writing; wait is how long for others, in milliseconds.
func dsn(path string, wait int) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: fmt.Sprintf("mode=rw&_pragma=busy_timeout(%d)", wait)}
	return u.String()
}

// connector opens connections of a driver of our own, so that what feeds INSERT
// is seen by this Store's connection alone.
type connector struct {
	driver *sqlite.Driver
	dsn    string
}

func (c *connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c *connector) Driver() driver.Driver                        { return c.driver }

// start checks the version before anything is written, then migrates.
func (s *Store) start(ctx context.Context) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("open database %s: %w", s.path, err)
	}
	s.conn = conn
	version, err := schema.CheckVersion(ctx, conn, s.path)
	if err != nil {
		return err
	}
	if version == 0 {
		if _, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA page_size = %d", pageSize)); err != nil {
			return fmt.Errorf("open database %s: %w", s.path, err)
		}
	}
	if version < schema.Version {
		if err := schema.Migrate(ctx, conn, s.path); err != nil {
			return err
		}
	}
	// WAL comes after the migration: a new file's header has our mark in it
	// before there is a log beside it.
	if err := s.useLog(ctx); err != nil {
		return fmt.Errorf("open database %s: %w", s.path, err)
	}
	for _, pragma := range []string{
		"PRAGMA synchronous = NORMAL",
		"PRAGMA secure_delete = ON",            // what expires is overwritten
		"PRAGMA wal_autocheckpoint = 0",        // a checkpointer does it
		"PRAGMA cache_size = -16384",           // KiB
		"PRAGMA journal_size_limit = 67108864", // a log that a burst made long is cut again
		"PRAGMA temp_store = MEMORY",
		"CREATE VIRTUAL TABLE temp." + s.rollups.name + " USING " + s.rollups.name,
		"CREATE VIRTUAL TABLE temp." + s.edges.name + " USING " + s.edges.name,
	} {
		if _, err := conn.ExecContext(ctx, pragma); err != nil {
			return fmt.Errorf("open database %s: %w", s.path, err)
		}
	}
	calls, err := newCopier(ctx, conn)
	if err != nil {
		return fmt.Errorf("open database %s: %w", s.path, err)
	}
	s.calls = calls
	if s.file, err = os.Stat(s.path); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM monitor_partitions WHERE NOT expired").Scan(&s.shown); err != nil {
		return fmt.Errorf("open database %s: %w", s.path, err)
	}
	if s.log, err = newCheckpointer(s.path, s.options.Retention.Size); err != nil {
		return fmt.Errorf("open database %s: %w", s.path, err)
	}
	if version < schema.Version {
		if err := s.transaction(ctx, func() error { return s.remakeViews(ctx) }); err != nil {
			return fmt.Errorf("open database %s: show its partitions: %w", s.path, err)
		}
	}
	return s.findPartition(ctx)
}

// useLog has changes go to a log (WAL). SQLite does not wait for other processes
// that do the same at the same moment: it says that the database is locked.
func (s *Store) useLog(ctx context.Context) error {
	for began := time.Now(); ; {
		_, err := s.conn.ExecContext(ctx, "PRAGMA journal_mode = WAL")
		var failed *sqlite.Error
		if !errors.As(err, &failed) || failed.Code()&0xff != sqlite3.SQLITE_BUSY || time.Since(began) > busyTimeout*time.Millisecond {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// checkFile refuses to write into a file that nobody can find any more: what is
// to be stored stays in the spool.
func (s *Store) checkFile() error {
	now, err := os.Stat(s.path)
	if err != nil {
		return fmt.Errorf("the database is gone: %w", err)
	}
	if !os.SameFile(now, s.file) {
		return fmt.Errorf("the database %s was replaced by another file", s.path)
	}
	return nil
}

// Close ends writing. The database is complete at any time; closing only moves
// the log into the file.
func (s *Store) Close() error {
	s.expiry.stop()
	var err error
	if s.log != nil {
		err = s.log.close()
		s.log = nil
	}
	if s.conn != nil {
		if e := s.conn.Close(); err == nil {
			err = e
		}
	}
	if e := s.db.Close(); err == nil {
		err = e
	}
	if s.calls != nil {
		if e := s.calls.close(); err == nil {
			err = e
		}
		s.calls = nil
	}
	if err != nil {
		return fmt.Errorf("close database %s: %w", s.path, err)
	}
	return nil
}
