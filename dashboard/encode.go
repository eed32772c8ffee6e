package dashboard

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/monitorgen/monitorgen/dashboard/aggregate"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// moment is a time in nanoseconds since 1970: text in JSON, since it exceeds 2^53.
// 0 is null.
type moment int64

func (m moment) MarshalJSON() ([]byte, error) {
	if m == 0 {
		return []byte("null"), nil
	}
	return strconv.AppendQuote(nil, strconv.FormatInt(int64(m), 10)), nil
}

// callRow is a call in a list.
type callRow struct {
	Call      string     `json:"call"`
	Parent    *string    `json:"parent"`
	Trace     string     `json:"trace"`
	Func      int64      `json:"func"`
	Process   string     `json:"process"`
	Group     string     `json:"group"`
	Start     moment     `json:"start_ns"`
	Duration  *int64     `json:"duration_ns"`
	Status    string     `json:"status"`
	Panic     bool       `json:"panic"`
	Exception *string    `json:"exception"`
	Depth     int64      `json:"depth"`
	Goroutine int64      `json:"goroutine"`
	Arguments []valueRow `json:"arguments"`
	Results   []valueRow `json:"results"`
}

// valueRow is an argument or a result.
type valueRow struct {
	Name   string          `json:"name"`
	Type   string          `json:"type"`
	Text   string          `json:"text"`
	Cut    bool            `json:"cut,omitempty"`
	Masked bool            `json:"masked,omitempty"`
	Value  json.RawMessage `json:"value,omitempty"`
}

// listWidth is how many characters of a text a list shows.
const listWidth = 200

func newCallRow(c *query.Call, full bool) callRow {
	row := callRow{
		Call: c.ID.String(), Trace: query.CallID{Run: c.ID.Run, Call: c.Trace}.String(), Func: c.Function,
		Process: c.Process, Group: c.Group, Start: moment(c.Start.UnixNano()), Status: statusText(c.Failed), Panic: c.Panicked(),
		Depth: c.Depth, Goroutine: c.Goroutine, Arguments: valueRows(c.Arguments, full), Results: valueRows(c.Results, full),
	}
	if c.Parent != 0 {
		parent := query.CallID{Run: c.ID.Run, Call: c.Parent}.String()
		row.Parent = &parent
	}
	if !c.Untimed {
		ns := int64(c.Duration)
		row.Duration = &ns
	}
	if c.Exception != "" {
		text := c.Exception
		if !full {
			text, _, _ = strings.Cut(text, "\n")
			text, _ = cutText(text, listWidth)
		}
		row.Exception = &text
	}
	return row
}

func statusText(failed bool) string {
	if failed {
		return "ERR"
	}
	return "OK"
}

func valueRows(values []query.Value, full bool) []valueRow {
	rows := make([]valueRow, len(values))
	for i, v := range values {
		row := valueRow{Name: v.Name, Type: v.Type, Text: v.Text(), Masked: string(v.JSON) == `"***"`}
		if full {
			row.Value = v.JSON
		} else {
			row.Text, row.Cut = cutText(row.Text, listWidth)
		}
		rows[i] = row
	}
	return rows
}

// cutText shortens a text to so many characters, the last of which says so.
func cutText(text string, width int) (string, bool) {
	if len(text) <= width || utf8.RuneCountInString(text) <= width {
		return text, false
	}
	n := 0
	for i := range text {
		if n++; n == width {
			return text[:i] + "…", true
		}
	}
	return text, false
}

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
