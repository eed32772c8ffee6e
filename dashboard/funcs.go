package dashboard

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/dashboard/aggregate"
	"github.com/monitorgen/monitorgen/dashboard/analyse"
	"github.com/monitorgen/monitorgen/internal/filter"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

func (s *Server) catalog(ctx context.Context) (*aggregate.Catalog, error) {
	all, err := s.repo.AllFunctions(ctx)
	if err != nil {
		return nil, err
	}
	return aggregate.NewCatalog(all), nil
}

// byFunction sums up the calls of a filter by function.
func (s *Server) byFunction(ctx context.Context, f query.Filter, catalog *aggregate.Catalog) (aggregate.Sums[aggregate.Name], error) {
	sums := aggregate.Sums[aggregate.Name]{}
	_, err := s.repo.Cells(ctx, f, time.Hour, func(c *query.Cell) {
		if name, ok := catalog.NameOf(c.Function); ok {
			sums.Add(name, c)
		}
	})
	return sums, err
}

// dropsByName returns the calls that were only counted.
func (s *Server) dropsByName(ctx context.Context, catalog *aggregate.Catalog) (map[aggregate.Name]int64, error) {
	drops, err := s.repo.Drops(ctx)
	if err != nil {
		return nil, err
	}
	byName := map[aggregate.Name]int64{}
	for id, n := range drops {
		if name, ok := catalog.NameOf(id); ok {
			byName[name] += n
		}
	}
	return byName, nil
}

// funcRow is a function in a list.
type funcRow struct {
	ID      int64  `json:"id"`
	Process string `json:"process"`
	Group   string `json:"group"`
	Name    string `json:"name"`
	Package string `json:"package"`
	File    string `json:"file"`
	Line    int64  `json:"line"`
	sumRow
	Dropped int64       `json:"dropped"`
	Control *controlRow `json:"control"` // nil: not known
}

func (s *Server) getFuncs(r *http.Request) (any, error) {
	p := parametersOf(r)
	f, limit := p.filter(), p.limit(500, 5000)
	order := p.choice("sort", "-total", "-calls", "-errors", "-p95", "-p99", "-max", "name")
	if p.err != nil {
		return nil, p.err
	}
	rows, err := s.funcRows(r.Context(), f, order)
	if err != nil {
		return nil, err
	}
	total := len(rows)
	rows = rows[:min(limit, total)]
	if err := s.addControl(r.Context(), rows); err != nil {
		return nil, err
	}
	return map[string]any{"rows": rows, "total": total, "precision": precision}, nil
}

// precision is what quantiles are: those of histograms.
const precision = "histogram"

func (s *Server) funcRows(ctx context.Context, f query.Filter, order string) ([]funcRow, error) {
	catalog, err := s.catalog(ctx)
	if err != nil {
		return nil, err
	}
	sums, err := s.byFunction(ctx, f, catalog)
	if err != nil {
		return nil, err
	}
	drops, err := s.dropsByName(ctx, catalog)
	if err != nil {
		return nil, err
	}
	return sortedFuncs(sums, drops, catalog, order), nil
}

func sortedFuncs(sums aggregate.Sums[aggregate.Name], drops map[aggregate.Name]int64, catalog *aggregate.Catalog, order string) []funcRow {
	type ranked struct {
		row funcRow
		by  float64
	}
	measure := strings.TrimPrefix(order, "-")
	var all []ranked
	for name, sum := range sums {
		fn := catalog.Newest(name)
		row := funcRow{ID: fn.ID, Process: fn.Process, Group: fn.Group, Name: fn.Name, Package: fn.Package, File: fn.File, Line: fn.Line,
			sumRow: newSumRow(sum), Dropped: drops[name]}
		by, _ := sum.Measure(measure)
		all = append(all, ranked{row, by})
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.by, a.by), strings.Compare(a.row.Process, b.row.Process), strings.Compare(a.row.Group, b.row.Group))
	})
	rows := make([]funcRow, len(all))
	for i, x := range all {
		rows[i] = x.row
	}
	return rows
}

// pathFunction returns the function that the path names.
func (s *Server) pathFunction(r *http.Request) (*query.Function, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, badParameter("id", "want the number of a function, not %q", r.PathValue("id"))
	}
	return s.repo.FunctionByID(r.Context(), id)
}

// only narrows a filter to one function.
func only(f query.Filter, fn *query.Function) query.Filter {
	f.Query.Terms = append(slices.Clone(f.Query.Terms),
		filter.Term{Field: filter.Func, Op: filter.Equal, Values: []filter.Value{{Text: fn.Process}}},
		filter.Term{Field: filter.Group, Op: filter.Equal, Values: []filter.Value{{Text: fn.Group}}})
	return f
}

type dataRow struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Output bool   `json:"output"`
}

type versionRow struct {
	ID    int64 `json:"id"`
	Line  int64 `json:"line"`
	Calls int64 `json:"calls"`
}

