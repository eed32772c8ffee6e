package remote

import (
	"context"
	"time"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// Functions returns the exact statistics of every function that has a call the
// filter takes, those with the most total time first. It reads every such call, and
// holds eight bytes for each.
func (d *DB) Functions(ctx context.Context, f query.Filter) ([]query.FunctionStats, error) {
	list, err := d.AllFunctions(ctx)
	if err != nil {
		return nil, err
	}
	sel, _, err := d.compile(ctx, f)
	if err != nil {
		return nil, err
	}
	where := sel.where()
	durations := query.NewDurations(list)
	err = d.each(ctx, "SELECT c.function_id, c.duration_ns, c.failed FROM monitor_calls AS c WHERE "+where.text, where.args, func(rows Rows) error {
		var function int64
		var duration *int64
		var failed bool
		err := rows.Scan(&function, &duration, &failed)
		durations.Add(function, duration, failed)
		return err
	})
	if err != nil {
		return nil, d.fail("read calls", err)
	}
	return durations.Stats(), nil
}

// RolledFunctions is Functions with quantiles within 1.6 %, of Cells. counted
// is false: that they come of calls makes them no better.
func (d *DB) RolledFunctions(ctx context.Context, f query.Filter) (all []query.FunctionStats, counted bool, err error) {
	list, err := d.AllFunctions(ctx)
	if err != nil {
		return nil, false, err
	}
	sums := query.NewCellSums(list)
	if _, err := d.Cells(ctx, f, wholeStep, sums.Add); err != nil {
		return nil, false, err
	}
	return sums.Stats(), false, nil
}

// wholeStep is one that makes few cells.
const wholeStep = 1000 * time.Hour
