package archive

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/monitorgen/monitorgen/sink/sqlite/schema"
)

// source reads the calls of a table in the order of their ids, from a connection
// of its own that only reads.
type source struct {
	db        *sql.DB
	conn      *sql.Conn
	rows      *sql.Rows
	functions map[int64]*row // the columns of a function
	runs      map[int64]*row // the columns of a run
	err       error
}

// tableNames are those that may stand in a statement.
var tableNames = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

const readBusy = 5000 // milliseconds

func openSource(ctx context.Context, path, table string) (_ *source, err error) {
	if !tableNames.MatchString(table) {
		return nil, fmt.Errorf("%q is not a table of calls", table)
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: fmt.Sprintf("mode=ro&_pragma=busy_timeout(%d)&_pragma=query_only(1)", readBusy)}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	s := &source{db: db, functions: map[int64]*row{}, runs: map[int64]*row{}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.conn, err = db.Conn(ctx); err != nil {
		return nil, err
	}
	if _, err = schema.CheckVersion(ctx, s.conn, path); err != nil {
		return nil, err
	}
	if err = s.readFunctions(ctx); err != nil {
		return nil, fmt.Errorf("read the functions: %w", err)
	}
	if err = s.readRuns(ctx); err != nil {
		return nil, fmt.Errorf("read the runs: %w", err)
	}
	s.rows, err = s.conn.QueryContext(ctx, `SELECT c.id, c.function_id, c.parent_id, c.trace_id, c.depth, c.goroutine, c.start_ns, c.duration_ns,
			c.status, c.flags, c.exception, c.data, (SELECT s.text FROM monitor_error_stacks e JOIN monitor_stacks s USING (stack_id) WHERE e.id = c.id)
		FROM `+table+` c ORDER BY c.id`)
	return s, err
}

func (s *source) close() {
	if s.rows != nil {
		s.rows.Close()
	}
	if s.conn != nil {
		s.conn.Close()
	}
	s.db.Close()
}

func (s *source) readFunctions(ctx context.Context) error {
	rows, err := s.conn.QueryContext(ctx, `SELECT function_id, digest, name, package, file, line, signature, "group", process, options, source, data FROM monitor_functions`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var digest []byte
		var r row
		if err := rows.Scan(&id, &digest, &r.Function, &r.Package, &r.File, &r.Line, &r.Signature, &r.Group, &r.Process, &r.Options, &r.Source, &r.DataNames); err != nil {
			return err
		}
		r.Digest = hex.EncodeToString(digest)
		s.functions[id] = &r
	}
	return rows.Err()
}

func (s *source) readRuns(ctx context.Context) error {
	rows, err := s.conn.QueryContext(ctx, `SELECT run_id, uuid, started_ns, pid, host, program, args, go_version, os, module, session FROM monitor_runs`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var r row
		if err := rows.Scan(&id, &r.Run, &r.Started, &r.PID, &r.Host, &r.Program, &r.Args, &r.Go, &r.OS, &r.Module, &r.Session); err != nil {
			return err
		}
		s.runs[id] = &r
	}
	return rows.Err()
}

// next reads the next call into r; false when there is none, or when s.err says
// what is wrong.
func (s *source) next(ctx context.Context, r *row) bool {
	if s.err != nil || !s.rows.Next() {
		if s.err == nil {
			s.err = s.rows.Err()
		}
		return false
	}
	var c row
	var id, function, status int64
	s.err = s.rows.Scan(&id, &function, &c.ParentID, &c.TraceID, &c.Depth, &c.Goroutine, &c.TS, &c.Duration, &status, &c.Flags, &c.Exception, &c.Data, &c.Stack)
	if s.err != nil {
		return false
	}
	f, run := s.functions[function], s.runs[id>>schema.CallBits]
	if f == nil || run == nil {
		s.err = fmt.Errorf("call %d: its function or its run is not in the database", id)
		return false
	}
	c.CallID = id & (1<<schema.CallBits - 1)
	c.Status = "OK"
	if status != 0 {
		c.Status = "ERR"
	}
	c.Process, c.Function, c.Package, c.Group, c.File, c.Line = f.Process, f.Function, f.Package, f.Group, f.File, f.Line
	c.Signature, c.Options, c.Source, c.DataNames, c.Digest = f.Signature, f.Options, f.Source, f.DataNames, f.Digest
	c.Run, c.Started, c.PID, c.Host, c.Program = run.Run, run.Started, run.PID, run.Host, run.Program
	c.Args, c.Go, c.OS, c.Module, c.Session = run.Args, run.Go, run.OS, run.Module, run.Session
	*r = c
	return true
}
