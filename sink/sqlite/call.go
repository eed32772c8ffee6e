package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite/image"
	"github.com/monitorgen/monitorgen/sink/sqlite/schema"
)

// inserter is how calls get into a table: the one thing whose speed depends on
// their number. Nothing else of the write path knows how it is done.
type inserter interface {
	// insert puts calls, whose ids ascend, into a table, within the transaction
	// of the connection and once in it. It puts in all of them or none; one that
	// is there already is a constraint error of SQLite's.
	insert(ctx context.Context, table string, run sink.RunID, calls []spool.Call, functions *places) error
	// insertNew puts in those of a failed insert that are not there.
	insertNew(ctx context.Context, table string) error
	// close is called after the connection was closed.
	close() error
}

// copier is an inserter that builds a table and its live indexes in memory and
// has SQLite copy them, row by row as they are. Against INSERT ... SELECT from a
// virtual table it takes less than half the time; docs/store.md has the figures.
type copier struct {
	conn    *sql.Conn
	table   *image.Table
	files   *image.Files
	entries []entry // memory of fillIndex
}

// imageName is what the connection of a copier knows its table as.
const imageName = "batch"

func newCopier(ctx context.Context, conn *sql.Conn) (*copier, error) {
	columns, err := callColumns(ctx, conn)
	if err != nil {
		return nil, err
	}
	definitions := make([]image.Definition, len(liveIndexes))
	for i := range liveIndexes {
		x := &liveIndexes[i]
		definitions[i] = image.Definition{Name: x.of("calls"), Create: "CREATE INDEX " + x.definition("calls")}
	}
	c := &copier{conn: conn, table: image.New(image.Definition{Name: "calls", Create: "CREATE TABLE calls " + columns}, definitions...)}
	if c.files, err = image.Serve(c.table); err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "ATTACH ? AS "+imageName, c.files.URI()); err != nil {
		return nil, errors.Join(err, c.files.Close())
	}
	_, err = conn.ExecContext(ctx, "PRAGMA "+imageName+".cache_size = 4") // each page is read once
	return c, err
}

// callColumns returns the columns of a calls table as its CREATE TABLE has them.
func callColumns(ctx context.Context, conn *sql.Conn) (string, error) {
	var text string
	query := "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name GLOB 'calls_[0-9]*' LIMIT 1"
	if err := conn.QueryRowContext(ctx, query).Scan(&text); err != nil {
		return "", fmt.Errorf("find the columns of calls: %w", err)
	}
	return text[strings.Index(text, "("):], nil
}

func (c *copier) close() error { return c.files.Close() }

func (c *copier) insert(ctx context.Context, table string, run sink.RunID, calls []spool.Call, functions *places) error {
	c.table.Reset()
	var r image.Record
	high := int64(run) << schema.CallBits
	for i := range calls {
		if c.table.Full() {
			return fmt.Errorf("%d calls with their values are too large for one batch", len(calls))
		}
		call := &calls[i]
		r.Reset()
		addColumns(&r, call, functions.id(i))
		c.table.Append(high|int64(call.ID), &r)
	}
	for i := range liveIndexes {
		if err := c.fillIndex(i, high, calls); err != nil {
			return err
		}
	}
	c.table.Finish()
	_, err := c.conn.ExecContext(ctx, "INSERT INTO main."+table+" SELECT * FROM "+imageName+".calls")
	return err
}

// fillIndex builds one of the live indexes.
func (c *copier) fillIndex(i int, high int64, calls []spool.Call) error {
	c.entries = c.entries[:0]
	for n := range calls {
		if column, in := liveIndexes[i].live(&calls[n]); in {
			c.entries = append(c.entries, entry{column, high | int64(calls[n].ID)})
		}
	}
	return liveIndexes[i].fill(c.table.Index(i), c.entries)
}

func (c *copier) insertNew(ctx context.Context, table string) error {
	_, err := c.conn.ExecContext(ctx, "INSERT OR IGNORE INTO main."+table+" SELECT * FROM "+imageName+".calls")
	return err
}

// addColumns makes a row of a call, in the order of the columns.
func addColumns(r *image.Record, c *spool.Call, function int64) {
	r.Null() // id: the key
	r.Int(function)
	r.Int(int64(c.Parent))
	r.Int(int64(c.Trace))
	r.Int(int64(c.Depth))
	r.Int(int64(c.Goroutine))
	r.Int(c.Start)
	if c.Flags&wire.FlagSampled != 0 {
		r.Null() // its sample left it out: it had no clock
	} else {
		r.Int(c.Duration)
	}
	if c.Failed() {
		r.Int(1)
	} else {
		r.Int(0)
	}
	r.Int(int64(c.Flags))
	addText(r, c.Exception)
	addText(r, c.Data)
}

func addText(r *image.Record, s string) {
	if s == "" {
		r.Null()
	} else {
		r.Text(s)
	}
}
