package dashboard

import (
	"context"
	"net/http"

	"github.com/monitorgen/monitorgen/dashboard/aggregate"
)

type comparedRow struct {
	sumRow
	ErrorRate float64 `json:"error_rate"`
}

type compareRow struct {
	Process string              `json:"process"`
	Group   string              `json:"group"`
	ID      int64               `json:"id"`
	State   string              `json:"state"`
	A       *comparedRow        `json:"a"`
	B       *comparedRow        `json:"b"`
	Change  map[string]*float64 `json:"change"`
}

type compareSide struct {
	Q      string `json:"q"`
	Calls  int64  `json:"calls"`
	Errors int64  `json:"errors"`
	From   moment `json:"from_ns"`
	To     moment `json:"to_ns"`
}

// comparedMeasures are those that have a change.
var comparedMeasures = []string{"calls", "errors", "error_rate", "mean", "p50", "p95", "p99"}

func (s *Server) getCompare(r *http.Request) (any, error) {
	p, ctx := parametersOf(r), r.Context()
	catalog, err := s.catalog(ctx)
	if err != nil {
		return nil, err
	}
	a, sideA, err := s.compareSide(ctx, p, "a", catalog)
	if err != nil {
		return nil, err
	}
	b, sideB, err := s.compareSide(ctx, p, "b", catalog)
	if err != nil {
		return nil, err
	}
	rows := []compareRow{}
	for _, pair := range aggregate.Compare(a, b) {
		row := compareRow{Process: pair.Process, Group: pair.Group, ID: catalog.Newest(pair.Name).ID, State: pair.State(),
			A: newComparedRow(pair.A), B: newComparedRow(pair.B), Change: map[string]*float64{}}
		for _, m := range comparedMeasures {
			name := m
			if m != "calls" && m != "errors" && m != "error_rate" {
				name += "_ns"
			}
			row.Change[name] = nil
			if share, ok := pair.Change(m); ok {
				row.Change[name] = &share
			}
		}
		rows = append(rows, row)
	}
	return map[string]any{"a": sideA, "b": sideB, "rows": rows, "precision": precision}, nil
}

func newComparedRow(s *aggregate.Sum) *comparedRow {
	if s == nil {
		return nil
	}
	return &comparedRow{newSumRow(s), s.ErrorRate()}
}

// compareSide sums up the calls that one of the parameters chooses.
func (s *Server) compareSide(ctx context.Context, p *parameters, name string, catalog *aggregate.Catalog) (aggregate.Sums[aggregate.Name], compareSide, error) {
	if p.text(name) == "" {
		return nil, compareSide{}, badParameter(name, "%s: a query is missing, such as run:3", name)
	}
	f := p.filterOf(name)
	if p.err != nil {
		return nil, compareSide{}, p.err
	}
	sums, err := s.byFunction(ctx, f, catalog)
	if err != nil {
		return nil, compareSide{}, err
	}
	var whole aggregate.Sum
	for _, sum := range sums {
		whole.Merge(sum)
	}
	return sums, compareSide{p.text(name), whole.Calls, whole.Errors, moment(whole.First), moment(whole.Last)}, nil
}
