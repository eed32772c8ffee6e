package remote

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

const defaultPage = 100

// keys returns the columns that an order goes by, and how they go.
func keys(o query.Order) (columns []string, descending bool) {
	id := []string{"c.run_id", "c.call_id"}
	switch o {
	case query.SlowestFirst:
		return append([]string{"coalesce(c.duration_ns, -1)"}, id...), true
	case query.FastestFirst:
		return append([]string{"coalesce(c.duration_ns, -1)"}, id...), false
	}
	return id, o == query.NewestFirst
}

// bounds adds what a page asks for to a selection's condition.
func bounds(p query.Page, where *condition) {
	columns, descending := keys(p.Order)
	for _, end := range []struct {
		id       query.CallID
		duration int64
		after    bool
	}{{p.After, p.AfterDuration, true}, {p.Before, p.BeforeDuration, false}} {
		if end.id == (query.CallID{}) {
			continue
		}
		compare := ">"
		if descending == end.after {
			compare = "<"
		}
		args := []any{end.id.Run, end.id.Call}
		if len(columns) == 3 {
			args = slices.Insert(args, 0, any(end.duration))
		}
		where.and("("+strings.Join(columns, ", ")+") "+compare+" ("+strings.Repeat("?, ", len(args)-1)+"?)", args...)
	}
}

// Calls returns a page of the calls that the filter takes.
func (d *DB) Calls(ctx context.Context, f query.Filter, p query.Page) ([]*query.Call, error) {
	sel, all, err := d.compile(ctx, f)
	if err != nil {
		return nil, err
	}
	where := sel.where()
	bounds(p, &where)
	columns, descending := keys(p.Order)
	backwards := p.Before != (query.CallID{}) && p.After == (query.CallID{})
	direction := " ASC"
	if descending != backwards {
		direction = " DESC"
	}
	limit := p.Limit
	if limit <= 0 {
		limit = defaultPage
	}
	order := strings.Join(columns, direction+", ") + direction
	calls, err := d.calls(ctx, all, "SELECT "+d.callColumns()+" FROM monitor_calls AS c WHERE "+where.text+" ORDER BY "+order+" LIMIT ? OFFSET ?",
		append(where.args, limit, p.Skip)...)
	if err != nil {
		return nil, d.fail("read calls", err)
	}
	if backwards {
		slices.Reverse(calls)
	}
	return calls, nil
}

// Marks counts the calls that a filter takes, oldest first, and remembers every
// step-th. It goes on from what was counted before.
//
// It returns when all are counted, or ctx ends, with what it has come to.
func (d *DB) Marks(ctx context.Context, f query.Filter, step int64, from query.Marks) (query.Marks, error) {
	m := from
	m.At = slices.Clone(from.At)
	m.Total, m.Last = int64(len(m.At))*step, query.CallID{}
	sel, _, err := d.compile(ctx, f)
	if err != nil {
		return m, err
	}
	if len(m.At) > 0 {
		m.Last = m.At[len(m.At)-1]
		sel.rest.and("(c.run_id, c.call_id) > (?, ?)", m.Last.Run, m.Last.Call)
	}
	where := sel.where()
	// The server counts; of the calls come those that are marks, and the last.
	statement := fmt.Sprintf(`SELECT n, run_id, call_id FROM (
		SELECT c.run_id, c.call_id, row_number() OVER w AS n, lead(c.call_id) OVER w AS next
		FROM monitor_calls AS c WHERE %s WINDOW w AS (ORDER BY c.run_id, c.call_id)) AS numbered
		WHERE n %% %d = 0 OR next IS NULL ORDER BY n`, where.text, step)
	before := m.Total
	err = d.each(ctx, statement, where.args, func(rows Rows) error {
		var n int64
		if err := rows.Scan(&n, &m.Last.Run, &m.Last.Call); err != nil {
			return err
		}
		if m.Total = before + n; n%step == 0 {
			m.At = append(m.At, m.Last)
		}
		return nil
	})
	if err != nil {
		return m, d.fail("count calls", err)
	}
	return m, nil
}
