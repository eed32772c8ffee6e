//go:build unix

package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/dashboard"
	"github.com/monitorgen/monitorgen/internal/filter"
	"github.com/monitorgen/monitorgen/internal/histogram"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// queries take something else each.
var queries = []string{
	``, `err`, `ok`, `panic`, `-panic`, `status:err,ok`, `status!=err`,
	`fn:price`, `fn:pricing.*`, `fn:(*Desk)`, `fn=desk.Quiet`, `fn~sub`, `-fn:price`, `fn:nobody`, `fn:price,Handle`,
	`group:desk.*`, `group:desk.orders,desk.web`, `-group:desk.pricing`, `pkg:example.com/desk`, `pkg:*/web`, `pkg~pricing`,
	`dur:>1ms`, `dur<=3us`, `dur:2us`, `dur!=2us`, `dur:1us..3us`, `dur:1us,5us`, `-dur:>1us`,
	`arg.n:>10`, `arg.n=42`, `arg.n:-5`, `arg.n!=3`, `arg.n:>12.25`, `arg.n<1e1`, `arg.1=7`, `-arg.n:>10`,
	`arg.sym=ACME`, `arg.sym~acme`, `arg.sym="it's"`, `arg.sym:*corp`, `arg.sym~50%`, `arg.sym~a_b`, `arg.sym="back\\slash"`, `arg.sym="what?"`, `arg.sym>b`, `arg.sym=nil`,
	`arg.sym=true`, `arg.ok=true`, `arg.ok=false`, `arg.ok:true`, `arg.ok=1`, `arg.ok!=true`,
	`arg.o.ID=7`, `arg.o.ID:>=20`, `arg.o.Symbol=ACME`, `arg.o.Symbol~e`, `arg.o.Tags.1~acme`, `arg.o.Tags~x`, `arg.o.Deep.N=3`, `arg.o.Nothing=1`, `arg.o~"ID"`,
	`result.id=7`, `result.id=ACME`, `result.id=nil`, `result.0:>1`, `result.err=nil`, `result.px:>=50.5`, `result.px=7.5`, `result.nobody=1`,
	`any~acme`, `any~"a_b"`, `any:"say \"x\""`, `any~é`, `-any~acme`, `any~"7"`,
	`err:limit`, `err:"limit breach"`, `err~it's`, `err~50%`, `err="no clock"`, `err!="no clock"`, `err:runtime.Goexit`, `-err~limit`,
	`under:Handle`, `under:Submit`, `under:desk.*`, `-under:Submit`, `under:Price`, `under:Submit,Handle err`,
	`run:1`, `run:last`, `run:2,3`, `-run:1`, `run!=last`, `run:9`, `session:first`, `session:nobody`, `-session:first`, `session:first run:2`, `run:1 run:2`,
	`call:2:5`, `trace:1:1`, `parent:1:1`, `-trace:1:1`, `goroutine:3`, `goroutine:>2`, `depth:0`, `depth:<2`, `depth!=1`,
	`acme`, `limit breach`, `desk`, `"it's"`, `-acme`, `"50%"`, `what?`,
	fmt.Sprintf("from:%d", begin+2*3_600_000_000_000), fmt.Sprintf("to:%d", begin+2*3_600_000_000_000), fmt.Sprintf("from:%d to:%d", begin+3_601_000_000_000, begin+3_609_000_000_000),
	fmt.Sprintf("-to:%d", begin+2*3_600_000_000_000), `since:9h`,
	`fn:price err dur:>1us depth:2`, `run:2 fn:submit arg.n:>50 -err`, `run:3 under:Handle arg.sym~a`,
}

// clock is what queries count times before now from.
var clock = time.Unix(0, begin+10*3_600_000_000_000)

