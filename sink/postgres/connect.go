package postgres

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed schema.sql
var schema string

//go:embed upgrade.sql
var upgrade string

// SchemaVersion is that of the tables in schema.sql.
const SchemaVersion = 2

// ErrSchema says that the database's tables are of a version that this program
// does not write.
var ErrSchema = errors.New("the tables are of another version of monitorgen")

// lockKey names the advisory lock under which tables are made: many agents may
// meet an empty database.
const lockKey = 0x6d6f6e69746f72 // "monitor"

// undefinedTable is PostgreSQL's code of that error.
const undefinedTable = "42P01"

// connect connects, makes the tables where there are none, and the staging table
// of the connection.
func (s *Store) connect(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, s.config)
	if err != nil {
		return err
	}
	s.conn = conn
	if err := s.prepare(ctx); err != nil {
		s.letGo()
		return err
	}
	return nil
}

func (s *Store) prepare(ctx context.Context) error {
	if err := within(ctx, operationTimeout, s.makeTables); err != nil {
		return err
	}
	version, err := s.version(ctx)
	if err == nil && version < SchemaVersion {
		if err := within(ctx, upgradeTimeout, s.upgrade); err != nil {
			return fmt.Errorf("bring the tables up to date: %w", err)
		}
		version, err = s.version(ctx)
	}
	if err != nil {
		return err
	}
	if version != SchemaVersion {
		return fmt.Errorf("%w: version %d, this one writes %d", ErrSchema, version, SchemaVersion)
	}
	return within(ctx, operationTimeout, func(ctx context.Context) error {
		_, err := s.conn.Exec(ctx, "CREATE TEMPORARY TABLE monitor_staging (LIKE monitor_calls) ON COMMIT DELETE ROWS")
		return err
	})
}

// makeTables makes the tables where there are none.
func (s *Store) makeTables(ctx context.Context) error {
	err := s.conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')").Scan(&s.timescale)
	if err != nil {
		return err
	}
	if _, err = s.version(ctx); !isUndefined(err) {
		return err
	}
	if err := s.create(ctx); err != nil {
		return fmt.Errorf("make the tables: %w", err)
	}
	return nil
}

func (s *Store) version(ctx context.Context) (version int, err error) {
	err = within(ctx, operationTimeout, func(ctx context.Context) error {
		return s.conn.QueryRow(ctx, "SELECT version FROM monitor_schema").Scan(&version)
	})
	return version, err
}

func isUndefined(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == undefinedTable
}

// upgrade brings the tables of an older version up to date, unless another does so
// meanwhile.
func (s *Store) upgrade(ctx context.Context) error {
	return s.transaction(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(lockKey)); err != nil {
			return err
		}
		var version int
		if err := tx.QueryRow(ctx, "SELECT version FROM monitor_schema").Scan(&version); err != nil || version >= SchemaVersion {
			return err
		}
		_, err := tx.Exec(ctx, upgrade)
		return err
	})
}

// create makes the tables, unless another does so meanwhile.
func (s *Store) create(ctx context.Context) error {
	return s.transaction(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(lockKey)); err != nil {
			return err
		}
		var made bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass('monitor_schema') IS NOT NULL").Scan(&made); made || err != nil {
			return err
		}
		text := schema
		if !s.timescale {
			text = strings.Replace(text, "/*PARTITION*/", "PARTITION BY RANGE (start_ns)", 1)
		}
		if _, err := tx.Exec(ctx, text); err != nil || !s.timescale {
			return err
		}
		_, err := tx.Exec(ctx, "SELECT create_hypertable('monitor_calls', 'start_ns', chunk_time_interval => $1::bigint)", int64(partitionSpan))
		return err
	})
}
