package remote

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// callColumns are those that scanCall reads, of monitor_calls AS c.
func (d *DB) callColumns() string {
	return "c.run_id, c.call_id, c.function_id, c.parent_id, c.trace_id, c.depth, c.goroutine, c.start_ns, c.duration_ns, c.failed, c.exception, " + d.engine.Text("c.data")
}

func timeOf(ns int64) time.Time { return time.Unix(0, ns).UTC() }

// scanCall reads a row of callColumns. A function that is not known leaves the
// call without a name.
func scanCall(rows Rows, all functions) (*query.Call, error) {
	var c query.Call
	var start int64
	var duration *int64
	var exception, data *string
	err := rows.Scan(&c.ID.Run, &c.ID.Call, &c.Function, &c.Parent, &c.Trace, &c.Depth, &c.Goroutine, &start, &duration, &c.Failed, &exception, &data)
	if err != nil {
		return nil, err
	}
	c.Start, c.Untimed = timeOf(start), duration == nil
	if duration != nil {
		c.Duration = time.Duration(*duration)
	}
	if exception != nil {
		c.Exception = *exception
	}
	if f := all[c.Function]; f != nil {
		c.Process, c.Group = f.Process, f.Group
		if data != nil {
			err = c.SetValues(f.Data, *data)
		}
	}
	return &c, err
}

// calls returns the calls of a statement for callColumns.
func (d *DB) calls(ctx context.Context, all functions, statement string, args ...any) (calls []*query.Call, err error) {
	err = d.each(ctx, statement, args, func(rows Rows) error {
		c, err := scanCall(rows, all)
		calls = append(calls, c)
		return err
	})
	return calls, err
}

// idsIn is the condition that a row's run and call are among ids.
func idsIn(table string, ids []query.CallID) string {
	if len(ids) == 0 {
		return "1 = 0"
	}
	byRun := map[int64][]int64{}
	var runs []int64
	for _, id := range ids {
		if byRun[id.Run] == nil {
			runs = append(runs, id.Run)
		}
		byRun[id.Run] = append(byRun[id.Run], id.Call)
	}
	parts := make([]string, len(runs))
	for i, run := range runs {
		parts[i] = fmt.Sprintf("%s.run_id = %d AND %s", table, run, in(table+".call_id", byRun[run]))
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// ByID returns the calls of the ids that are stored, by ascending id.
func (d *DB) ByID(ctx context.Context, ids []query.CallID) ([]*query.Call, error) {
	all, err := d.functions(ctx)
	if err != nil {
		return nil, err
	}
	calls, err := d.calls(ctx, all, "SELECT "+d.callColumns()+" FROM monitor_calls AS c WHERE "+idsIn("c", ids)+" ORDER BY c.run_id, c.call_id")
	if err != nil {
		return nil, d.fail("read calls", err)
	}
	return calls, nil
}

// Call returns one call, with the stack that its error surfaced on. One that had
// not ended when its process did is found too, with Open set. The error wraps
// query.ErrNoCall if there is none.
func (d *DB) Call(ctx context.Context, id query.CallID) (*query.Call, error) {
	calls, err := d.ByID(ctx, []query.CallID{id})
	if err != nil {
		return nil, err
	}
	if len(calls) == 0 {
		return d.openCall(ctx, id)
	}
	if err := d.addStacks(ctx, calls); err != nil {
		return nil, d.fail("read stacks", err)
	}
	return calls[0], nil
}

func (d *DB) openCall(ctx context.Context, id query.CallID) (*query.Call, error) {
	all, err := d.functions(ctx)
	if err != nil {
		return nil, err
	}
	calls, err := d.calls(ctx, all, `SELECT c.run_id, c.call_id, c.function_id, c.parent_id, c.trace_id, c.depth, c.goroutine, c.start_ns,
		greatest(c.seen_ns - c.start_ns, 0), false, NULL, `+d.engine.Text("c.data")+` FROM monitor_open_calls AS c WHERE c.run_id = ? AND c.call_id = ?`, id.Run, id.Call)
	if err != nil {
		return nil, d.fail("read open calls", err)
	}
	if len(calls) == 0 {
		return nil, fmt.Errorf("%s: %w: %s", d.engine, query.ErrNoCall, id)
	}
	calls[0].Open = true
	return calls[0], nil
}

// addStacks gives calls the stacks that their errors surfaced on.
func (d *DB) addStacks(ctx context.Context, calls []*query.Call) error {
	byID := map[query.CallID]*query.Call{}
	ids := make([]query.CallID, len(calls))
	for i, c := range calls {
		byID[c.ID], ids[i] = c, c.ID
	}
	statement := "SELECT c.run_id, c.call_id, s.text FROM monitor_calls AS c JOIN monitor_stacks AS s ON s.digest = c.stack WHERE " + idsIn("c", ids)
	return d.each(ctx, statement, nil, func(rows Rows) error {
		var id query.CallID
		var stack string
		err := rows.Scan(&id.Run, &id.Call, &stack)
		if c := byID[id]; c != nil {
			c.Stack = stack
		}
		return err
	})
}

// Errors returns the newest calls that ended in an error or a panic, newest first,
// at most limit.
func (d *DB) Errors(ctx context.Context, f query.Filter, limit int) ([]*query.Call, error) {
	calls, err := d.newest(ctx, f, limit, true)
	if err != nil {
		return nil, err
	}
	if err := d.addStacks(ctx, calls); err != nil {
		return nil, d.fail("read stacks", err)
	}
	return calls, nil
}

// Newest returns the calls that started last, newest first, at most limit.
func (d *DB) Newest(ctx context.Context, f query.Filter, limit int) ([]*query.Call, error) {
	return d.newest(ctx, f, limit, false)
}

func (d *DB) newest(ctx context.Context, f query.Filter, limit int, failed bool) ([]*query.Call, error) {
	sel, all, err := d.compile(ctx, f)
	if err != nil {
		return nil, err
	}
	where := sel.where()
	if failed {
		where.and("c.failed")
	}
	calls, err := d.calls(ctx, all, "SELECT "+d.callColumns()+" FROM monitor_calls AS c WHERE "+where.text+" ORDER BY c.start_ns DESC, c.run_id DESC, c.call_id DESC LIMIT ?",
		append(where.args, max(limit, 0))...)
	if err != nil {
		return nil, d.fail("read calls", err)
	}
	return calls, nil
}

// Taken returns those of the calls that the filter takes.
func (d *DB) Taken(ctx context.Context, f query.Filter, calls []*query.Call) ([]*query.Call, error) {
	sel, _, err := d.compile(ctx, f)
	if err != nil {
		return nil, err
	}
	if sel.whole() || len(calls) == 0 {
		return calls, nil
	}
	ids := make([]query.CallID, len(calls))
	for i, c := range calls {
		ids[i] = c.ID
	}
	where := sel.where()
	taken := map[query.CallID]bool{}
	err = d.each(ctx, "SELECT c.run_id, c.call_id FROM monitor_calls AS c WHERE "+idsIn("c", ids)+" AND "+where.text, where.args, func(rows Rows) error {
		var id query.CallID
		err := rows.Scan(&id.Run, &id.Call)
		taken[id] = true
		return err
	})
	if err != nil {
		return nil, d.fail("read calls", err)
	}
	kept := []*query.Call{}
	for _, c := range calls {
		if taken[c.ID] {
			kept = append(kept, c)
		}
	}
	return kept, nil
}