func filters(t *testing.T) map[string]query.Filter {
	all := map[string]query.Filter{}
	for _, text := range queries {
		q, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all[text] = query.Filter{Query: q, Now: clock}
	}
	parsed := func(text string) filter.Query { return all[text].Query }
	all["(function)"] = query.Filter{Function: "desk.(*Desk)"}
	all["(session)"] = query.Filter{Session: "first"}
	all["(runs)"] = query.Filter{Runs: []int64{1, 3}}
	all["(no runs)"] = query.Filter{Runs: []int64{}}
	all["(times)"] = query.Filter{Since: time.Unix(0, begin+3_600_500_000_000), Until: time.Unix(0, begin+7_203_500_000_000)}
	all["(pin)"] = query.Filter{Pin: query.CallID{Run: 2, Call: 100}}
	all["(floor)"] = query.Filter{Floor: query.CallID{Run: 2, Call: 100}, Pin: query.CallID{Run: 3, Call: 7}}
	all["(pinned errors)"] = query.Filter{Pin: query.CallID{Run: 2, Call: 100}, Query: parsed(`err`)}
	all["(all)"] = query.Filter{Session: "first", Runs: []int64{2, 3}, Since: time.Unix(0, begin), Function: "Price", Query: parsed(`-err`)}
	return all
}

// compare reports where two repositories do not answer alike.
type compare struct {
	*testing.T
	file, server dashboard.Repository
}

// same compares what a question is answered.
func same[V any](c compare, what string, ask func(dashboard.Repository) (V, error)) V {
	c.Helper()
	want, err1 := ask(c.file)
	got, err2 := ask(c.server)
	if err1 != nil || err2 != nil {
		c.Errorf("%s: SQLite says %v, PostgreSQL %v", what, err1, err2)
		return want
	}
	w, g := text(want), text(got)
	if w != g {
		at := 0
		for at < min(len(w), len(g)) && w[at] == g[at] {
			at++
		}
		from := max(at-200, 0)
		c.Errorf("%s: different from byte %d on\nSQLite     …%.500s\nPostgreSQL …%.500s", what, at, w[from:], g[from:])
	}
	return want
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	if string(b) == "null" {
		return "[]" // no rows
	}
	return string(b)
}

func TestAnswersAreThoseOfSQLite(t *testing.T) {
	p := newPair(t)
	file, server := dashboard.Repository(p.sqlite), dashboard.Repository(p.server)
	c := compare{t, file, server}
	ctx := t.Context()
	for name, f := range filters(t) {
		t.Run(name, func(t *testing.T) {
			c := compare{t, file, server}
			if f.Query.Has(filter.Under) { // each answer takes a while
				same(c, "Marks", func(r dashboard.Repository) (query.Marks, error) { return r.Marks(ctx, f, 7, query.Marks{}) })
				same(c, "Calls", func(r dashboard.Repository) ([]*query.Call, error) { return r.Calls(ctx, f, query.Page{}) })
				return
			}
			c.pages(ctx, f)
			c.marks(ctx, f)
			c.printed(ctx, f, p)
			c.sums(ctx, f)
			same(c, "Failures", func(r dashboard.Repository) ([]query.Failure, error) { return r.Failures(ctx, f, 50) })
		})
	}
	c.traces(ctx)
	c.catalogs(ctx)
	c.follow(ctx, p)
}

// pages compares lists in every order, from every side.
func (c compare) pages(ctx context.Context, f query.Filter) {
	for order := query.NewestFirst; order <= query.FastestFirst; order++ {
		ask := func(what string, p query.Page) []*query.Call {
			p.Order = order
			return same(c, fmt.Sprintf("Calls, order %d, %s", order, what), func(r dashboard.Repository) ([]*query.Call, error) { return r.Calls(ctx, f, p) })
		}
		first := ask("the first", query.Page{Limit: 60})
		ask("skipped", query.Page{Limit: 20, Skip: 30})
		if len(first) == 0 {
			continue
		}
		middle := first[len(first)/2]
		ask("after", query.Page{Limit: 40, After: middle.ID, AfterDuration: durationOf(middle)})
		ask("before", query.Page{Limit: 10, Before: middle.ID, BeforeDuration: durationOf(middle)})
	}
	same(c, "Calls, the first of them", func(r dashboard.Repository) ([]*query.Call, error) { return r.Calls(ctx, f, query.Page{}) })
	all := same(c, "Calls, many", func(r dashboard.Repository) ([]*query.Call, error) {
		return r.Calls(ctx, query.Filter{}, query.Page{Limit: 1000})
	})
	same(c, "Taken", func(r dashboard.Repository) ([]*query.Call, error) { return r.Taken(ctx, f, all) })
}

