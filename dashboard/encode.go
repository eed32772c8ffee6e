package dashboard

import (
	"github.com/monitorgen/monitorgen/dashboard/aggregate"
	"github.com/monitorgen/monitorgen/export"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

type (
	callRow  = export.Call
	valueRow = export.Value
	moment   = export.Time
)

func newCallRow(c *query.Call, full bool) callRow { return export.NewCall(c, full) }

func callRows(calls []*query.Call, full bool) []callRow {
	rows := make([]callRow, len(calls))
	for i, c := range calls {
		rows[i] = newCallRow(c, full)
	}
	return rows
}

// sumRow is what calls add up to.
type sumRow struct {
	Calls  int64  `json:"calls"`
	Errors int64  `json:"errors"`
	Total  int64  `json:"total_ns"`
	Mean   *int64 `json:"mean_ns"`
	P50    *int64 `json:"p50_ns"`
	P95    *int64 `json:"p95_ns"`
	P99    *int64 `json:"p99_ns"`
	Max    *int64 `json:"max_ns"`
	First  moment `json:"first_ns"`
	Last   moment `json:"last_ns"`
}

func newSumRow(s *aggregate.Sum) sumRow {
	row := sumRow{Calls: s.Calls, Errors: s.Errors, Total: s.Total, Mean: known(s.Mean()),
		P50: known(s.Quantile(0.5)), P95: known(s.Quantile(0.95)), P99: known(s.Quantile(0.99)), First: moment(s.First), Last: moment(s.Last)}
	if row.P50 != nil {
		row.Max = &s.Max
	}
	return row
}

// known is nil for what is not known.
func known(n int64, ok bool) *int64 {
	if !ok {
		return nil
	}
	return &n
}

// stepRow is a step of time in a chart.
type stepRow struct {
	Time   moment `json:"t_ns"`
	Calls  int64  `json:"calls"`
	Errors int64  `json:"errors"`
	P50    *int64 `json:"p50_ns"`
	P95    *int64 `json:"p95_ns"`
	P99    *int64 `json:"p99_ns"`
}
