package dashboard

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/dashboard/aggregate"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// Up to how many calls a chart may have steps that rollups do not answer.
const fineCalls = 100_000

// finest is the shortest step that charts have by themselves: that of rollups,
// but in a small database a second.
func (s *Server) finest(ctx context.Context) time.Duration {
	if n, err := s.repo.Count(ctx); err == nil && n <= fineCalls {
		return time.Second
	}
	return 10 * time.Second
}

// chart is a span of time in steps.
type chart struct {
	From moment `json:"from_ns"`
	To   moment `json:"to_ns"`
	Step int64  `json:"step_ns"`
}

// chartOf returns the span of time that the calls of a filter take, or that the
// filter says, in about so many steps.
func (s *Server) chartOf(ctx context.Context, p *parameters, f query.Filter, columns int64) (chart, error) {
	first, last, err := s.repo.Bounds(ctx, f)
	if err != nil {
		return chart{}, err
	}
	if first != 0 || last != 0 {
		if !f.Since.IsZero() {
			first = f.Since.UnixNano()
		}
		if !f.Until.IsZero() {
			last = f.Until.UnixNano()
		}
	}
	step := int64(p.step(first, last, columns, s.finest(ctx)))
	first -= first % step
	return chart{moment(first), moment(last), step}, p.err
}

type groupRow struct {
	Group     string `json:"group"`
	Calls     int64  `json:"calls"`
	Errors    int64  `json:"errors"`
	Total     int64  `json:"total_ns"`
	P95       *int64 `json:"p95_ns"`
	Functions int    `json:"functions"`
}

type totals struct {
	Calls     int64  `json:"calls"`
	Errors    int64  `json:"errors"`
	Dropped   int64  `json:"dropped"`
	Functions int    `json:"functions"`
	P50       *int64 `json:"p50_ns"`
	P95       *int64 `json:"p95_ns"`
	P99       *int64 `json:"p99_ns"`
	Max       *int64 `json:"max_ns"`
}

type overviewAnswer struct {
	chart
	Precision string         `json:"precision"`
	Totals    totals         `json:"totals"`
	Series    []stepRow      `json:"series"`
	Groups    []groupRow     `json:"groups"`
	Functions []funcRow      `json:"functions"`
	Errors    []errorRow     `json:"errors"`
	Metrics   *metricsAnswer `json:"metrics"`
}

// How many functions and groups of errors the overview has.
const (
	overviewFunctions = 10
	overviewErrors    = 5
)

func (s *Server) getOverview(r *http.Request) (any, error) {
	p, ctx := parametersOf(r), r.Context()
	f := p.filter()
	if p.err != nil {
		return nil, p.err
	}
	c, err := s.chartOf(ctx, p, f, 120)
	if err != nil {
		return nil, err
	}
	catalog, err := s.catalog(ctx)
	if err != nil {
		return nil, err
	}
	var whole aggregate.Sum
	series, functions := aggregate.Sums[int64]{}, aggregate.Sums[aggregate.Name]{}
	_, err = s.repo.Cells(ctx, f, time.Duration(c.Step), func(cell *query.Cell) {
		series.Add(cell.Start, cell)
		if name, ok := catalog.NameOf(cell.Function); ok {
			functions.Add(name, cell)
		}
	})
	if err != nil {
		return nil, err
	}
	for _, sum := range functions {
		whole.Merge(sum)
	}
	drops, err := s.dropsByName(ctx, catalog)
	if err != nil {
		return nil, err
	}
	groups, _, err := s.errorGroups(ctx, f)
	if err != nil {
		return nil, err
	}
	rows := sortedFuncs(functions, drops, catalog, "-total")
	row := newSumRow(&whole)
	a := &overviewAnswer{chart: c, Precision: precision, Series: stepRows(series), Groups: groupRows(functions),
		Totals:    totals{Calls: row.Calls, Errors: row.Errors, Functions: len(functions), P50: row.P50, P95: row.P95, P99: row.P99, Max: row.Max},
		Functions: rows[:min(overviewFunctions, len(rows))], Errors: errorRows(groups[:min(overviewErrors, len(groups))])}
	for _, n := range drops {
		a.Totals.Dropped += n
	}
	a.Metrics, err = s.metrics(ctx)
	return a, err
}