func durationOf(c *query.Call) int64 {
	if c.Untimed {
		return -1
	}
	return int64(c.Duration)
}

func (c compare) marks(ctx context.Context, f query.Filter) {
	whole := same(c, "Marks", func(r dashboard.Repository) (query.Marks, error) { return r.Marks(ctx, f, 7, query.Marks{}) })
	from := query.Marks{At: whole.At[:len(whole.At)/2]}
	same(c, "Marks, further", func(r dashboard.Repository) (query.Marks, error) { return r.Marks(ctx, f, 7, from) })
}

// commands is what commands print besides.
type commands interface {
	Newest(ctx context.Context, f query.Filter, limit int) ([]*query.Call, error)
	Errors(ctx context.Context, f query.Filter, limit int) ([]*query.Call, error)
	Functions(ctx context.Context, f query.Filter) ([]query.FunctionStats, error)
	RolledFunctions(ctx context.Context, f query.Filter) (all []query.FunctionStats, counted bool, err error)
}

// printed compares it.
func (c compare) printed(ctx context.Context, f query.Filter, p *pair) {
	of := map[dashboard.Repository]commands{c.file: p.sqlite, c.server: p.server}
	same(c, "Newest", func(r dashboard.Repository) ([]*query.Call, error) { return of[r].Newest(ctx, f, 20) })
	same(c, "Errors", func(r dashboard.Repository) ([]*query.Call, error) { return of[r].Errors(ctx, f, 20) })
	same(c, "Functions", func(r dashboard.Repository) ([]query.FunctionStats, error) { return of[r].Functions(ctx, f) })
	if f.Query.Has(filter.From, filter.To, filter.Since) || !f.Since.IsZero() || f.Pin != (query.CallID{}) {
		return // SQLite takes whole spans
	}
	same(c, "RolledFunctions", func(r dashboard.Repository) ([]query.FunctionStats, error) {
		all, _, err := of[r].RolledFunctions(ctx, f)
		return all, err
	})
}

// sum is a cell; First and Last are left out where SQLite has them of whole spans.
type sum struct {
	Start, Run, Function, Calls, Errors, Total, Max, First, Last int64
	Durations                                                    histogram.Histogram
}

func (c compare) sums(ctx context.Context, f query.Filter) {
	sums := func(step time.Duration, exact bool) {
		same(c, "Cells of "+step.String(), func(r dashboard.Repository) ([]string, error) { return cells(ctx, r, f, step, exact) })
	}
	sums(time.Second, true)
	c.rolled(ctx, f)
	if timed := !f.Since.IsZero() || !f.Until.IsZero() || f.Query.Has(filter.Since, filter.From, filter.To); !timed && f.Pin == (query.CallID{}) {
		sums(10*time.Second, false)
		sums(3*time.Minute, false)
	}
	single := f.Query.Has(filter.Status, filter.Duration, filter.Arg, filter.Result, filter.Any, filter.Exception, filter.Depth, filter.Words)
	c.bounds(ctx, f, single)
	if single {
		same(c, "Links", func(r dashboard.Repository) ([]string, error) { return links(ctx, r, f, true) })
	} else if f.Session != "" || len(f.Runs) == 0 && f.Query.Text == "run:1" { // all of its runs have ended: SQLite's edges are complete
		same(c, "Links", func(r dashboard.Repository) ([]string, error) { return links(ctx, r, f, false) })
	}
}

