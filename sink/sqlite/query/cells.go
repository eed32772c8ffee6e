package query

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/internal/histogram"
)

// Cell sums up the calls of one function in one run that started within one
// step of time.
type Cell struct {
	Function      int64
	Run           int64
	Start         int64 // of the step, nanoseconds since 1970
	Calls, Errors int64
	Total, Max    int64 // nanoseconds
	First, Last   int64 // earliest and latest start, as exact as the source is
	Durations     *histogram.Histogram
}

// Cells calls visit for every cell of the calls that the filter takes, in no
// order. step is a whole number of seconds. The cell, and its Durations, are
// visit's until it returns.
//
// Rollups answer where the database has them and the filter asks for nothing
// but functions, runs and times; rolled is true then, and the bounds of time are
// those of whole steps of ten seconds. Else it reads every call once, about a
// second for a million.
func (d *DB) Cells(ctx context.Context, f Filter, step time.Duration, visit func(*Cell)) (rolled bool, err error) {
	functions, err := d.functions(ctx)
	if err != nil {
		return false, d.fail("read functions", err)
	}
	sel, err := d.compile(ctx, f, functions)
	if err != nil {
		return false, d.fail("read runs", err)
	}
	step = max(step.Truncate(time.Second), time.Second)
	if rolled, err = d.hasRollups(ctx, sel, step); err != nil {
		return false, d.fail("read rollups", err)
	}
	if rolled {
		err = d.rolledCells(ctx, sel, step, visit)
	} else {
		err = d.countedCells(ctx, sel, step, visit)
	}
	if err != nil {
		return false, d.fail("sum up calls", err)
	}
	return rolled, nil
}

// hasRollups reports whether there are rollups that answer a selection in such steps.
func (d *DB) hasRollups(ctx context.Context, sel *selection, step time.Duration) (bool, error) {
	if sel.rest.text != "" || step%fineRollup != 0 {
		return false, nil
	}
	names, err := d.tables(ctx, "monitor_rollups_*")
	return names["monitor_rollups_10s"] && names["monitor_rollups_60s"], err
}

// Widths of the rollups.
const (
	fineRollup   = 10 * time.Second
	coarseRollup = time.Minute
)

// rollupPart is a part of the time that is asked for, in seconds, the end not
// included, with the rollups that have it.
type rollupPart struct {
	table    string
	width    int64 // in seconds
	from, to int64
}

// rollupParts takes whole minutes from the coarse rollups where the steps are
// made of minutes, and what is left at the ends from the fine ones.
func (s *selection) rollupParts(step time.Duration) []rollupPart {
	from, to := s.seconds(10)
	fine := rollupPart{"monitor_rollups_10s", 10, from, to}
	if step%coarseRollup != 0 {
		return []rollupPart{fine}
	}
	first, last := from, to // of the whole minutes
	if from != math.MinInt64 {
		first = floorDiv(from+59, 60) * 60
	}
	if to != math.MaxInt64 {
		last = floorDiv(to, 60) * 60
	}
	if first >= last {
		return []rollupPart{fine}
	}
	parts := []rollupPart{{"monitor_rollups_60s", 60, first, last}}
	if from < first {
		parts = append(parts, rollupPart{"monitor_rollups_10s", 10, from, first})
	}
	if last < to {
		parts = append(parts, rollupPart{"monitor_rollups_10s", 10, last, to})
	}
	return parts
}

// tables returns which tables match a pattern.
func (d *DB) tables(ctx context.Context, glob string) (map[string]bool, error) {
	rows, err := d.db.QueryContext(ctx, "SELECT name FROM sqlite_schema WHERE name GLOB ?", glob)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names[name] = true
	}
	return names, rows.Err()
}

// seconds returns the bounds of time in whole seconds.
func (s *selection) seconds(width int64) (from, to int64) {
	from, to = math.MinInt64, math.MaxInt64
	if s.since != math.MinInt64 {
		from = floorDiv(s.since, int64(time.Second)*width) * width
	}
	if s.until != math.MaxInt64 {
		to = (s.until + int64(time.Second) - 1) / int64(time.Second)
	}
	return from, to
}

// floorDiv rounds down, before 1970 too.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// runsText is the condition on run_id that the spans make.
func runsText(spans []span) string {
	parts := []string{}
	for _, s := range spans {
		parts = append(parts, fmt.Sprintf("run_id BETWEEN %d AND %d", callOfRow(s.low).Run, callOfRow(s.high).Run))
	}
	return "(" + strings.Join(append(parts, "0"), " OR ") + ")"
}

func (d *DB) rolledCells(ctx context.Context, sel *selection, step time.Duration, visit func(*Cell)) error {
	for _, part := range sel.rollupParts(step) {
		if err := d.partCells(ctx, part, sel, step, visit); err != nil {
			return err
		}
	}
	return nil
}

// rollupRows returns columns of the rollups of a part that the selection takes.
func (d *DB) rollupRows(ctx context.Context, part rollupPart, sel *selection, columns string) (*sql.Rows, error) {
	var where condition
	where.and("start_s >= ? AND start_s < ?", part.from, part.to)
	if sel.functions != nil {
		where.and(functionsText(sel.functions))
	}
	if sel.spans != nil {
		where.and(runsText(sel.spans))
	}
	return d.db.QueryContext(ctx, "SELECT "+columns+" FROM "+part.table+" WHERE "+where.text, where.args...)
}

