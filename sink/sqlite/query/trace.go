package query

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Span is what the shape of a trace needs of a call.
type Span struct {
	ID        int64 // call id within the run
	Parent    int64 // 0 for none
	Function  int64
	Depth     int64
	Goroutine int64
	Start     int64 // nanoseconds since 1970
	Duration  int64 // 0 where it is not known
	Failed    bool
}

// MaxSpans is how many calls of a trace Spans returns.
const MaxSpans = 1_000_000

// Spans returns the calls of a trace by ascending id, the first MaxSpans of
// them; the root itself may be missing.
func (d *DB) Spans(ctx context.Context, root CallID) (spans []Span, truncated bool, err error) {
	// Table by table: of the view each row would pass through all the others.
	within := span{root.row(), runSpan(root.Run).high}
	sorted := true
	err = d.inPartitions(ctx, func(tx *sql.Tx, partitions []partition) error {
		for i := range partitions {
			p := &partitions[i]
			if p.high < within.low || p.low > within.high {
				continue
			}
			before := len(spans)
			if spans, err = p.spans(ctx, tx, root.Call, within, spans); err != nil {
				return err
			}
			sorted = sorted && (before == 0 || before == len(spans) || spans[before-1].ID < spans[before].ID)
		}
		return nil
	})
	if err != nil {
		return nil, false, d.fail("read a trace", err)
	}
	if !sorted {
		slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.ID, b.ID) })
	}
	truncated = len(spans) > MaxSpans
	return spans[:min(len(spans), MaxSpans)], truncated, nil
}

// spans adds the calls of a trace that are in one partition to those of others.
func (p *partition) spans(ctx context.Context, tx *sql.Tx, trace int64, within span, to []Span) ([]Span, error) {
	rows, err := tx.QueryContext(ctx, "SELECT id, parent_id, function_id, depth, goroutine, start_ns, duration_ns, status FROM "+p.table+
		" WHERE trace_id = ? AND id BETWEEN ? AND ? ORDER BY id LIMIT ?", trace, within.low, within.high, MaxSpans+1)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var s Span
	var function, duration sql.NullInt64
	for rows.Next() {
		if err := rows.Scan(&s.ID, &s.Parent, &function, &s.Depth, &s.Goroutine, &s.Start, &duration, &s.Failed); err != nil {
			return nil, err
		}
		s.ID, s.Function, s.Duration = callOfRow(s.ID).Call, function.Int64, duration.Int64
		to = append(to, s)
	}
	return to, rows.Err()
}

// ByID returns the calls of the ids that are stored, by ascending id.
func (d *DB) ByID(ctx context.Context, ids []CallID) ([]*Call, error) {
	functions, err := d.functions(ctx)
	if err != nil {
		return nil, d.fail("read functions", err)
	}
	calls, err := d.calls(ctx, functions, "SELECT "+callColumns+" FROM calls WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", rowList(ids))
	if err != nil {
		return nil, d.fail("read calls", err)
	}
	return calls, nil
}

func rowList(ids []CallID) string {
	rows := make([]int64, len(ids))
	for i, id := range ids {
		rows[i] = id.row()
	}
	text, _ := json.Marshal(rows) // integers
	return string(text)
}

// Call returns one call, with the stack that its error surfaced on. One that
// had not ended when its process did is found too: Open is set, and its Duration
// is how long it had been open. The error wraps ErrNoCall if there is none.
func (d *DB) Call(ctx context.Context, id CallID) (*Call, error) {
	calls, err := d.ByID(ctx, []CallID{id})
	if err != nil {
		return nil, err
	}
	if len(calls) == 0 {
		c, err := d.openCall(ctx, id)
		if err != nil {
			return nil, d.fail("read open calls", err)
		}
		if c == nil {
			return nil, fmt.Errorf("%s: %w: %s", d.path, ErrNoCall, id)
		}
		return c, nil
	}
	if err := d.addStacks(ctx, calls); err != nil {
		return nil, d.fail("read stacks", err)
	}
	return calls[0], nil
}