// rolled compares sums that are made of minutes with those that are made of calls.
func (c compare) rolled(ctx context.Context, f query.Filter) {
	c.Helper()
	total := func(r dashboard.Repository, step time.Duration) string {
		var calls, errors, total, longest int64
		var durations histogram.Histogram
		_, err := r.Cells(ctx, f, step, func(cell *query.Cell) {
			calls, errors, total, longest = calls+cell.Calls, errors+cell.Errors, total+cell.Total, max(longest, cell.Max)
			durations.Add(cell.Durations)
		})
		return fmt.Sprint(calls, errors, total, longest, durations.Append(nil), err)
	}
	if want, got := total(c.file, time.Second), total(c.server, time.Hour); got != want {
		c.Errorf("all Cells: different\nSQLite     %s\nPostgreSQL %s", want, got)
	}
}

// cells returns lines, one for each cell.
func cells(ctx context.Context, r dashboard.Repository, f query.Filter, step time.Duration, exact bool) (lines []string, err error) {
	type key struct{ start, run, function int64 }
	sums := map[key]*sum{}
	_, err = r.Cells(ctx, f, step, func(cell *query.Cell) {
		k := key{cell.Start, cell.Run, cell.Function}
		s := sums[k]
		if s == nil {
			s = &sum{First: cell.First, Last: cell.Last}
			sums[k] = s
		}
		s.Calls += cell.Calls
		s.Errors += cell.Errors
		s.Total += cell.Total
		s.Max = max(s.Max, cell.Max)
		s.First, s.Last = min(s.First, cell.First), max(s.Last, cell.Last)
		s.Durations.Add(cell.Durations)
	})
	for k, s := range sums {
		if !exact {
			s.First, s.Last = 0, 0
		}
		lines = append(lines, fmt.Sprint(k, s.Calls, s.Errors, s.Total, s.Max, s.First, s.Last, s.Durations.Append(nil)))
	}
	slices.Sort(lines)
	return lines, err
}

// bounds compares ends of time, up to the width of SQLite's rollups where those answer.
func (c compare) bounds(ctx context.Context, f query.Filter, exact bool) {
	c.Helper()
	first1, last1, err1 := c.file.Bounds(ctx, f)
	first2, last2, err2 := c.server.Bounds(ctx, f)
	off := max(first1-first2, first2-first1, last1-last2, last2-last1)
	if err1 != nil || err2 != nil || off > 0 && exact || off > int64(10*time.Second) {
		c.Errorf("Bounds: SQLite says %d, %d (%v), PostgreSQL %d, %d (%v)", first1, last1, err1, first2, last2, err2)
	}
}

func links(ctx context.Context, r dashboard.Repository, f query.Filter, exact bool) (lines []string, err error) {
	all, _, err := r.Links(ctx, f)
	for _, l := range all {
		if !exact {
			l.Last = 0
		}
		lines = append(lines, fmt.Sprint(l))
	}
	slices.Sort(lines)
	return lines, err
}

