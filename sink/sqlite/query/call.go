package query

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/internal/value"
	"github.com/monitorgen/monitorgen/sink/sqlite/schema"
)

// ErrNoCall is for a call that is not in the database.
var ErrNoCall = errors.New("no such call")

// CallID names a call in a database. Its text is RUN:CALL.
type CallID struct {
	Run  int64 // runs.run_id
	Call int64 // process_trace.call_id, unique within the run
}

func (c CallID) String() string { return fmt.Sprintf("%d:%d", c.Run, c.Call) }

// ParseCallID reads the text of a CallID.
func ParseCallID(text string) (CallID, error) {
	run, call, _ := strings.Cut(text, ":")
	r, err1 := strconv.ParseInt(run, 10, 64-schema.CallBits)
	c, err2 := strconv.ParseInt(call, 10, schema.CallBits+1)
	if err1 != nil || err2 != nil || r < 1 || c < 1 {
		return CallID{}, fmt.Errorf("%q does not name a call; the form is RUN:CALL, as in 1:42", text)
	}
	return CallID{r, c}, nil
}

// row is the call's id in the table.
func (c CallID) row() int64 { return c.Run<<schema.CallBits | c.Call }

func callOfRow(id int64) CallID { return CallID{id >> schema.CallBits, id & (1<<schema.CallBits - 1)} }

// Call is one recorded call.
type Call struct {
	ID             CallID
	Parent, Trace  int64 // call ids of the same run; Parent is 0 for none
	Depth          int64
	Goroutine      int64
	Process, Group string
	Start          time.Time // UTC
	Duration       time.Duration
	Failed         bool
	Exception      string  // error text; "panic: " with value and stack for a panic
	Stack          string  // where the error surfaced; only Errors looks for it
	Arguments      []Value // as recorded: fewer than declared when some were left out
	Results        []Value // none for a call that panicked

	Function int64 // its id, 0 if it is not known
	Open     bool  // it had not ended when its process did; only DB.Call finds such a one
	Untimed  bool  // a sample left it out and its error brought it in: there is no duration
}

// Panicked reports whether the call was left by a panic.
func (c *Call) Panicked() bool { return c.Failed && strings.HasPrefix(c.Exception, "panic: ") }

// Value is one argument or result.
type Value struct {
	Name string
	Type string          // as in the source
	JSON json.RawMessage // as docs/ describe it
}

// Text returns the value as data_trace shows it: strings without quotes, nil,
// what a dynamic type holds, and JSON for the rest.
func (v Value) Text() string { return value.Text(v.JSON) }

// callColumns are those that scanCall reads.
const callColumns = "id, function_id, parent_id, trace_id, depth, goroutine, start_ns, duration_ns, status, exception, data"

func timeOf(ns int64) time.Time { return time.Unix(0, ns).UTC() }

// scanCall reads a row of callColumns. A function that is not known leaves the
// call without a name.
func scanCall(rows *sql.Rows, functions map[int64]*function) (*Call, error) {
	var c Call
	var id, start, status int64
	var functionID, duration sql.NullInt64
	var exception, data sql.NullString
	err := rows.Scan(&id, &functionID, &c.Parent, &c.Trace, &c.Depth, &c.Goroutine, &start, &duration, &status, &exception, &data)
	if err != nil {
		return nil, err
	}
	c.ID, c.Start, c.Duration = callOfRow(id), timeOf(start), time.Duration(duration.Int64)
	c.Failed, c.Exception = status != 0, exception.String
	c.Function, c.Untimed = functionID.Int64, !duration.Valid
	if f := functions[c.Function]; f != nil {
		c.Process, c.Group = f.process, f.group
		if data.Valid {
			err = c.SetValues(f.values, data.String)
		}
	}
	return &c, err
}

// SetValues sets arguments and results as they are stored: an array in JSON, of
// which described says what each is.
func (c *Call) SetValues(described []Datum, data string) error {
	var values []json.RawMessage
	if err := json.Unmarshal([]byte(data), &values); err != nil {
		return fmt.Errorf("values of call %s: %w", c.ID, err)
	}
	for i, v := range values[:min(len(values), len(described))] {
		value := Value{described[i].Name, described[i].Type, v}
		if described[i].Output {
			c.Results = append(c.Results, value)
		} else {
			c.Arguments = append(c.Arguments, value)
		}
	}
	return nil
}

// calls returns the calls of a query for callColumns.
func (d *DB) calls(ctx context.Context, functions map[int64]*function, query string, args ...any) ([]*Call, error) {
	rows, err := d.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return scanCalls(rows, functions)
}

// scanCalls reads rows of callColumns to their end, and closes them.
func scanCalls(rows *sql.Rows, functions map[int64]*function) ([]*Call, error) {
	defer rows.Close()
	var all []*Call
	for rows.Next() {
		c, err := scanCall(rows, functions)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

// newest returns up to limit calls that fit, by descending start.
func (d *DB) newest(ctx context.Context, f Filter, limit int, failed bool) ([]*Call, error) {
	functions, err := d.functions(ctx)
	if err != nil {
		return nil, d.fail("read functions", err)
	}
	sel, err := d.compile(ctx, f, functions)
	if err != nil {
		return nil, d.fail("read runs", err)
	}
	where := sel.where()
	if failed {
		where.and("status = 1")
	}
	sorted := func(p *partition) bool { return failed || sel.functions != nil && p.indexed }
	all, err := d.ranked(ctx, functions, sel, where, newestStart(max(limit, 0), sorted))
	if err != nil {
		return nil, d.fail("read calls", err)
	}
	return all, nil
}

// Errors returns the newest calls that ended in an error or a panic, newest
// first, at most limit.
func (d *DB) Errors(ctx context.Context, f Filter, limit int) ([]*Call, error) {
	calls, err := d.newest(ctx, f, limit, true)
	if err != nil {
		return nil, err
	}
	if err := d.addStacks(ctx, calls); err != nil {
		return nil, d.fail("read stacks", err)
	}
	return calls, nil
}

// addStacks gives calls the stacks that their errors surfaced on.
func (d *DB) addStacks(ctx context.Context, calls []*Call) error {
	byRow := map[int64]*Call{}
	ids := make([]CallID, len(calls))
	for i, c := range calls {
		byRow[c.ID.row()], ids[i] = c, c.ID
	}
	rows, err := d.db.QueryContext(ctx, `SELECT e.id, s.text FROM monitor_error_stacks e JOIN monitor_stacks s USING (stack_id)
		WHERE e.id IN (SELECT value FROM json_each(?))`, rowList(ids))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var stack string
		if err := rows.Scan(&id, &stack); err != nil {
			return err
		}
		byRow[id].Stack = stack
	}
	return rows.Err()
}

// Newest returns the calls that started last, newest first, at most limit.
func (d *DB) Newest(ctx context.Context, f Filter, limit int) ([]*Call, error) {
	return d.newest(ctx, f, limit, false)
}