// groupRows sums up functions by their groups, those with the most total time first.
func groupRows(functions aggregate.Sums[aggregate.Name]) []groupRow {
	sums, count := map[string]*aggregate.Sum{}, map[string]int{}
	for name, sum := range functions {
		if sums[name.Group] == nil {
			sums[name.Group] = new(aggregate.Sum)
		}
		sums[name.Group].Merge(sum)
		count[name.Group]++
	}
	rows := []groupRow{}
	for group, sum := range sums {
		rows = append(rows, groupRow{group, sum.Calls, sum.Errors, sum.Total, known(sum.Quantile(0.95)), count[group]})
	}
	slices.SortFunc(rows, func(a, b groupRow) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), strings.Compare(a.Group, b.Group))
	})
	return rows
}

func (s *Server) getTimeline(r *http.Request) (any, error) {
	p, ctx := parametersOf(r), r.Context()
	f := p.filter()
	if p.err != nil {
		return nil, p.err
	}
	c, err := s.chartOf(ctx, p, f, 200)
	if err != nil {
		return nil, err
	}
	type bucket struct {
		Time   moment `json:"t_ns"`
		Calls  int64  `json:"calls"`
		Errors int64  `json:"errors"`
	}
	counts := map[int64]*bucket{}
	_, err = s.repo.Cells(ctx, f, time.Duration(c.Step), func(cell *query.Cell) {
		if counts[cell.Start] == nil {
			counts[cell.Start] = &bucket{Time: moment(cell.Start)}
		}
		counts[cell.Start].Calls += cell.Calls
		counts[cell.Start].Errors += cell.Errors
	})
	if err != nil {
		return nil, err
	}
	buckets := []bucket{}
	for _, b := range counts {
		buckets = append(buckets, *b)
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return cmp.Compare(a.Time, b.Time) })
	return struct {
		chart
		Buckets []bucket `json:"buckets"`
	}{c, buckets}, nil
}

func (s *Server) getHeatmap(r *http.Request) (any, error) {
	p, ctx := parametersOf(r), r.Context()
	f := p.filter()
	if p.err != nil {
		return nil, p.err
	}
	c, err := s.chartOf(ctx, p, f, 120)
	if err != nil {
		return nil, err
	}
	heat := aggregate.NewHeatmap(int64(c.From), c.Step)
	if _, err := s.repo.Cells(ctx, f, time.Duration(c.Step), heat.Add); err != nil {
		return nil, err
	}
	type row struct {
		Low  int64 `json:"low_ns"`
		High int64 `json:"high_ns"`
	}
	// What is known of the bounds beforehand is rough. Where nobody has asked for
	// others, the map is as wide as its calls.
	first, end := heat.Span()
	if first < end && f.Until.IsZero() {
		c.To = min(c.To, c.From+moment(end*c.Step))
	}
	if first < end && f.Since.IsZero() {
		heat.Begin(first)
		c.From = moment(heat.From)
	}
	rows, cells, most := heat.Cells()
	a := struct {
		chart
		Rows      []row      `json:"rows"`
		Cells     [][3]int64 `json:"cells"`
		Errors    [][2]int64 `json:"errors"`
		Max       int64      `json:"max"`
		Precision string     `json:"precision"`
	}{c, []row{}, [][3]int64{}, heat.Errors(), most, precision}
	for _, r := range rows {
		a.Rows = append(a.Rows, row(r))
	}
	for _, c := range cells {
		a.Cells = append(a.Cells, [3]int64{c.Column, c.Row, c.Calls})
	}
	if a.Errors == nil {
		a.Errors = [][2]int64{}
	}
	return a, nil
}