func (d *DB) partCells(ctx context.Context, part rollupPart, sel *selection, step time.Duration, visit func(*Cell)) error {
	rows, err := d.rollupRows(ctx, part, sel, "start_s, function_id, run_id, calls, errors, total_ns, max_ns, histogram")
	if err != nil {
		return err
	}
	defer rows.Close()
	var c Cell
	var durations histogram.Histogram
	var blob sql.RawBytes
	now := time.Now().UnixNano() // no call began later, though its ten seconds may not be over
	for rows.Next() {
		var second int64
		if err := rows.Scan(&second, &c.Function, &c.Run, &c.Calls, &c.Errors, &c.Total, &c.Max, &blob); err != nil {
			return err
		}
		durations.Reset()
		if err := durations.Merge(blob); err != nil {
			return fmt.Errorf("%s: second %d, function %d: %w", part.table, second, c.Function, err)
		}
		c.Durations = &durations
		c.First = second * int64(time.Second)
		c.Last = max(min((second+part.width)*int64(time.Second)-1, now), c.First)
		c.Start = floorDiv(c.First, int64(step)) * int64(step)
		visit(&c)
	}
	return rows.Err()
}

// countedCells makes the cells of the calls themselves.
func (d *DB) countedCells(ctx context.Context, sel *selection, step time.Duration, visit func(*Cell)) error {
	where := sel.where()
	rows, err := d.db.QueryContext(ctx, "SELECT id >> 40, function_id, start_ns, duration_ns, status FROM calls WHERE "+where.text, where.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	type key struct{ run, function, start int64 }
	cells := map[key]*Cell{}
	var latest *Cell
	var at key
	for rows.Next() {
		var run, function, start, status int64
		var duration sql.NullInt64
		if err := rows.Scan(&run, &function, &start, &duration, &status); err != nil {
			return err
		}
		k := key{run, function, floorDiv(start, int64(step)) * int64(step)}
		if latest == nil || k != at {
			if latest, at = cells[k], k; latest == nil {
				latest = &Cell{Function: function, Run: run, Start: k.start, First: start, Last: start, Durations: new(histogram.Histogram)}
				cells[k] = latest
			}
		}
		latest.add(start, duration, status)
	}
	for _, c := range cells {
		visit(c)
	}
	return rows.Err()
}

func (c *Cell) add(start int64, duration sql.NullInt64, status int64) {
	c.Calls++
	c.Errors += status
	c.First, c.Last = min(c.First, start), max(c.Last, start)
	if duration.Valid {
		c.Total += duration.Int64
		c.Max = max(c.Max, duration.Int64)
		c.Durations.Record(duration.Int64)
	}
}

// Bounds returns the earliest and the latest start of the calls that the filter
// takes, nanoseconds since 1970; zeros when there is none. Where rollups answer
// the ends are those of ten seconds.
func (d *DB) Bounds(ctx context.Context, f Filter) (first, last int64, err error) {
	functions, err := d.functions(ctx)
	if err != nil {
		return 0, 0, d.fail("read functions", err)
	}
	sel, err := d.compile(ctx, f, functions)
	if err != nil {
		return 0, 0, d.fail("read runs", err)
	}
	names, err := d.tables(ctx, "monitor_rollups_10s")
	if err != nil {
		return 0, 0, d.fail("read rollups", err)
	}
	var low, high sql.NullInt64
	if len(names) == 0 || sel.rest.text != "" {
		where := sel.where()
		err = d.db.QueryRowContext(ctx, "SELECT min(start_ns), max(start_ns) FROM calls WHERE "+where.text, where.args...).Scan(&low, &high)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return 0, 0, d.fail("find the bounds of time", err)
		}
		return low.Int64, high.Int64, nil
	}
	from, to := sel.seconds(10)
	where := condition{"start_s >= ? AND start_s < ?", []any{from, to}}
	if sel.functions != nil {
		where.and(functionsText(sel.functions))
	}
	if sel.spans != nil {
		where.and(runsText(sel.spans))
	}
	// One statement for each end: a seek in the key where nothing else is asked.
	for _, end := range []struct {
		aggregate string
		into      *sql.NullInt64
	}{{"min(start_s)", &low}, {"max(start_s)", &high}} {
		err := d.db.QueryRowContext(ctx, "SELECT "+end.aggregate+" FROM monitor_rollups_10s WHERE "+where.text, where.args...).Scan(end.into)
		if err != nil {
			return 0, 0, d.fail("find the bounds of time", err)
		}
	}
	if !low.Valid {
		return 0, 0, nil
	}
	first = low.Int64 * int64(time.Second)
	last = max(min((high.Int64+10)*int64(time.Second)-1, time.Now().UnixNano()), first)
	if sel.since != math.MinInt64 {
		first = max(first, sel.since)
	}
	if sel.until != math.MaxInt64 {
		last = min(last, sel.until-1)
	}
	return first, last, nil
}
