package remote

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/monitorgen/monitorgen/internal/histogram"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// minutes cuts the whole minutes for which rollups answer out of a selection, nil
// for none, and returns what is left at both ends.
func (d *DB) minutes(sel *selection, step time.Duration) (whole *selection, rest []*selection) {
	from := max(sel.since, d.engine.RolledFrom())
	if sel.rest.text != "" || step%time.Minute != 0 || from > math.MaxInt64-int64(time.Minute) {
		return nil, nil
	}
	from = -floorDown(-from)
	to := int64(math.MaxInt64)
	if sel.until != math.MaxInt64 {
		to = floorDown(sel.until)
	}
	if from >= to {
		return nil, nil
	}
	part := func(since, until int64) *selection {
		s := *sel
		s.since, s.until = since, until
		return &s
	}
	if sel.since < from {
		rest = append(rest, part(sel.since, from))
	}
	if to < sel.until {
		rest = append(rest, part(to, sel.until))
	}
	return part(from, to), rest
}

// floorDown rounds down to a whole minute.
func floorDown(ns int64) int64 {
	const width = int64(time.Minute)
	return ns - ((ns%width)+width)%width
}

// rolledCells makes the cells of rollups.
func (d *DB) rolledCells(ctx context.Context, sel *selection, step time.Duration, visit func(*query.Cell)) error {
	where := condition{"start_s >= ?", []any{sel.since / int64(time.Second)}}
	if sel.until != math.MaxInt64 {
		where.and("start_s < ?", sel.until/int64(time.Second))
	}
	if sel.runs != nil {
		where.and(in("run_id", sel.runs))
	}
	if sel.functions != nil {
		where.and(in("function_id", slices.Sorted(maps.Keys(sel.functions))))
	}
	now := time.Now().UnixNano() // no call began later, though its minute may not be over
	var durations histogram.Histogram
	return d.each(ctx, "SELECT run_id, start_s, function_id, calls, errors, total_ns, max_ns, histogram FROM monitor_rollups WHERE "+where.text, where.args, func(rows Rows) error {
		var c query.Cell
		var second int64
		var encoded []byte
		if err := rows.Scan(&c.Run, &second, &c.Function, &c.Calls, &c.Errors, &c.Total, &c.Max, &encoded); err != nil {
			return err
		}
		durations.Reset()
		if err := durations.Merge(encoded); err != nil {
			return fmt.Errorf("second %d, function %d: %w", second, c.Function, err)
		}
		c.Durations = &durations
		c.First = second * int64(time.Second)
		c.Last = max(min(c.First+int64(time.Minute)-1, now), c.First)
		c.Start = c.First - ((c.First%int64(step))+int64(step))%int64(step)
		visit(&c)
		return nil
	})
}
