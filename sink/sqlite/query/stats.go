package query

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"
)

// FunctionStats sums up the calls of one function. Quantiles are exact, by
// nearest rank: each is the duration of a call that was made. Calls that a sample
// left out and whose errors were recorded have no duration.
type FunctionStats struct {
	Process, Group string
	Calls, Errors  int64
	Total, Mean    time.Duration
	P50, P95, P99  time.Duration
	Max            time.Duration
}

// Functions returns the statistics of every function that has a call the
// filter takes, those with the most total time first. Functions of the same
// process name and group, as builds of changed source make them, count as one.
//
// It reads every such call once, about a second for two million, and holds
// eight bytes for each.
func (d *DB) Functions(ctx context.Context, f Filter) ([]FunctionStats, error) {
	functions, err := d.functions(ctx)
	if err != nil {
		return nil, d.fail("read functions", err)
	}
	sel, err := d.compile(ctx, f, functions)
	if err != nil {
		return nil, d.fail("read runs", err)
	}
	gathered := newGathering(functions)
	if err := d.gather(ctx, gathered, sel); err != nil {
		return nil, d.fail("read calls", err)
	}
	return gathered.stats(), nil
}

// gather reads the calls of a selection into g.
func (d *DB) gather(ctx context.Context, g *gathering, sel *selection) error {
	text, args := "SELECT function_id, duration_ns, status FROM calls", []any{}
	if !sel.whole() {
		where := sel.where()
		text, args = text+" WHERE "+where.text, where.args
	}
	rows, err := d.db.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var id, status int64
	var duration sql.NullInt64
	for rows.Next() {
		if err := rows.Scan(&id, &duration, &status); err != nil {
			return err
		}
		g.add(id, duration, status != 0)
	}
	return rows.Err()
}

// Durations gathers those of calls, by function.
type Durations struct{ g *gathering }

// NewDurations is for the calls of functions.
func NewDurations(functions []Function) Durations {
	return Durations{newGathering(described(functions))}
}

// Add adds a call; duration is nil where it is not known.
func (d Durations) Add(function int64, duration *int64, failed bool) {
	var n sql.NullInt64
	if duration != nil {
		n = sql.NullInt64{Int64: *duration, Valid: true}
	}
	d.g.add(function, n, failed)
}

// Stats are exact, as those of DB.Functions.
func (d Durations) Stats() []FunctionStats { return d.g.stats() }

// CellSums sums up cells by function.
type CellSums struct{ sums *functionSums }

// NewCellSums is for the cells of functions.
func NewCellSums(functions []Function) CellSums {
	return CellSums{newFunctionSums(described(functions))}
}

// Add adds a cell.
func (c CellSums) Add(cell *Cell) {
	if s := c.sums.add(cell); s != nil {
		s.durations.Add(cell.Durations)
	}
}

// Stats have quantiles within 1.6 %, as those of DB.RolledFunctions.
func (c CellSums) Stats() []FunctionStats { return c.sums.stats() }

func described(list []Function) map[int64]*function {
	all := make(map[int64]*function, len(list))
	for i := range list {
		f := &list[i]
		all[f.ID] = &function{process: f.Process, group: f.Group, pkg: f.Package, name: f.Name, values: f.Data}
	}
	return all
}

// durations are those of one function's calls.
type durations struct {
	process, group string
	errors         int64
	untimed        int64 // calls that a sample left out and their errors brought in
	all            []int64
}

// gathering collects durations by function.
type gathering struct {
	byID map[int64]*durations // nil for functions that are not known
	list []*durations
	last int64      // the function of the latest call,
	into *durations // and its durations: calls of one function come in rows
}

func newGathering(functions map[int64]*function) *gathering {
	type key struct{ process, group string }
	g := &gathering{byID: map[int64]*durations{}, last: -1}
	byName := map[key]*durations{}
	for id, fn := range functions {
		k := key{fn.process, fn.group}
		if byName[k] == nil {
			byName[k] = &durations{process: fn.process, group: fn.group}
			g.list = append(g.list, byName[k])
		}
		g.byID[id] = byName[k]
	}
	return g
}

func (g *gathering) add(function int64, duration sql.NullInt64, failed bool) {
	if function != g.last {
		g.last, g.into = function, g.byID[function]
	}
	if g.into == nil {
		return
	}
	if duration.Valid {
		g.into.all = append(g.into.all, duration.Int64)
	} else {
		g.into.untimed++
	}
	if failed {
		g.into.errors++
	}
}

func (g *gathering) stats() []FunctionStats {
	all := []FunctionStats{}
	for _, f := range g.list {
		if len(f.all) > 0 || f.untimed > 0 {
			all = append(all, f.stats())
		}
	}
	slices.SortFunc(all, func(a, b FunctionStats) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Process, b.Process), cmp.Compare(a.Group, b.Group))
	})
	return all
}

func (f *durations) stats() FunctionStats {
	slices.Sort(f.all)
	var total int64
	for _, d := range f.all {
		total += d
	}
	n := int64(len(f.all))
	if n == 0 {
		return FunctionStats{Process: f.process, Group: f.group, Calls: f.untimed, Errors: f.errors}
	}
	return FunctionStats{
		Process: f.process, Group: f.group, Calls: n + f.untimed, Errors: f.errors,
		Total: time.Duration(total), Mean: time.Duration(total / n),
		P50: nearestRank(f.all, 50), P95: nearestRank(f.all, 95), P99: nearestRank(f.all, 99),
		Max: time.Duration(f.all[n-1]),
	}
}

// nearestRank returns the smallest of the sorted durations that at least
// percent of them do not exceed.
func nearestRank(sorted []int64, percent int) time.Duration {
	rank := (len(sorted)*percent + 99) / 100
	return time.Duration(sorted[max(rank, 1)-1])
}
