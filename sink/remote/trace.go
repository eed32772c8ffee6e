package remote

import (
	"context"
	"fmt"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// Spans returns the calls of a trace by ascending id, the first query.MaxSpans of
// them; the root itself may be missing.
func (d *DB) Spans(ctx context.Context, root query.CallID) (spans []query.Span, truncated bool, err error) {
	err = d.each(ctx, `SELECT c.call_id, c.parent_id, c.function_id, c.depth, c.goroutine, c.start_ns, coalesce(c.duration_ns, 0), c.failed
		FROM monitor_calls AS c WHERE c.run_id = ? AND c.trace_id = ? ORDER BY c.call_id LIMIT ?`, []any{root.Run, root.Call, query.MaxSpans + 1}, func(rows Rows) error {
		var s query.Span
		err := rows.Scan(&s.ID, &s.Parent, &s.Function, &s.Depth, &s.Goroutine, &s.Start, &s.Duration, &s.Failed)
		spans = append(spans, s)
		return err
	})
	if err != nil {
		return nil, false, d.fail("read a trace", err)
	}
	truncated = len(spans) > query.MaxSpans
	return spans[:min(len(spans), query.MaxSpans)], truncated, nil
}

// Children returns direct calls of a call that come after another, zero for none,
// in the order of their ids.
func (d *DB) Children(ctx context.Context, id, after query.CallID, limit int) ([]*query.Call, error) {
	all, err := d.functions(ctx)
	if err != nil {
		return nil, err
	}
	trace, err := d.Trace(ctx, id)
	if err != nil {
		return nil, err
	}
	calls, err := d.calls(ctx, all, "SELECT "+d.callColumns()+` FROM monitor_calls AS c
		WHERE c.run_id = ? AND c.trace_id = ? AND c.parent_id = ? AND c.call_id > ? ORDER BY c.call_id LIMIT ?`,
		id.Run, trace.Call, id.Call, max(id.Call, after.Call), limit)
	if err != nil {
		return nil, d.fail("read calls", err)
	}
	return calls, nil
}

// CountChildren returns how many direct calls of a call are stored. root is its
// Trace.
func (d *DB) CountChildren(ctx context.Context, root, id query.CallID) (n int64, err error) {
	_, err = d.one(ctx, "SELECT count(*) FROM monitor_calls AS c WHERE c.run_id = ? AND c.trace_id = ? AND c.parent_id = ?", []any{id.Run, root.Call, id.Call}, &n)
	if err != nil {
		return 0, d.fail("count calls", err)
	}
	return n, nil
}

// Trace returns the call at the root of the trace that a call belongs to; it need
// not be stored. The error wraps query.ErrNoCall if the call is not known.
func (d *DB) Trace(ctx context.Context, id query.CallID) (query.CallID, error) {
	root := query.CallID{Run: id.Run}
	for _, statement := range []string{
		"SELECT trace_id FROM monitor_calls WHERE run_id = ? AND call_id = ?",
		"SELECT trace_id FROM monitor_open_calls WHERE run_id = ? AND call_id = ?",
		"SELECT trace_id FROM monitor_calls WHERE run_id = ? AND trace_id = ? LIMIT 1", // a root that has not ended yet: others name it
	} {
		found, err := d.one(ctx, statement, []any{id.Run, id.Call}, &root.Call)
		if err != nil {
			return query.CallID{}, d.fail("read calls", err)
		}
		if found {
			return root, nil
		}
	}
	return query.CallID{}, fmt.Errorf("%s: %w: %s", d.engine, query.ErrNoCall, id)
}

// failureText is how much of an exception Failures reads: of a panic the rest is
// its stack.
const failureText = 600

// Failures returns the newest failed calls that the filter takes, newest first.
func (d *DB) Failures(ctx context.Context, f query.Filter, limit int) (all []query.Failure, err error) {
	sel, _, err := d.compile(ctx, f)
	if err != nil {
		return nil, err
	}
	where := sel.where()
	where.and("c.failed")
	statement := fmt.Sprintf("SELECT c.run_id, c.call_id, c.function_id, c.start_ns, substr(coalesce(c.exception, ''), 1, %d) FROM monitor_calls AS c WHERE %s ORDER BY c.run_id DESC, c.call_id DESC LIMIT ?",
		failureText, where.text)
	err = d.each(ctx, statement, append(where.args, limit), func(rows Rows) error {
		var x query.Failure
		err := rows.Scan(&x.ID.Run, &x.ID.Call, &x.Function, &x.Start, &x.Exception)
		all = append(all, x)
		return err
	})
	if err != nil {
		return nil, d.fail("read errors", err)
	}
	return all, nil
}
