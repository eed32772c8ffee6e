package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/dashboard/aggregate"
	"github.com/monitorgen/monitorgen/internal/filter"
	"github.com/monitorgen/monitorgen/rewrite"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

const compareUsage = `usage: monitorgen compare [flags] A B

Compare shows, function by function, what changed from A to B: calls, errors and
the quantiles of durations, and which functions are new or gone. A and B are
databases (files or URLs), or queries in the one of -db, as run:3.

	monitorgen compare main.db branch.db
	monitorgen compare run:3 run:last -fail-on 'p95>+20%%' -fail-on 'errors>0'

With -fail-on it exits with 1 when a function of B is beyond the bound. A bound
is a measure (%s), > or <, and a value: with a sign and %% the change from A, else what B has,
as 5ms, 3 or 1%%.

The JSON is {"functions": [...], "failures": [...]}.
`

func runCompare(ctx context.Context, e *env, args []string) int {
	fs := newFlags(e, "compare", fmt.Sprintf(compareUsage, strings.Join(aggregate.Measures, ", ")))
	var q queryFlag
	var bounds boundList
	q.register(fs)
	fs.Var(&bounds, "fail-on", "exit with 1 if a function is beyond this `bound`, as 'p95>+20%'; may be given again")
	least := fs.Int64("min", 1, "look at functions with at least `N` calls on both sides alone; for -fail-on")
	db := fs.String("db", "", "the `database` of queries (default monitor.db, or $MONITOR_DB)")
	n := fs.Int("n", 30, "show `N` functions; 0 shows all")
	asJSON := fs.Bool("json", false, "print JSON")
	// Flags may also come behind A and B: in a CI job that reads better.
	var sides []string
	for rest := args; ; {
		if code, goOn := parseFlags(e, fs, rest); !goOn {
			return code
		}
		if fs.NArg() == 0 {
			break
		}
		sides = append(sides, fs.Arg(0))
		rest = fs.Args()[1:]
	}
	if len(sides) != 2 {
		return e.failf("compare takes two databases or queries, not %d", len(sides))
	}
	c := &comparing{env: e, database: *db, query: q.Query}
	a, code := c.side(ctx, sides[0])
	if code != exitDone {
		return code
	}
	b, code := c.side(ctx, sides[1])
	if code != exitDone {
		return code
	}
	pairs := aggregate.Compare(a, b)
	failures := bounds.check(pairs, *least)
	if *asJSON {
		e.printJSON(map[string]any{"functions": pairEntries(pairs), "failures": failures})
	} else {
		e.printPairs(pairs, *n)
		for _, f := range failures {
			fmt.Fprintf(e.stdout, "%s: %s\n", f.Bound, f.Text)
		}
	}
	if len(failures) > 0 {
		return exitFindings
	}
	return exitDone
}

// comparing knows where queries are asked.
type comparing struct {
	env      *env
	database string
	query    filter.Query
}

// side sums up the calls of a database, or of a query.
func (c *comparing) side(ctx context.Context, text string) (aggregate.Sums[aggregate.Name], int) {
	f, file := query.Filter{Query: c.query}, text
	if info, err := os.Stat(c.env.path(text)); !isURL(text) && (err != nil || info.IsDir()) {
		q, err := filter.Parse(text)
		if err != nil || q.Only(filter.Words) {
			return nil, c.env.failf("%q is neither a database nor a query such as run:3", nameOf(text))
		}
		f.Query.Terms = slices.Concat(q.Terms, c.query.Terms)
		file = c.database
	}
	db := c.env.openReader(ctx, file)
	if db == nil {
		return nil, exitFailure
	}
	defer db.Close()
	all, err := db.AllFunctions(ctx)
	if err != nil {
		return nil, c.env.failQuery(db.Path(), err)
	}
	catalog, sums := aggregate.NewCatalog(all), aggregate.Sums[aggregate.Name]{}
	_, err = db.Cells(ctx, f, time.Hour, func(cell *query.Cell) {
		if name, ok := catalog.NameOf(cell.Function); ok {
			sums.Add(name, cell)
		}
	})
	if err != nil {
		return nil, c.env.failQuery(db.Path(), err)
	}
	if len(sums) == 0 {
		return nil, c.env.failf("%s has no such call", nameOf(text))
	}
	return sums, exitDone
}

// bound is what -fail-on says.
type bound struct {
	text    string
	measure string
	above   bool
	change  bool // value is a share of A
	value   float64
}

// boundList is a flag that may be given again.
type boundList []bound

func (l *boundList) String() string { return "" }

