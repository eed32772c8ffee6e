package remote

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/internal/filter"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// condition is a WHERE clause over the columns of monitor_calls AS c, with its
// arguments.
type condition struct {
	text string
	args []any
}

func (c *condition) and(text string, args ...any) {
	if c.text != "" {
		c.text += " AND "
	}
	c.text += text
	c.args = append(c.args, args...)
}

// selection is a Filter as a database understands it. Functions, runs and times
// are kept apart from the rest.
type selection struct {
	functions map[int64]bool // nil: all
	runs      []int64        // nil: all
	since     int64          // start of a call, in nanoseconds since 1970
	until     int64          // not included
	rest      condition      // on single calls; "" for none
}

// where puts the selection into SQL.
func (s *selection) where() condition {
	var c condition
	if s.since != math.MinInt64 {
		c.and("c.start_ns >= ?", s.since)
	}
	if s.until != math.MaxInt64 {
		c.and("c.start_ns < ?", s.until)
	}
	if s.runs != nil {
		c.and(in("c.run_id", s.runs))
	}
	if s.functions != nil {
		c.and(in("c.function_id", slices.Sorted(maps.Keys(s.functions))))
	}
	if s.rest.text != "" {
		c.and(s.rest.text, s.rest.args...)
	}
	if c.text == "" {
		c.text = "1 = 1"
	}
	return c
}

// whole reports whether the selection takes all calls.
func (s *selection) whole() bool {
	return s.functions == nil && s.runs == nil && s.since == math.MinInt64 && s.until == math.MaxInt64 && s.rest.text == ""
}

// compiler is a selection in the making.
type compiler struct {
	ctx       context.Context
	db        *DB
	functions functions
	now       time.Time
	sel       *selection
}

// compile makes a selection of a filter.
func (d *DB) compile(ctx context.Context, f query.Filter) (*selection, functions, error) {
	all, err := d.functions(ctx)
	if err != nil {
		return nil, nil, err
	}
	c := &compiler{ctx: ctx, db: d, functions: all, now: f.Now, sel: &selection{since: math.MinInt64, until: math.MaxInt64}}
	if c.now.IsZero() {
		c.now = time.Now()
	}
	if !f.Since.IsZero() {
		c.sel.since = f.Since.UnixNano()
	}
	if !f.Until.IsZero() {
		c.sel.until = f.Until.UnixNano()
	}
	if f.Session != "" {
		runs, err := d.sessionRuns(ctx, f.Session)
		if err != nil {
			return nil, nil, d.fail("read runs", err)
		}
		c.keepRuns(runs)
	}
	if f.Runs != nil {
		c.keepRuns(f.Runs)
	}
	if f.Pin != (query.CallID{}) {
		c.sel.rest.and("(c.run_id, c.call_id) <= (?, ?)", f.Pin.Run, f.Pin.Call)
	}
	if f.Floor != (query.CallID{}) {
		c.sel.rest.and("(c.run_id, c.call_id) >= (?, ?)", f.Floor.Run, f.Floor.Call)
	}
	if f.Function != "" {
		c.keep(func(fn *query.Function) bool {
			return strings.Contains(fn.Process, f.Function) || strings.Contains(named(fn).Full(), f.Function)
		})
	}
	for _, t := range f.Query.Terms {
		if err := c.term(t); err != nil {
			return nil, nil, d.fail("read runs", err)
		}
	}
	return c.sel, all, nil
}

// sessionRuns returns the runs of a session.
func (d *DB) sessionRuns(ctx context.Context, session string) ([]int64, error) {
	return d.integers(ctx, "SELECT run_id FROM monitor_runs WHERE session = ?", session)
}

// integers returns the only column of a statement, never nil.
func (d *DB) integers(ctx context.Context, statement string, args ...any) ([]int64, error) {
	all := []int64{}
	err := d.each(ctx, statement, args, func(rows Rows) error {
		var n int64
		err := rows.Scan(&n)
		all = append(all, n)
		return err
	})
	return all, err
}

// keep narrows the selection to functions.
func (c *compiler) keep(takes func(*query.Function) bool) {
	kept := c.functions.that(takes)
	if c.sel.functions != nil {
		maps.DeleteFunc(kept, func(id int64, _ bool) bool { return !c.sel.functions[id] })
	}
	c.sel.functions = kept
}

// keepRuns narrows the selection to runs.
func (c *compiler) keepRuns(runs []int64) {
	kept := slices.Clone(runs)
	if c.sel.runs != nil {
		kept = slices.DeleteFunc(kept, func(run int64) bool { return !slices.Contains(c.sel.runs, run) })
	}
	c.sel.runs = append([]int64{}, kept...)
}

func (c *compiler) term(t filter.Term) error {
	switch t.Field {
	case filter.Func, filter.Group, filter.Package:
		c.keep(func(fn *query.Function) bool { return t.Names(named(fn)) != t.Not })
		return nil
	case filter.Run, filter.Session:
		return c.runs(t)
	case filter.Since, filter.From, filter.To:
		if !t.Not && len(t.Values) == 1 {
			c.time(t)
			return nil
		}
	}
	var any condition
	for _, v := range t.Values {
		text, args := c.value(t, v)
		if any.text != "" {
			any.text += " OR "
		}
		any.text += text
		any.args = append(any.args, args...)
	}
	not := ""
	if t.Not != (t.Op == filter.NotEqual) {
		not = "NOT "
	}
	// NULL, which a call without the value gives, is no.
	c.sel.rest.and(not+"coalesce("+any.text+", false)", any.args...)
	return nil
}

