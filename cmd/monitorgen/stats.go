package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/rewrite"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

const statsUsage = `usage: monitorgen stats [flags] [FILE | URL]

Stats shows for every function its calls, the errors among them, and its
durations: in total, on average, the quantiles and the longest. FILE is a
database, monitor.db if not named; ` + serverText + `

	monitorgen stats -since 10m -sort p95 -n 20

Of a database of more than half a million calls the quantiles are read from
sums that were kept while the calls came in: within 1.6 %, in milliseconds, and
calls count that have expired since. -exact reads every call that is there.

The JSON is {"functions": [...]}, each with process, group, calls, errors,
total_ns, mean_ns, p50_ns, p95_ns, p99_ns and max_ns, and "exact". When the spool of a
process came near its bound, a last line says so, and in JSON "spool" has
warnings, and the calls that overflowed, recovered, dropped and lost.
`

// statsEntry is the statistics of one function in JSON.
type statsEntry struct {
	Process string `json:"process"`
	Group   string `json:"group"`
	Calls   int64  `json:"calls"`
	Errors  int64  `json:"errors"`
	TotalNS int64  `json:"total_ns"`
	MeanNS  int64  `json:"mean_ns"`
	P50NS   int64  `json:"p50_ns"`
	P95NS   int64  `json:"p95_ns"`
	P99NS   int64  `json:"p99_ns"`
	MaxNS   int64  `json:"max_ns"`
}

// statsOrders are the values of -sort: what comes first has more of it, and
// names ascend.
var statsOrders = map[string]func(a, b query.FunctionStats) int{
	"calls":  func(a, b query.FunctionStats) int { return cmp.Compare(b.Calls, a.Calls) },
	"errors": func(a, b query.FunctionStats) int { return cmp.Compare(b.Errors, a.Errors) },
	"total":  func(a, b query.FunctionStats) int { return cmp.Compare(b.Total, a.Total) },
	"p50":    func(a, b query.FunctionStats) int { return cmp.Compare(b.P50, a.P50) },
	"p95":    func(a, b query.FunctionStats) int { return cmp.Compare(b.P95, a.P95) },
	"p99":    func(a, b query.FunctionStats) int { return cmp.Compare(b.P99, a.P99) },
	"max":    func(a, b query.FunctionStats) int { return cmp.Compare(b.Max, a.Max) },
	"name":   func(a, b query.FunctionStats) int { return strings.Compare(a.Process, b.Process) },
}

func runStats(ctx context.Context, e *env, args []string) int {
	var f filterFlags
	fs := newFlags(e, "stats", statsUsage)
	f.register(fs)
	sortBy := fs.String("sort", "total", "`column` that comes first with its largest: calls, errors, total, p50, p95, p99 or max; or name")
	n := fs.Int("n", 0, "show `N` functions; 0 shows all")
	exactly := fs.Bool("exact", false, "read every call")
	asJSON := fs.Bool("json", false, "print JSON")
	if code, goOn := parseFlags(e, fs, args); !goOn {
		return code
	}
	name, code, goOn := oneSource(e, fs)
	if !goOn {
		return code
	}
	order := statsOrders[*sortBy]
	if order == nil {
		return e.failf("-sort: no column %q%s", *sortBy, rewrite.DidYouMean(*sortBy, slices.Sorted(maps.Keys(statsOrders))))
	}
	db := e.openReader(ctx, name)
	if db == nil {
		return exitFailure
	}
	defer db.Close()
	all, exact, err := functionStats(ctx, db, f.filter(), *exactly)
	if err != nil {
		return e.failQuery(db.Path(), err)
	}
	counters, err := db.SinkStats(ctx)
	if err != nil {
		return e.failQuery(db.Path(), err)
	}
	spool := query.SpoolOf(counters)
	slices.SortStableFunc(all, order)
	shown := all
	if *n > 0 {
		shown = all[:min(*n, len(all))]
	}
	switch {
	case *asJSON:
		result := map[string]any{"functions": statsEntries(shown), "exact": exact}
		if spool != (query.Spool{}) {
			result["spool"] = spoolEntry(spool)
		}
		e.printJSON(result)
	case len(all) == 0:
		e.nothingFound("such call", db.Path())
	default:
		e.printStats(e.stdout, shown)
		printMoreFunctions(e.stdout, len(all)-len(shown))
		if !exact {
			fmt.Fprintln(e.stdout, "quantiles within 1.6 %; -exact reads every call")
		}
		printSpool(e.stdout, spool)
	}
	return exitDone
}

// exactCalls is how many calls are read for exact quantiles without being asked
// to: a quarter of a second's worth.
const exactCalls = 500_000

// functionStats returns the statistics of functions, and whether their quantiles
// are exact.
func functionStats(ctx context.Context, db reader, f query.Filter, exactly bool) ([]query.FunctionStats, bool, error) {
	if !exactly {
		n, err := db.Count(ctx)
		if err != nil {
			return nil, false, err
		}
		exactly = n <= exactCalls
	}
	if exactly {
		all, err := db.Functions(ctx, f)
		return all, true, err
	}
	all, counted, err := db.RolledFunctions(ctx, f)
	if err != nil || !counted {
		return all, false, err
	}
	all, err = db.Functions(ctx, f) // they had to be read anyway
	return all, true, err
}

func statsEntries(all []query.FunctionStats) []statsEntry {
	entries := []statsEntry{}
	for _, f := range all {
		entries = append(entries, statsEntry{f.Process, f.Group, f.Calls, f.Errors,
			int64(f.Total), int64(f.Mean), int64(f.P50), int64(f.P95), int64(f.P99), int64(f.Max)})
	}
	return entries
}

func (e *env) printStats(w io.Writer, all []query.FunctionStats) {
	t := textTable{
		head:  strings.Fields("CALLS ERRORS TOTAL MEAN P50 P95 P99 MAX FUNCTION"),
		right: []bool{true, true, true, true, true, true, true, true},
	}
	for _, f := range all {
		cells := []string{withCommas(f.Calls), withCommas(f.Errors)}
		for _, d := range []time.Duration{f.Total, f.Mean, f.P50, f.P95, f.P99, f.Max} {
			cells = append(cells, humanDuration(d))
		}
		t.add(append(cells, oneLine(f.Process))...)
	}
	t.print(w)
}

func printMoreFunctions(w io.Writer, n int) {
	if n > 0 {
		fmt.Fprintf(w, "… %s\n", plural(int64(n), "more function"))
	}
}

// sessionFunctions is how many functions the summary of run and test shows.
const sessionFunctions = 15

// printSessionStats prints to standard error what the functions of a session
// did, those with the most total time, and how to see more.
func (e *env) printSessionStats(ctx context.Context, path, session string) {
	db, err := query.Open(ctx, path)
	if err != nil {
		e.failQuery(path, err)
		return
	}
	defer db.Close()
	all, _, err := functionStats(ctx, db, query.Filter{Session: session}, false)
	if err != nil {
		e.failQuery(path, err)
		return
	}
	shown := all[:min(sessionFunctions, len(all))]
	e.printStats(e.stderr, shown)
	printMoreFunctions(e.stderr, len(all)-len(shown))
	fmt.Fprintln(e.stderr, "monitorgen errors | tree | stats | sql show more")
}
