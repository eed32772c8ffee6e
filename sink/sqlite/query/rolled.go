package query

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/monitorgen/monitorgen/internal/histogram"
)

// RolledFunctions is Functions from the rollups: it takes milliseconds whatever
// the number of calls, quantiles are within 1.6 %, and calls count that have
// expired since. The filter may choose sessions, runs, functions and times; the
// bounds of time are taken as whole steps of ten seconds. counted says that there
// were no rollups for what it asks, and the calls were read.
func (d *DB) RolledFunctions(ctx context.Context, f Filter) (all []FunctionStats, counted bool, err error) {
	functions, err := d.functions(ctx)
	if err != nil {
		return nil, false, d.fail("read functions", err)
	}
	type key struct{ process, group string }
	type sum struct {
		FunctionStats
		durations histogram.Histogram
	}
	sums := map[key]*sum{}
	byID := map[int64]*sum{}
	rolled, err := d.Cells(ctx, f, rolledStep, func(c *Cell) {
		s := byID[c.Function]
		if s == nil {
			fn := functions[c.Function]
			if fn == nil {
				return // recorded since the functions were read
			}
			k := key{fn.process, fn.group}
			if sums[k] == nil {
				sums[k] = &sum{FunctionStats: FunctionStats{Process: fn.process, Group: fn.group}}
			}
			s = sums[k]
			byID[c.Function] = s
		}
		s.Calls += c.Calls
		s.Errors += c.Errors
		s.Total += time.Duration(c.Total)
		s.Max = max(s.Max, time.Duration(c.Max))
		s.durations.Add(c.Durations)
	})
	if err != nil {
		return nil, false, err
	}
	for _, s := range sums {
		if n := s.durations.Count(); n > 0 {
			s.Mean = s.Total / time.Duration(n)
		}
		for q, into := range map[float64]*time.Duration{0.5: &s.P50, 0.95: &s.P95, 0.99: &s.P99} {
			*into = min(time.Duration(s.durations.Quantile(q)), s.Max)
		}
		all = append(all, s.FunctionStats)
	}
	slices.SortFunc(all, func(a, b FunctionStats) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Process, b.Process), cmp.Compare(a.Group, b.Group))
	})
	return all, !rolled, nil
}

// rolledStep is the width of the rollups that are read where the bounds of time
// allow.
const rolledStep = time.Minute
