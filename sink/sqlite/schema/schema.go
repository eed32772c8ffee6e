package schema

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ApplicationID is the application_id of every database of monitorgen: "MonG".
const ApplicationID = 0x4d6f6e47

// Version is the schema version this build reads and writes, kept in the
// database's user_version. It is the number of migrations.
const Version = 8

// CallBits is how many low bits of calls.id are the call's id within its run;
// the bits above are the run's number.
const CallBits = 40

// What can be wrong with a file. The errors of Check and CheckVersion wrap one
// of these and name the file.
var (
	ErrNotOurs = errors.New("not a database of monitorgen")
	ErrNewer   = errors.New("written by a newer monitorgen")
)

//go:embed migrations/*.sql
var migrations embed.FS

// The places of a SQLite file's header that tell whose it is.
const (
	headerSize      = 100
	applicationIDAt = 68
)

var sqliteMagic = []byte("SQLite format 3\x00")

// Check reads the header of the file at path and reports whether it is a
// database of monitorgen. A file that does not exist gives an error that wraps
// fs.ErrNotExist; empty is true for a file of no bytes, which a writer may fill
// and a reader may call empty. It writes nothing.
func Check(path string) (empty bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("open database: %w", err)
	}
	defer f.Close()
	header := make([]byte, headerSize)
	n, err := io.ReadFull(f, header)
	switch {
	case n == 0 && err == io.EOF:
		return true, nil
	case err == io.ErrUnexpectedEOF || err == nil && !bytes.HasPrefix(header, sqliteMagic):
		return false, fmt.Errorf("%s: %w (it is not a SQLite file)", path, ErrNotOurs)
	case err != nil:
		return false, fmt.Errorf("read database: %w", err)
	}
	if id := binary.BigEndian.Uint32(header[applicationIDAt:]); id != ApplicationID {
		return false, fmt.Errorf("%s: %w (its application_id is %#x)", path, ErrNotOurs, id)
	}
	return false, nil
}

// Querier is the part of *sql.DB, *sql.Conn and *sql.Tx that CheckVersion needs.
type Querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// CheckVersion returns the schema version of an open database; a version above
// Version is an error that wraps ErrNewer. path is for the message.
func CheckVersion(ctx context.Context, db Querier, path string) (int, error) {
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, fmt.Errorf("%s: read the schema version: %w", path, err)
	}
	if version > Version {
		return version, fmt.Errorf("%s: %w: its schema is %d, this build knows %d; update monitorgen", path, ErrNewer, version, Version)
	}
	return version, nil
}

// Migrate brings the database up to Version, in one transaction. Two processes
// may do so at once: one of them finds nothing left to do.
func Migrate(ctx context.Context, conn *sql.Conn, path string) (err error) {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("%s: begin migration: %w", path, err)
	}
	defer func() {
		if err != nil {
			// The context may be the reason of the failure: roll back without it.
			conn.ExecContext(context.Background(), "ROLLBACK")
		}
	}()
	version, err := CheckVersion(ctx, conn, path)
	if err != nil {
		return err
	}
	if version == 0 {
		if err := refuseForeignTables(ctx, conn, path); err != nil {
			return err
		}
	}
	for n := version + 1; n <= Version; n++ {
		if err := apply(ctx, conn, n); err != nil {
			return fmt.Errorf("%s: migration %d: %w", path, n, err)
		}
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("%s: commit migration: %w", path, err)
	}
	return nil
}

// refuseForeignTables is for the file that was empty when Check looked at it
// and that another program has filled since.
func refuseForeignTables(ctx context.Context, conn *sql.Conn, path string) error {
	var tables int
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return fmt.Errorf("%s: read the schema: %w", path, err)
	}
	if tables > 0 {
		return fmt.Errorf("%s: %w (it has tables of its own)", path, ErrNotOurs)
	}
	return nil
}

func apply(ctx context.Context, conn *sql.Conn, n int) error {
	names, err := fs.Glob(migrations, fmt.Sprintf("migrations/%04d_*.sql", n))
	if err != nil || len(names) != 1 {
		return fmt.Errorf("found %d files: %w", len(names), errors.Join(err, fs.ErrNotExist))
	}
	text, err := migrations.ReadFile(names[0])
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, string(text)); err != nil {
		return err
	}
	stamp := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", ApplicationID, n)
	_, err = conn.ExecContext(ctx, stamp)
	return err
}