type bucketRow struct {
	Low   int64 `json:"low_ns"`
	High  int64 `json:"high_ns"`
	Calls int64 `json:"calls"`
}

type neighbourRow struct {
	ID      *int64 `json:"id"`
	Process string `json:"process"`
	Group   string `json:"group"`
	Calls   int64  `json:"calls"`
	Errors  int64  `json:"errors"`
	Total   int64  `json:"total_ns"`
}

type funcAnswer struct {
	ID        int64  `json:"id"`
	Process   string `json:"process"`
	Group     string `json:"group"`
	Name      string `json:"name"`
	Package   string `json:"package"`
	File      string `json:"file"`
	Line      int64  `json:"line"`
	Signature string `json:"signature"`
	Options   string `json:"options"`

	Data     []dataRow    `json:"data"`
	Versions []versionRow `json:"versions"`
	Stats    struct {
		sumRow
		Dropped int64 `json:"dropped"`
	} `json:"stats"`
	Step      int64          `json:"step_ns"`
	Series    []stepRow      `json:"series"`
	Histogram []bucketRow    `json:"histogram"`
	Callers   []neighbourRow `json:"callers"`
	Callees   []neighbourRow `json:"callees"`
	Errors    []errorRow     `json:"errors"`
	Examples  struct {
		Newest  []callRow `json:"newest"`
		Slowest []callRow `json:"slowest"`
		Failed  []callRow `json:"failed"`
	} `json:"examples"`
	Precision string `json:"precision"`
}

func (s *Server) getFunc(r *http.Request) (any, error) {
	p := parametersOf(r)
	all := p.filter()
	if p.err != nil {
		return nil, p.err
	}
	fn, err := s.pathFunction(r)
	if err != nil {
		return nil, err
	}
	ctx := r.Context()
	catalog, err := s.catalog(ctx)
	if err != nil {
		return nil, err
	}
	name := aggregate.Name{Process: fn.Process, Group: fn.Group}
	f := only(all, fn)
	a := &funcAnswer{ID: catalog.Newest(name).ID, Process: fn.Process, Group: fn.Group, Name: fn.Name, Package: fn.Package,
		File: fn.File, Line: fn.Line, Signature: fn.Signature, Options: fn.Options, Data: []dataRow{}, Precision: precision}
	for _, d := range fn.Data {
		a.Data = append(a.Data, dataRow(d))
	}
	first, last, err := s.repo.Bounds(ctx, f)
	if err != nil {
		return nil, err
	}
	step := p.step(first, last, 100, s.finest(ctx))
	if p.err != nil {
		return nil, p.err
	}
	if err := s.addStatistics(ctx, a, f, step, catalog.Versions(name)); err != nil {
		return nil, err
	}
	drops, err := s.dropsByName(ctx, catalog)
	if err != nil {
		return nil, err
	}
	a.Stats.Dropped = drops[name]
	if err := s.addNeighbours(ctx, a, all, name, catalog); err != nil {
		return nil, err
	}
	return a, s.addExamples(ctx, a, f, catalog)
}

// addStatistics fills what cells know, in one reading of them.
func (s *Server) addStatistics(ctx context.Context, a *funcAnswer, f query.Filter, step time.Duration, versions []*query.Function) error {
	var whole aggregate.Sum
	series, byVersion := aggregate.Sums[int64]{}, aggregate.Sums[int64]{}
	_, err := s.repo.Cells(ctx, f, step, func(c *query.Cell) {
		whole.Add(c)
		series.Add(c.Start, c)
		byVersion.Add(c.Function, c)
	})
	if err != nil {
		return err
	}
	a.Stats.sumRow = newSumRow(&whole)
	a.Step, a.Series = int64(step), stepRows(series)
	a.Histogram = []bucketRow{}
	whole.Each(func(low, high int64, n uint64) {
		a.Histogram = append(a.Histogram, bucketRow{low, high + 1, int64(n)})
	})
	for _, v := range versions {
		row := versionRow{ID: v.ID, Line: v.Line}
		if sum := byVersion[v.ID]; sum != nil {
			row.Calls = sum.Calls
		}
		a.Versions = append(a.Versions, row)
	}
	return nil
}

// stepRows returns the steps of a chart that have calls, in order.
func stepRows(series aggregate.Sums[int64]) []stepRow {
	rows := []stepRow{}
	for at, sum := range series {
		rows = append(rows, stepRow{moment(at), sum.Calls, sum.Errors, known(sum.Quantile(0.5)), known(sum.Quantile(0.95)), known(sum.Quantile(0.99))})
	}
	slices.SortFunc(rows, func(a, b stepRow) int { return cmp.Compare(a.Time, b.Time) })
	return rows
}