// traces compares what is asked of single calls and of their traces.
func (c compare) traces(ctx context.Context) {
	ids := []query.CallID{{Run: 1, Call: 1 << 30}, {Run: 7, Call: 1}}
	for run := int64(1); run <= 3; run++ {
		for call := int64(1); call <= 400; call += 9 {
			ids = append(ids, query.CallID{Run: run, Call: call})
		}
	}
	for _, run := range must(c.file.Runs(ctx)) {
		calls := must(c.file.Calls(ctx, query.Filter{Runs: []int64{run.ID}}, query.Page{Limit: 1}))
		ids = append(ids, query.CallID{Run: run.ID, Call: calls[0].ID.Call + 1}) // open, in those that have ended
	}
	same(c, "ByID", func(r dashboard.Repository) ([]*query.Call, error) { return r.ByID(ctx, ids) })
	for _, id := range ids {
		same(c, "Call "+id.String(), func(r dashboard.Repository) (*query.Call, error) { return known(r.Call(ctx, id)) })
		root := same(c, "Trace "+id.String(), func(r dashboard.Repository) (query.CallID, error) { return known(r.Trace(ctx, id)) })
		same(c, "Spans "+root.String(), func(r dashboard.Repository) ([]query.Span, error) {
			spans, truncated, err := r.Spans(ctx, root)
			return spans, errors.Join(err, map[bool]error{true: errors.New("truncated")}[truncated])
		})
		children := same(c, "Children "+id.String(), func(r dashboard.Repository) ([]*query.Call, error) {
			return known(r.Children(ctx, id, query.CallID{}, 2))
		})
		if len(children) > 0 {
			same(c, "further Children", func(r dashboard.Repository) ([]*query.Call, error) { return r.Children(ctx, id, children[0].ID, 5) })
		}
		same(c, "LoadTree", func(r dashboard.Repository) ([]int64, error) {
			return shape(known(query.LoadTree(ctx, r, id, query.CallID{Run: id.Run, Call: id.Call + 3})))
		})
		same(c, "CountChildren", func(r dashboard.Repository) (int64, error) { return r.CountChildren(ctx, root, id) })
	}
}

// shape is which calls a tree has, one after the other.
func shape(t *query.Tree, err error) (ids []int64, _ error) {
	if t == nil || err != nil {
		return nil, err
	}
	var add func(n *query.Node)
	add = func(n *query.Node) {
		ids = append(ids, n.ID.Call)
		for _, below := range n.Calls {
			add(below)
		}
	}
	add(t.Root)
	return append(ids, t.Total, t.Loaded), nil
}