func (d *DB) openCall(ctx context.Context, id CallID) (*Call, error) {
	functions, err := d.functions(ctx)
	if err != nil {
		return nil, err
	}
	calls, err := d.calls(ctx, functions, `SELECT run_id << 40 | call_id, function_id, parent_id, trace_id, depth, goroutine, start_ns,
		max(seen_ns - start_ns, 0), 0, NULL, data FROM monitor_open_calls WHERE run_id = ? AND call_id = ?`, id.Run, id.Call)
	if err != nil || len(calls) == 0 {
		return nil, err
	}
	calls[0].Open = true
	return calls[0], nil
}

// Children returns direct calls of a call that come after another, zero for
// none, in the order of their ids.
func (d *DB) Children(ctx context.Context, id, after CallID, limit int) ([]*Call, error) {
	functions, err := d.functions(ctx)
	if err != nil {
		return nil, d.fail("read functions", err)
	}
	trace, err := d.traceOf(ctx, id)
	if err != nil {
		return nil, err
	}
	calls, err := d.calls(ctx, functions, "SELECT "+callColumns+" FROM calls WHERE trace_id = ? AND parent_id = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?",
		trace.Call, id.Call, max(id.row(), after.row()), runSpan(id.Run).high, limit)
	if err != nil {
		return nil, d.fail("read calls", err)
	}
	return calls, nil
}

// CountChildren returns how many direct calls of a call are stored. root is its Trace.
func (d *DB) CountChildren(ctx context.Context, root, id CallID) (n int64, err error) {
	err = d.db.QueryRowContext(ctx, "SELECT count(*) FROM calls WHERE trace_id = ? AND parent_id = ? AND id > ? AND id <= ?",
		root.Call, id.Call, id.row(), runSpan(id.Run).high).Scan(&n)
	if err != nil {
		return 0, d.fail("count calls", err)
	}
	return n, nil
}

// Trace returns the call at the root of the trace that a call belongs to; it
// need not be stored. The error wraps ErrNoCall if the call is not known.
func (d *DB) Trace(ctx context.Context, id CallID) (CallID, error) { return d.traceOf(ctx, id) }

func (d *DB) traceOf(ctx context.Context, id CallID) (CallID, error) {
	var trace int64
	err := d.db.QueryRowContext(ctx, "SELECT trace_id FROM calls WHERE id = ?", id.row()).Scan(&trace)
	if errors.Is(err, sql.ErrNoRows) {
		err = d.db.QueryRowContext(ctx, "SELECT trace_id FROM monitor_open_calls WHERE run_id = ? AND call_id = ?", id.Run, id.Call).Scan(&trace)
	}
	if errors.Is(err, sql.ErrNoRows) {
		// A root that has not ended yet: others name it.
		err = d.db.QueryRowContext(ctx, "SELECT trace_id FROM calls WHERE trace_id = ? AND id BETWEEN ? AND ? LIMIT 1",
			id.Call, id.row(), runSpan(id.Run).high).Scan(&trace)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return CallID{}, fmt.Errorf("%s: %w: %s", d.path, ErrNoCall, id)
	}
	if err != nil {
		return CallID{}, d.fail("read calls", err)
	}
	return CallID{id.Run, trace}, nil
}

// Failure is what grouping errors needs of a failed call.
type Failure struct {
	ID        CallID
	Function  int64
	Start     int64 // nanoseconds since 1970
	Exception string
}

// failureText is how much of an exception Failures reads: of a panic the rest is
// its stack.
const failureText = 600

// Failures returns the newest failed calls that the filter takes, newest first.
func (d *DB) Failures(ctx context.Context, f Filter, limit int) ([]Failure, error) {
	functions, err := d.functions(ctx)
	if err != nil {
		return nil, d.fail("read functions", err)
	}
	sel, err := d.compile(ctx, f, functions)
	if err != nil {
		return nil, d.fail("read runs", err)
	}
	all, err := d.newestFailures(ctx, sel, limit)
	if err != nil {
		return nil, d.fail("read errors", err)
	}
	return all, nil
}
