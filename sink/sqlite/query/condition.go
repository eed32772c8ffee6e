package query

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/internal/filter"
)

// condition is a WHERE clause over the columns of calls, with its arguments.
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

// selection is a Filter as this database understands it. Functions, runs and
// times are kept apart from the rest: rollups can answer for them.
type selection struct {
	functions map[int64]bool // nil: all
	spans     []span         // of ids; nil: all
	since     int64          // start of a call, in nanoseconds since 1970
	until     int64          // not included
	rest      condition      // on single calls; "" for none
	narrow    bool           // spans are that few calls that they are to be walked along
	failed    bool           // rest takes failed calls alone
}

// whole reports whether the selection takes all calls.
func (s *selection) whole() bool {
	return s.functions == nil && s.spans == nil && s.since == math.MinInt64 && s.until == math.MaxInt64 && s.rest.text == ""
}

// where puts the selection into SQL over the columns of calls.
func (s *selection) where() condition {
	var c condition
	if s.since != math.MinInt64 {
		c.and("start_ns >= ?", s.since)
	}
	if s.until != math.MaxInt64 {
		c.and("start_ns < ?", s.until)
	}
	if s.spans != nil {
		c.and(spansText(s.spans))
	}
	if s.functions != nil {
		text := functionsText(s.functions)
		if s.narrow {
			text = "+" + text // else SQLite takes all calls of the functions from their index
		}
		c.and(text)
	}
	if s.rest.text != "" {
		c.and(s.rest.text, s.rest.args...)
	}
	if c.text == "" {
		c.text = "1"
	}
	return c
}

// spansText is one range of ids, so that SQLite walks along it, with what is
// between several spans filtered out (the + keeps it from reading the parts of
// an OR one after the other and sorting what comes out, all of it for each page).
func spansText(spans []span) string {
	if len(spans) == 0 {
		return "0"
	}
	whole := spans[0]
	parts := []string{}
	for _, s := range spans {
		whole = span{min(whole.low, s.low), max(whole.high, s.high)}
		parts = append(parts, fmt.Sprintf("+id BETWEEN %d AND %d", s.low, s.high))
	}
	text := fmt.Sprintf("id BETWEEN %d AND %d", whole.low, whole.high)
	if len(spans) > 1 {
		text += " AND (" + strings.Join(parts, " OR ") + ")"
	}
	return "(" + text + ")"
}

func functionsText(ids map[int64]bool) string {
	parts := []string{}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		parts = append(parts, strconv.FormatInt(id, 10))
	}
	return "function_id IN (" + strings.Join(parts, ",") + ")"
}

// narrowSpan is up to how many ids a span is walked along, whatever the selection
// takes of it: a function that has few calls in more than that is found by its index.
const narrowSpan = 200_000

// compile makes a selection of the filter.
func (d *DB) compile(ctx context.Context, f Filter, functions map[int64]*function) (*selection, error) {
	c := &compiler{ctx: ctx, db: d, functions: functions, now: f.Now, sel: &selection{since: f.since(), until: math.MaxInt64}}
	if c.now.IsZero() {
		c.now = time.Now()
	}
	if !f.Until.IsZero() {
		c.sel.until = f.Until.UnixNano()
	}
	if f.Session != "" {
		spans, err := d.spans(ctx, f)
		if err != nil {
			return nil, err
		}
		c.sel.spans = append([]span{}, spans...)
	}
	if f.Runs != nil {
		spans := []span{}
		for _, run := range f.Runs {
			spans = append(spans, runSpan(run))
		}
		c.sel.spans = intersect(c.sel.spans, spans)
	}
	if f.Pin != (CallID{}) {
		c.sel.spans = intersect(c.sel.spans, []span{{0, f.Pin.row()}})
	}
	if f.Floor != (CallID{}) {
		c.sel.spans = intersect(c.sel.spans, []span{{f.Floor.row(), math.MaxInt64}})
		c.sel.narrow = f.Pin.row()-f.Floor.row() < narrowSpan && f.Pin != (CallID{})
	}
	if f.Function != "" {
		c.keep(func(fn *function) bool { return fn.matches(f.Function) })
	}
	for _, t := range f.Query.Terms {
		if err := c.term(t); err != nil {
			return nil, err
		}
	}
	return c.sel, nil
}

// compiler is a selection in the making.
type compiler struct {
	ctx       context.Context
	db        *DB
	functions map[int64]*function
	now       time.Time
	sel       *selection
}

// keep narrows the selection to functions.
func (c *compiler) keep(takes func(*function) bool) {
	kept := map[int64]bool{}
	for id := range c.functionsThat(takes) {
		if c.sel.functions == nil || c.sel.functions[id] {
			kept[id] = true
		}
	}
	c.sel.functions = kept
}

