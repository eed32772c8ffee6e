package query

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/postgres"
	"github.com/monitorgen/monitorgen/sink/remote"
)

// What can be wrong with a database besides what package postgres names.
var (
	ErrEmpty = errors.New("nothing was recorded into it yet")
	ErrOlder = errors.New("written by an older monitorgen")
)

// connections is how many there are at most: a page of the dashboard asks a few
// things at once.
const connections = 8

// Open connects to a database for reading. The error wraps ErrEmpty for one without
// monitorgen's tables, and ErrOlder or postgres.ErrSchema for tables that this
// build cannot read.
func Open(ctx context.Context, a *sink.Address) (*remote.DB, error) {
	e, err := open(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a, a.Hide(err))
	}
	return remote.New(e), nil
}

func open(ctx context.Context, a *sink.Address) (*engine, error) {
	config, err := postgres.Config(a)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["default_transaction_read_only"] = "on"
	config.RuntimeParams["jit"] = "off" // compiling takes longer than what it would save of a page's wait
	// Statements differ in the numbers that are in them: none is worth keeping prepared.
	config.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	// A reader that goes away ends what the server does for it.
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: time.Second}
	}
	pooled, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, err
	}
	pooled.ConnConfig, pooled.MaxConns = config, connections
	pool, err := pgxpool.NewWithConfig(ctx, pooled)
	if err != nil {
		return nil, err
	}
	e := &engine{address: a, pool: pool}
	if err := e.check(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return e, nil
}

// check reads the version of the tables.
func (e *engine) check(ctx context.Context) error {
	var there bool
	if err := e.pool.QueryRow(ctx, "SELECT to_regclass('monitor_schema') IS NOT NULL").Scan(&there); err != nil {
		return err
	}
	if !there {
		return ErrEmpty
	}
	var version int
	if err := e.pool.QueryRow(ctx, "SELECT version FROM monitor_schema").Scan(&version); err != nil {
		return err
	}
	if version == postgres.SchemaVersion {
		return e.pool.QueryRow(ctx, "SELECT rolled_ns FROM monitor_schema").Scan(&e.rolled)
	}
	switch {
	case version < postgres.SchemaVersion:
		return fmt.Errorf("%w: its tables are of version %d, this build reads %d; an agent of this build brings them up to date", ErrOlder, version, postgres.SchemaVersion)
	case version > postgres.SchemaVersion:
		return fmt.Errorf("%w: version %d, this one reads %d", postgres.ErrSchema, version, postgres.SchemaVersion)
	}
	return nil
}
