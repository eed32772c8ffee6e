package remote

import (
	"context"
	"fmt"
	"time"

	"github.com/monitorgen/monitorgen/internal/histogram"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// Cells calls visit for every cell of the calls that the filter takes, in no
// order. step is a whole number of seconds. The cell, and its Durations, are
// visit's until it returns.
//
// Rollups answer for whole minutes where steps are made of those and the filter asks
// for nothing but functions, runs and times: rolled is true then, and First and Last
// are those of minutes. The server sums up the rest from the calls.
func (d *DB) Cells(ctx context.Context, f query.Filter, step time.Duration, visit func(*query.Cell)) (rolled bool, err error) {
	sel, _, err := d.compile(ctx, f)
	if err != nil {
		return false, err
	}
	step = max(step.Truncate(time.Second), time.Second)
	counted := []*selection{sel}
	if minutes, rest := d.minutes(sel, step); minutes != nil {
		if err := d.rolledCells(ctx, minutes, step, visit); err != nil {
			return false, d.fail("sum up rollups", err)
		}
		counted, rolled = rest, true
	}
	for _, part := range counted {
		if err := d.countedCells(ctx, part, step, visit); err != nil {
			return false, d.fail("sum up calls", err)
		}
	}
	return rolled, nil
}

// countedCells has the server sum up the calls.
func (d *DB) countedCells(ctx context.Context, sel *selection, step time.Duration, visit func(*query.Cell)) error {
	cells := map[cellKey]*query.Cell{}
	where := sel.where()
	statement := fmt.Sprintf(`SELECT c.run_id, c.function_id, %s AS step, %s AS bucket, count(*), count(c.duration_ns),
		CAST(sum(CASE WHEN c.failed THEN 1 ELSE 0 END) AS bigint), CAST(coalesce(sum(c.duration_ns), 0) AS bigint), coalesce(min(c.duration_ns), 0), coalesce(max(c.duration_ns), 0),
		min(c.start_ns), max(c.start_ns)
		FROM monitor_calls AS c WHERE %s GROUP BY c.run_id, c.function_id, step, bucket`,
		floorTo("c.start_ns", int64(step)), d.engine.Bucket("c.duration_ns"), where.text)
	err := d.each(ctx, statement, where.args, func(rows Rows) error { return addBucket(rows, cells) })
	for _, c := range cells {
		visit(c)
	}
	return err
}

type cellKey struct{ run, function, start int64 }

// addBucket adds a row, the calls of a cell whose durations are in one bucket.
func addBucket(rows Rows, cells map[cellKey]*query.Cell) error {
	var k cellKey
	var bucket *int64
	var calls, timed, errors, total, shortest, longest, first, last int64
	err := rows.Scan(&k.run, &k.function, &k.start, &bucket, &calls, &timed, &errors, &total, &shortest, &longest, &first, &last)
	if err != nil {
		return err
	}
	c := cells[k]
	if c == nil {
		c = &query.Cell{Function: k.function, Run: k.run, Start: k.start, First: first, Last: last, Durations: new(histogram.Histogram)}
		cells[k] = c
	}
	c.Calls += calls
	c.Errors += errors
	c.Total += total
	c.Max = max(c.Max, longest)
	c.First, c.Last = min(c.First, first), max(c.Last, last)
	if timed > 0 {
		c.Durations.RecordMany(shortest, uint64(timed)) // all of them are in its bucket
	}
	return nil
}

// floorTo rounds a column down to a multiple, before 1970 too.
func floorTo(column string, width int64) string {
	return fmt.Sprintf("%[1]s - ((%[1]s %% %[2]d) + %[2]d) %% %[2]d", column, width)
}

// Bounds returns the earliest and the latest start of the calls that the filter
// takes, nanoseconds since 1970; zeros when there is none.
func (d *DB) Bounds(ctx context.Context, f query.Filter) (first, last int64, err error) {
	sel, _, err := d.compile(ctx, f)
	if err != nil {
		return 0, 0, err
	}
	where := sel.where()
	if _, err := d.one(ctx, "SELECT coalesce(min(c.start_ns), 0), coalesce(max(c.start_ns), 0) FROM monitor_calls AS c WHERE "+where.text, where.args, &first, &last); err != nil {
		return 0, 0, d.fail("find the bounds of time", err)
	}
	return first, last, nil
}

// lookedUp is of how many calls the callers are looked up, one by one. Of more it
// takes less to join all with all.
const lookedUp = 100_000

// Links returns who calls whom among the calls that the filter takes: calls are
// chosen by the callee. The server finds every call's caller: rolled is false.
func (d *DB) Links(ctx context.Context, f query.Filter) (links []query.Link, rolled bool, err error) {
	sel, _, err := d.compile(ctx, f)
	if err != nil {
		return nil, false, err
	}
	where := sel.where()
	caller, from := "p.function_id", `(SELECT * FROM monitor_calls AS c WHERE `+where.text+`) AS c
		LEFT JOIN monitor_calls AS p ON p.run_id = c.run_id AND p.call_id = c.parent_id AND c.parent_id <> 0`
	few, err := d.few(ctx, sel)
	if err != nil {
		return nil, false, d.fail("sum up callers", err)
	}
	if few {
		caller = "(SELECT p.function_id FROM monitor_calls AS p WHERE p.run_id = c.run_id AND p.call_id = c.parent_id AND c.parent_id <> 0 LIMIT 1)"
		from = "monitor_calls AS c WHERE " + where.text
	}
	err = d.each(ctx, `SELECT CASE WHEN c.parent_id = 0 THEN 0 ELSE coalesce(`+caller+`, -1) END AS caller, c.function_id, count(*),
		CAST(sum(CASE WHEN c.failed THEN 1 ELSE 0 END) AS bigint), CAST(coalesce(sum(c.duration_ns), 0) AS bigint), max(c.start_ns)
		FROM `+from+` GROUP BY caller, c.function_id`, where.args, func(rows Rows) error {
		var l query.Link
		err := rows.Scan(&l.Caller, &l.Callee, &l.Calls, &l.Errors, &l.Total, &l.Last)
		links = append(links, l)
		return err
	})
	if err != nil {
		return nil, false, d.fail("sum up callers", err)
	}
	return links, false, nil
}

// few reports whether a selection takes no more calls than are looked up one by one.
func (d *DB) few(ctx context.Context, sel *selection) (bool, error) {
	if sel.whole() {
		return false, nil
	}
	var n int64
	where := sel.where()
	_, err := d.one(ctx, "SELECT count(*) FROM (SELECT 1 FROM monitor_calls AS c WHERE "+where.text+" LIMIT ?) AS taken", append(where.args, lookedUp+1), &n)
	return n <= lookedUp, err
}
