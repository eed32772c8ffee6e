package query

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
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
	sel, err := d.compile(ctx, f, functions)
	if err != nil {
		return nil, false, d.fail("read runs", err)
	}
	sums := newFunctionSums(functions)
	rolled, err := d.hasRollups(ctx, sel, rolledStep)
	switch {
	case err != nil:
	case rolled:
		err = d.sumRollups(ctx, sel, sums)
	default:
		err = d.countedCells(ctx, sel, rolledStep, func(c *Cell) {
			if s := sums.add(c); s != nil {
				s.durations.Add(c.Durations)
			}
		})
	}
	if err != nil {
		return nil, false, d.fail("sum up calls", err)
	}
	return sums.stats(), !rolled, nil
}

// rolledStep is the width of the rollups that are read where the bounds of time
// allow.
const rolledStep = time.Minute

// sumRollups sums up rollups, of which there may be many thousands: it reads no more
// columns than it needs, and no histogram twice.
func (d *DB) sumRollups(ctx context.Context, sel *selection, sums *functionSums) error {
	for _, part := range sel.rollupParts(rolledStep) {
		rows, err := d.rollupRows(ctx, part, sel, "function_id, calls, errors, total_ns, max_ns, histogram")
		if err != nil {
			return err
		}
		defer rows.Close()
		var c Cell
		var encoded sql.RawBytes
		for rows.Next() {
			if err := rows.Scan(&c.Function, &c.Calls, &c.Errors, &c.Total, &c.Max, &encoded); err != nil {
				return err
			}
			if s := sums.add(&c); s != nil {
				if err := s.durations.Merge(encoded); err != nil {
					return fmt.Errorf("%s: function %d: %w", part.table, c.Function, err)
				}
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// functionSum is what the calls of a function add up to.
type functionSum struct {
	FunctionStats
	durations histogram.Histogram
}

// functionSums are those of functions. Builds of changed source make functions of the
// same name, which count as one.
type functionSums struct {
	functions map[int64]*function
	byName    map[[2]string]*functionSum // process and group
	byID      map[int64]*functionSum
}

func newFunctionSums(functions map[int64]*function) *functionSums {
	return &functionSums{functions, map[[2]string]*functionSum{}, map[int64]*functionSum{}}
}

// add adds a cell but for its durations, which are to be added to what it returns;
// nil for a function that was recorded since the functions were read.
func (f *functionSums) add(c *Cell) *functionSum {
	s := f.byID[c.Function]
	if s == nil {
		fn := f.functions[c.Function]
		if fn == nil {
			return nil
		}
		name := [2]string{fn.process, fn.group}
		if s = f.byName[name]; s == nil {
			s = &functionSum{FunctionStats: FunctionStats{Process: fn.process, Group: fn.group}}
			f.byName[name] = s
		}
		f.byID[c.Function] = s
	}
	s.Calls += c.Calls
	s.Errors += c.Errors
	s.Total += time.Duration(c.Total)
	s.Max = max(s.Max, time.Duration(c.Max))
	return s
}

// stats returns the sums, those with the most total time first.
func (f *functionSums) stats() (all []FunctionStats) {
	for _, s := range f.byName {
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
	return all
}