// addNeighbours fills callers and callees.
func (s *Server) addNeighbours(ctx context.Context, a *funcAnswer, f query.Filter, name aggregate.Name, catalog *aggregate.Catalog) error {
	links, _, err := s.repo.Links(ctx, f)
	if err != nil {
		return err
	}
	a.Callers = neighbours(links, catalog, func(l query.Link) (int64, bool) {
		callee, _ := catalog.NameOf(l.Callee)
		return l.Caller, callee == name
	})
	a.Callees = neighbours(links, catalog, func(l query.Link) (int64, bool) {
		caller, ok := catalog.NameOf(l.Caller)
		return l.Callee, ok && caller == name
	})
	return nil
}

// neighbours sums up links by the function that other returns, where it does.
func neighbours(links []query.Link, catalog *aggregate.Catalog, other func(query.Link) (int64, bool)) []neighbourRow {
	byName := map[aggregate.Name]*neighbourRow{}
	rows := []*neighbourRow{}
	for _, l := range links {
		id, wanted := other(l)
		if !wanted {
			continue
		}
		name, known := catalog.NameOf(id)
		row := byName[name]
		if row == nil {
			row = &neighbourRow{Process: name.Process, Group: name.Group}
			if known {
				row.ID = &catalog.Newest(name).ID
			}
			byName[name] = row
			rows = append(rows, row)
		}
		row.Calls += l.Calls
		row.Errors += l.Errors
		row.Total += l.Total
	}
	slices.SortFunc(rows, func(a, b *neighbourRow) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), strings.Compare(a.Process, b.Process))
	})
	all := []neighbourRow{}
	for _, row := range rows {
		all = append(all, *row)
	}
	return all
}

// exampleLimit is how many example calls and groups of errors a function's page has.
const exampleLimit = 5

func (s *Server) addExamples(ctx context.Context, a *funcAnswer, f query.Filter, catalog *aggregate.Catalog) error {
	failed := f
	failed.Query.Terms = append(slices.Clone(f.Query.Terms), filter.Term{Field: filter.Status, Op: filter.Is, Values: []filter.Value{{Text: "err"}}})
	for _, example := range []struct {
		into  *[]callRow
		f     query.Filter
		order query.Order
	}{{&a.Examples.Newest, f, query.NewestFirst}, {&a.Examples.Slowest, f, query.SlowestFirst}, {&a.Examples.Failed, failed, query.NewestFirst}} {
		calls, err := s.repo.Calls(ctx, example.f, query.Page{Order: example.order, Limit: exampleLimit})
		if err != nil {
			return err
		}
		*example.into = callRows(calls, false)
	}
	failures, err := s.repo.Failures(ctx, f, maxFailures)
	if err != nil {
		return err
	}
	groups := analyse.GroupErrors(failures, catalog)
	a.Errors = errorRows(groups[:min(exampleLimit, len(groups))])
	return nil
}

type tokenRow struct {
	Kind string `json:"k"`
	Text string `json:"t"`
}

type lineRow struct {
	Line   int64      `json:"line"`
	Tokens []tokenRow `json:"tokens"`
}

func (s *Server) getSource(r *http.Request) (any, error) {
	fn, err := s.pathFunction(r)
	if err != nil {
		return nil, err
	}
	p := parametersOf(r)
	if p.err != nil {
		return nil, p.err
	}
	if version := p.text("version"); version != "" {
		id, err := strconv.ParseInt(version, 10, 64)
		if err != nil {
			return nil, badParameter("version", "version: want the number of a function, not %q", version)
		}
		other, err := s.repo.FunctionByID(r.Context(), id)
		if err != nil {
			return nil, err
		}
		if other.Process != fn.Process || other.Group != fn.Group {
			return nil, badParameter("version", "version: function %d is not a version of %s", id, fn.Process)
		}
		fn = other
	}
	lines := []lineRow{}
	directive := ""
	// The text may begin with the comment above the function, the line is the function's.
	above := int64(strings.Count(beforeFunc(fn.Source), "\n"))
	for i, l := range analyse.Source(fn.Source, fn.Name) {
		row := lineRow{Line: fn.Line - above + int64(i), Tokens: []tokenRow{}}
		for _, t := range l.Tokens {
			row.Tokens = append(row.Tokens, tokenRow(t))
			if t.Kind == "comment" && directive == "" && strings.HasPrefix(t.Text, "//monitor:") {
				directive = t.Text
			}
		}
		lines = append(lines, row)
	}
	return map[string]any{"id": fn.ID, "file": fn.File, "line": fn.Line - above, "directive": directive, "text": fn.Source, "lines": lines}, nil
}

// beforeFunc returns the comment lines that a function's text begins with.
func beforeFunc(text string) string {
	end := 0
	for line := range strings.Lines(text) {
		if trimmed := strings.TrimSpace(line); trimmed != "" && !strings.HasPrefix(trimmed, "//") {
			break
		}
		end += len(line)
	}
	return text[:end]
}