// runs narrows the selection to the runs of a term.
func (c *compiler) runs(t filter.Term) error {
	runs := []int64{}
	for _, v := range t.Values {
		more := []int64{v.Int}
		var err error
		switch {
		case t.Field == filter.Session:
			more, err = c.db.sessionRuns(c.ctx, v.Text)
		case v.Int == filter.Last:
			more, err = c.db.integers(c.ctx, "SELECT coalesce(max(run_id), 0) FROM monitor_runs")
		}
		if err != nil {
			return err
		}
		runs = append(runs, more...)
	}
	if t.Not != (t.Op == filter.NotEqual) {
		c.sel.rest.and("NOT (" + in("c.run_id", runs) + ")")
		return nil
	}
	c.keepRuns(runs)
	return nil
}

func (c *compiler) time(t filter.Term) {
	at := c.timeOf(t, t.Values[0])
	if t.Field == filter.To {
		c.sel.until = min(c.sel.until, at)
	} else {
		c.sel.since = max(c.sel.since, at)
	}
}

func (c *compiler) timeOf(t filter.Term, v filter.Value) int64 {
	if t.Field == filter.Since {
		return c.now.UnixNano() - v.Int
	}
	return v.Int
}

// value returns the SQL for one value of a term.
func (c *compiler) value(t filter.Term, v filter.Value) (string, []any) {
	switch t.Field {
	case filter.Since, filter.From:
		return "c.start_ns >= ?", []any{c.timeOf(t, v)}
	case filter.To:
		return "c.start_ns < ?", []any{v.Int}
	case filter.Status:
		return map[string]string{"ok": "NOT c.failed", "err": "c.failed", "panic": "(c.failed AND c.exception LIKE 'panic: %')"}[v.Text], nil
	case filter.Duration:
		return number("c.duration_ns", t.Op, v)
	case filter.Goroutine:
		return number("c.goroutine", t.Op, v)
	case filter.Depth:
		return number("c.depth", t.Op, v)
	case filter.Call:
		return "(c.run_id = ? AND c.call_id = ?)", []any{v.Run, v.Int}
	case filter.Trace, filter.Parent:
		return fmt.Sprintf("(c.run_id = ? AND c.%s_id = ?)", t.Field), []any{v.Run, v.Int}
	case filter.Exception:
		if t.Op == filter.Equal || t.Op == filter.NotEqual {
			return "c.exception = ?", []any{v.Text}
		}
		return "c.exception ILIKE ?", []any{filter.Like(v.Text)}
	case filter.Any:
		return c.anyValue(v.Text)
	case filter.Arg, filter.Result:
		return c.path(t, v)
	case filter.Under:
		one := t
		one.Values = []filter.Value{v}
		ids := c.functions.that(func(fn *query.Function) bool { return one.Names(named(fn)) })
		return c.db.engine.Under(in("a.function_id", slices.Sorted(maps.Keys(ids)))), nil
	}
	return c.words(v.Text)
}

// number compares a column with a whole number.
func number(column string, op filter.Op, v filter.Value) (string, []any) {
	switch {
	case v.High != 0:
		return column + " BETWEEN ? AND ?", []any{v.Int, v.High}
	case op == filter.Is, op == filter.NotEqual: // the term says NOT
		op = filter.Equal
	}
	return column + " " + string(op) + " ?", []any{v.Int}
}

// anyValue looks for a text in the values as they are stored, in JSON.
func (c *compiler) anyValue(text string) (string, []any) {
	pattern, ok := filter.LikeJSON(text)
	if !ok {
		return "false", nil // it was text when it was parsed
	}
	return c.db.engine.Text("c.data") + " ILIKE ?", []any{pattern}
}

func (c *compiler) words(text string) (string, []any) {
	pattern := "*" + text + "*"
	ids := c.functions.that(func(fn *query.Function) bool {
		return filter.MatchName(pattern, fn.Process) || filter.MatchName(pattern, fn.Group)
	})
	inData, args := c.anyValue(text)
	return "(" + in("c.function_id", slices.Sorted(maps.Keys(ids))) + " OR coalesce(c.exception ILIKE ?, false) OR coalesce(" + inData + ", false))",
		append([]any{filter.Like(text)}, args...)
}

// Explain returns the SQL that a filter becomes, with its arguments.
func (d *DB) Explain(ctx context.Context, f query.Filter) (statement string, args []any, err error) {
	sel, _, err := d.compile(ctx, f)
	if err != nil {
		return "", nil, err
	}
	where := sel.where()
	return "SELECT " + d.callColumns() + " FROM monitor_calls AS c WHERE " + where.text + " ORDER BY c.run_id DESC, c.call_id DESC LIMIT 100", where.args, nil
}

// SQL runs one statement that reads and returns at most limit rows.
func (d *DB) SQL(ctx context.Context, statement string, limit int) (*query.Table, error) {
	statement, err := query.Single(statement)
	if err != nil {
		return nil, err
	}
	table, err := d.engine.Table(ctx, statement, limit)
	if err != nil {
		return nil, d.fail("run the statement", err)
	}
	return table, nil
}