// known makes the zero value of what is not there: that is an answer, too.
func known[V any](v V, err error) (V, error) {
	var none V
	if errors.Is(err, query.ErrNoCall) || errors.Is(err, query.ErrNoFunction) {
		return none, nil
	}
	return v, err
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// catalogs compares what was recorded, and how that went.
func (c compare) catalogs(ctx context.Context) {
	same(c, "Count", func(r dashboard.Repository) (int64, error) { return r.Count(ctx) })
	functions := same(c, "AllFunctions", func(r dashboard.Repository) ([]query.Function, error) { return r.AllFunctions(ctx) })
	for id := range int64(len(functions)) + 2 {
		same(c, "FunctionByID", func(r dashboard.Repository) (*query.Function, error) { return known(r.FunctionByID(ctx, id)) })
	}
	runs := same(c, "Runs", func(r dashboard.Repository) ([]query.Run, error) { return r.Runs(ctx) })
	for _, run := range append(runs, query.Run{ID: 99}) {
		same(c, "Figures", func(r dashboard.Repository) (*query.Figures, error) { return r.Figures(ctx, run.ID) })
	}
	same(c, "Drops", func(r dashboard.Repository) (map[int64]int64, error) { return r.Drops(ctx) })
	same(c, "SinkStats", func(r dashboard.Repository) ([]string, error) {
		var lines []string
		stats, err := r.SinkStats(ctx)
		for _, s := range stats {
			if s.Run != 0 { // those of a file are those of a file
				lines = append(lines, fmt.Sprint(s))
			}
		}
		slices.Sort(lines)
		return lines, err
	})
}

// follow compares what is seen of calls that are stored from now on.
func (c compare) follow(ctx context.Context, p *pair) {
	var followers []query.Follower
	for _, r := range []dashboard.Repository{c.file, c.server} {
		f := must(r.Follow(ctx))
		defer f.Close()
		followers = append(followers, f)
	}
	skim := func(limit int) {
		c.Helper()
		var answers []string
		for _, f := range followers {
			for changed := false; !changed; {
				var err error
				if changed, err = f.Changed(ctx); err != nil {
					c.Fatal(err)
				}
			}
			calls, more, err := f.Skim(ctx, limit)
			if err != nil {
				c.Fatal(err)
			}
			answers = append(answers, fmt.Sprint(len(calls), more))
			for _, call := range calls {
				if more == 0 { // which are the newest is told by the end here, by the beginning there
					answers[len(answers)-1] += " " + call.ID.String()
				}
			}
		}
		if answers[0] != answers[1] || answers[0] == "0 0" {
			c.Errorf("Skim: different\nSQLite     %s\nPostgreSQL %s", answers[0], answers[1])
		}
	}
	stored := func(run sink.RunID, from, to uint64) {
		var calls []spool.Call
		for id := from; id <= to; id++ {
			calls = append(calls, spool.Call{Function: quiet, ID: id, Trace: id, Start: begin + int64(id)*1000, Duration: int64(id%7) * 1_000_000_000})
		}
		p.write(sink.Batch{Run: run, Calls: calls})
	}
	living, late := sink.RunID(3), p.run(4, "")
	stored(living, 5000, 5009)
	stored(late, 1, 5)
	skim(100)
	stored(living, 4000, 4050) // they began earlier
	stored(living, 5005, 5020) // some come again
	skim(7)
	p.write(sink.Batch{Run: late, Calls: []spool.Call{{Function: quiet, ID: 9, Trace: 9, Start: begin}}, Ended: true})
	skim(100)
	stored(living, 6000, 6003)
	stored(living, 6002, 6008)
	var answers [2][]query.CallID
	for i, f := range followers {
		for calls := []*query.Call{nil}; len(calls) > 0; {
			if calls = must(f.Next(ctx)); len(calls) > 0 {
				for _, call := range calls {
					answers[i] = append(answers[i], call.ID)
				}
			}
		}
	}
	if len(answers[0]) != 9 || !slices.Equal(answers[0], answers[1]) {
		c.Errorf("Next: different\nSQLite     %v\nPostgreSQL %v", answers[0], answers[1])
	}
}

// SQL reads, one statement, and changes nothing.
func TestSQL(t *testing.T) {
	p := newPair(t)
	table, err := p.server.SQL(t.Context(), "SELECT process, count(*), avg(duration_ms) > 0, NULL, max(ts) FROM process_trace GROUP BY process ORDER BY 1 -- why", 2)
	if err != nil || len(table.Columns) != 5 || len(table.Rows) != 2 || !table.Truncated {
		t.Fatalf("got %+v, %v", table, err)
	}
	if row := fmt.Sprintf("%v %T", table.Rows[0][:4], table.Rows[0][1]); row != "[desk.(*Desk).Submit 324 true <nil>] int64" {
		t.Errorf("the row is %s", row)
	}
	for _, statement := range []string{
		"DELETE FROM monitor_calls", "WITH gone AS (DELETE FROM monitor_calls RETURNING 1) SELECT * FROM gone", "EXPLAIN ANALYZE DELETE FROM monitor_calls",
		"SELECT 1; DELETE FROM monitor_calls", "SELECT $$'$$; COMMIT; DELETE FROM monitor_calls; --'", "SELECT set_config('transaction_read_only', 'off', false)",
		"SELECT nothing FROM nowhere", "COPY (SELECT 1) TO PROGRAM 'cat >/dev/null'", "LOCK TABLE monitor_calls", "SELECT nextval(pg_get_serial_sequence('monitor_runs', 'run_id'))",
	} {
		if table, err := p.server.SQL(t.Context(), statement, 10); err == nil {
			t.Errorf("%s: got %v", statement, table.Rows)
		}
	}
	// What a statement sets is gone with it.
	if _, err := p.server.SQL(t.Context(), "SELECT set_config('search_path', 'nowhere', false), set_config('default_transaction_read_only', 'off', false)", 1); err != nil {
		t.Fatal(err)
	}
	for range 2 * 8 {
		if n, err := p.server.Count(t.Context()); err != nil || n < 1000 {
			t.Fatalf("%d calls, %v", n, err)
		}
	}
}