func (c *compiler) functionsThat(takes func(*function) bool) map[int64]bool {
	found := map[int64]bool{}
	for id, fn := range c.functions {
		if takes(fn) {
			found[id] = true
		}
	}
	return found
}

func (c *compiler) term(t filter.Term) error {
	switch t.Field {
	case filter.Func, filter.Group, filter.Package:
		c.keep(func(fn *function) bool { return names(t, fn) != t.Not })
		return nil
	case filter.Run, filter.Session:
		return c.runs(t)
	case filter.Since, filter.From, filter.To:
		if !t.Not && len(t.Values) == 1 {
			c.time(t)
			return nil
		}
	}
	if t.Field == filter.Status && t.Op == filter.Is && !t.Not && !slices.ContainsFunc(t.Values, func(v filter.Value) bool { return v.Text == "ok" }) {
		c.sel.failed = true
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
	c.sel.rest.and(not+"coalesce("+any.text+", 0)", any.args...)
	return nil
}

// names reports whether one of the term's values is that of the function.
func names(t filter.Term, fn *function) bool {
	return t.Names(filter.Named{Process: fn.process, Package: fn.pkg, Name: fn.name, Group: fn.group})
}

// runs narrows the selection to runs.
func (c *compiler) runs(t filter.Term) error {
	spans := []span{}
	for _, v := range t.Values {
		var err error
		var more []span
		switch {
		case t.Field == filter.Session:
			more, err = c.db.spans(c.ctx, Filter{Session: v.Text})
		case v.Int == filter.Last:
			var last int64
			last, err = c.db.lastRun(c.ctx)
			more = []span{runSpan(last)}
		default:
			more = []span{runSpan(v.Int)}
		}
		if err != nil {
			return err
		}
		spans = append(spans, more...)
	}
	if t.Not != (t.Op == filter.NotEqual) {
		c.sel.rest.and("NOT " + spansText(spans))
		return nil
	}
	c.sel.spans = intersect(c.sel.spans, spans)
	return nil
}

func (d *DB) lastRun(ctx context.Context) (run int64, err error) {
	err = d.db.QueryRowContext(ctx, "SELECT ifnull(max(run_id), 0) FROM runs").Scan(&run)
	return run, err
}

// intersect returns what is in both; nil is everything.
func intersect(a, b []span) []span {
	if a == nil {
		return b
	}
	both := []span{}
	for _, x := range a {
		for _, y := range b {
			if s := (span{max(x.low, y.low), min(x.high, y.high)}); s.low <= s.high {
				both = append(both, s)
			}
		}
	}
	return both
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
		return "start_ns >= ?", []any{c.timeOf(t, v)}
	case filter.To:
		return "start_ns < ?", []any{v.Int}
	case filter.Status:
		return map[string]string{"ok": "status = 0", "err": "status = 1", "panic": "(status = 1 AND exception GLOB 'panic: *')"}[v.Text], nil
	case filter.Duration:
		return number("duration_ns", t.Op, v)
	case filter.Goroutine:
		return number("goroutine", t.Op, v)
	case filter.Depth:
		return number("depth", t.Op, v)
	case filter.Call:
		return "id = ?", []any{CallID{v.Run, v.Int}.row()}
	case filter.Trace, filter.Parent:
		s := runSpan(v.Run)
		return fmt.Sprintf("(%s_id = ? AND id BETWEEN ? AND ?)", t.Field), []any{v.Int, s.low, s.high}
	case filter.Exception:
		if t.Op == filter.Equal || t.Op == filter.NotEqual {
			return "exception = ?", []any{v.Text}
		}
		return "exception LIKE ? ESCAPE '\\'", []any{filter.Like(v.Text)}
	case filter.Any:
		return anyValue(v.Text)
	case filter.Arg, filter.Result:
		return c.path(t, v)
	case filter.Under:
		return c.under(t, v)
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
func anyValue(text string) (string, []any) {
	pattern, ok := filter.LikeJSON(text)
	if !ok {
		return "0", nil // it was text when it was parsed
	}
	return "data LIKE ? ESCAPE '\\'", []any{pattern}
}

func (c *compiler) words(text string) (string, []any) {
	pattern := "*" + text + "*"
	ids := c.functionsThat(func(fn *function) bool {
		return filter.MatchName(pattern, fn.process) || filter.MatchName(pattern, fn.group)
	})
	inData, args := anyValue(text)
	return "(" + functionsText(ids) + " OR coalesce(exception LIKE ? ESCAPE '\\', 0) OR coalesce(" + inData + ", 0))",
		append([]any{filter.Like(text)}, args...)
}

// path compares a part of an argument or a result. Where it is in the data
// depends on the function.
func (c *compiler) path(t filter.Term, v filter.Value) (string, []any) {
	at := map[int]map[int64]bool{} // functions by the place of the value
	for id, fn := range c.functions {
		if i := Place(fn.values, t.Path[0], t.Field == filter.Result); i >= 0 {
			if at[i] == nil {
				at[i] = map[int64]bool{}
			}
			at[i][id] = true
		}
	}
	var parts []string
	var args []any
	for _, i := range slices.Sorted(maps.Keys(at)) {
		compare, more := compareJSON(t.Op, v)
		parts = append(parts, "("+functionsText(at[i])+" AND "+compare+")")
		plain, dynamic := jsonPaths(i, t.Path[1:])
		for _, m := range more {
			if m == jsonValue {
				args = append(args, dynamic, plain)
				continue
			}
			args = append(args, m)
		}
	}
	return "(" + strings.Join(append(parts, "0"), " OR ") + ")", args
}

// Place returns the index of a value by its name, or by its position among
// arguments or results; -1 for none.
func Place(values []Datum, name string, output bool) int {
	position, err := strconv.Atoi(name)
	nth := 0
	for i, v := range values {
		if v.Output != output {
			continue
		}
		if v.Name == name || err == nil && nth == position {
			return i
		}
		nth++
	}
	return -1
}

// jsonPaths returns the path of a value, and that of it inside of an interface.
func jsonPaths(index int, inner []string) (plain, dynamic string) {
	root := fmt.Sprintf("$[%d]", index)
	tail := ""
	for _, key := range inner {
		if n, err := strconv.Atoi(key); err == nil && n >= 0 {
			tail += fmt.Sprintf("[%d]", n)
		} else {
			tail += `."` + key + `"`
		}
	}
	return root + tail, root + `."$value"` + tail
}

// jsonValue stands for the two arguments of valueText.
const jsonValue = placeholder("value")

type placeholder string

// valueText is a value in the data, that of an interface if it is one.
const valueText = "coalesce(data ->> ?, data ->> ?)"

// compareJSON compares valueText.
func compareJSON(op filter.Op, v filter.Value) (string, []any) {
	switch {
	case op == filter.Contains || op == filter.Is && strings.Contains(v.Text, "*"):
		return valueText + " LIKE ? ESCAPE '\\'", []any{jsonValue, filter.Like(v.Text)}
	case op == filter.Is, op == filter.NotEqual:
		op = filter.Equal
	}
	asText := "CAST(" + valueText + " AS TEXT) " + string(op) + " ?"
	if v.IsNumber {
		var n any = v.Number
		if whole, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
			n = whole // a float would not hold all of it
		}
		return "CASE WHEN typeof(" + valueText + ") IN ('integer', 'real') THEN " + valueText + " " + string(op) + " ? ELSE " + asText + " END",
			[]any{jsonValue, jsonValue, n, jsonValue, v.Text}
	}
	if op == filter.Equal {
		switch strings.ToLower(v.Text) {
		case "true", "false":
			return valueText + " = ?", []any{jsonValue, strings.EqualFold(v.Text, "true")}
		case "nil", "null":
			return "coalesce(" + valueText + ", 'nil') = 'nil'", []any{jsonValue}
		}
	}
	return asText, []any{jsonValue, v.Text}
}

// under goes from a call through its callers.
func (c *compiler) under(t filter.Term, v filter.Value) (string, []any) {
	one := t
	one.Values = []filter.Value{v}
	ids := c.functionsThat(func(fn *function) bool { return names(one, fn) })
	return `EXISTS (WITH RECURSIVE up(caller) AS (
			SELECT (calls.id >> 40 << 40) | calls.parent_id WHERE calls.parent_id <> 0
			UNION ALL SELECT (a.id >> 40 << 40) | a.parent_id FROM up CROSS JOIN calls AS a ON a.id = up.caller WHERE a.parent_id <> 0)
		SELECT 1 FROM up CROSS JOIN calls AS a ON a.id = up.caller WHERE a.` + functionsText(ids) + ")", nil
}

// Explain returns the SQL that a filter becomes, with its arguments.
func (d *DB) Explain(ctx context.Context, f Filter) (statement string, args []any, err error) {
	functions, err := d.functions(ctx)
	if err != nil {
		return "", nil, d.fail("read functions", err)
	}
	sel, err := d.compile(ctx, f, functions)
	if err != nil {
		return "", nil, d.fail("read runs", err)
	}
	where := sel.where()
	return "SELECT " + callColumns + " FROM calls WHERE " + where.text + " ORDER BY id DESC LIMIT 100", where.args, nil
}