func (l *boundList) Set(text string) error {
	at := strings.IndexAny(text, "<>")
	if at < 0 {
		return fmt.Errorf("want a bound as 'p95>+20%%', not %q", text)
	}
	b := bound{text: text, measure: strings.TrimSpace(text[:at]), above: text[at] == '>'}
	if !slices.Contains(aggregate.Measures, b.measure) {
		return fmt.Errorf("no measure %q%s", b.measure, rewrite.DidYouMean(b.measure, aggregate.Measures))
	}
	value := strings.TrimSpace(text[at+1:])
	number, isShare := strings.CutSuffix(value, "%")
	signed := strings.HasPrefix(value, "+") || strings.HasPrefix(value, "-")
	share, err := strconv.ParseFloat(number, 64)
	switch d, derr := time.ParseDuration(value); {
	case isShare && err == nil && (signed || b.measure == "error_rate"):
		b.value, b.change = share/100, signed
	case isShare || signed:
		return fmt.Errorf("%q: a change has a sign and ends in %%, as +20%%", value)
	case derr == nil && !slices.Contains([]string{"calls", "errors", "error_rate"}, b.measure):
		b.value = float64(d)
	case err == nil && slices.Contains([]string{"calls", "errors", "error_rate"}, b.measure):
		b.value = share
	default:
		return fmt.Errorf("%q is no value of %s", value, b.measure)
	}
	*l = append(*l, b)
	return nil
}

// failure is a function that is beyond a bound.
type failure struct {
	Bound   string `json:"bound"`
	Process string `json:"process"`
	Group   string `json:"group"`
	Text    string `json:"text"`
}

// check returns what is beyond the bounds, in the order of the bounds.
func (l boundList) check(pairs []aggregate.Pair, least int64) []failure {
	failures := []failure{}
	for _, b := range l {
		for _, p := range pairs {
			if p.B == nil || p.B.Calls < least || b.change && (p.A == nil || p.A.Calls < least) {
				continue
			}
			value, ok := p.B.Measure(b.measure)
			if b.change {
				value, ok = p.Change(b.measure)
			}
			if !ok || value == b.value || value > b.value != b.above {
				continue
			}
			text := fmt.Sprintf("%s: %s is %s", oneLine(p.Process), b.measure, measureText(b.measure, p.B))
			if b.change {
				text += fmt.Sprintf(", was %s (%+.1f%%)", measureText(b.measure, p.A), 100*value)
			}
			failures = append(failures, failure{b.text, p.Process, p.Group, text})
		}
	}
	return failures
}

// measureText shows a measure of a sum; "-" where there is none.
func measureText(measure string, s *aggregate.Sum) string {
	if s == nil {
		return "-"
	}
	value, ok := s.Measure(measure)
	switch {
	case !ok:
		return "-"
	case measure == "calls" || measure == "errors":
		return withCommas(int64(value))
	case measure == "error_rate":
		return strconv.FormatFloat(100*value, 'f', 2, 64) + "%"
	}
	return humanDuration(time.Duration(value))
}

func (e *env) printPairs(pairs []aggregate.Pair, n int) {
	t := textTable{head: []string{"CALLS A", "CALLS B", "ERRORS A", "ERRORS B", "P50 A", "P50 B", "P95 A", "P95 B", "P95", "FUNCTION"},
		right: slices.Repeat([]bool{true}, 9)}
	shown := pairs
	if n > 0 {
		shown = pairs[:min(n, len(pairs))]
	}
	for _, p := range shown {
		var cells []string
		for _, measure := range []string{"calls", "errors", "p50", "p95"} {
			cells = append(cells, measureText(measure, p.A), measureText(measure, p.B))
		}
		change := p.State()
		if share, ok := p.Change("p95"); ok {
			change = fmt.Sprintf("%+.1f%%", 100*share)
		} else if change == "both" {
			change = "-"
		}
		t.add(append(cells, change, oneLine(p.Process))...)
	}
	t.print(e.stdout)
	printMoreFunctions(e.stdout, len(pairs)-len(shown))
}

// pairEntry is a function on both sides in JSON.
type pairEntry struct {
	Process string         `json:"process"`
	Group   string         `json:"group"`
	State   string         `json:"state"`
	A       map[string]any `json:"a"`
	B       map[string]any `json:"b"`
	Change  map[string]any `json:"change"`
}

func pairEntries(pairs []aggregate.Pair) []pairEntry {
	entries := []pairEntry{}
	for _, p := range pairs {
		entry := pairEntry{p.Process, p.Group, p.State(), measures(p.A), measures(p.B), map[string]any{}}
		for _, m := range aggregate.Measures {
			if share, ok := p.Change(m); ok {
				entry.Change[m] = share
			}
		}
		entries = append(entries, entry)
	}
	return entries
}

// measures returns all that a sum has, durations in nanoseconds; nil for no sum.
func measures(s *aggregate.Sum) map[string]any {
	if s == nil {
		return nil
	}
	all := map[string]any{}
	for _, m := range aggregate.Measures {
		if value, ok := s.Measure(m); ok {
			all[m] = value
		}
	}
	return all
}
