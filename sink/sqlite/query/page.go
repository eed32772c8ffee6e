package query

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"strings"
)

// Order is how a page of calls is sorted. Equal ones are in the order of their
// ids.
type Order int

// The orders. A call's id grows with its run, and within a run with the start:
// the order by start is that by id, which costs no sorting.
const (
	NewestFirst Order = iota
	OldestFirst
	SlowestFirst
	FastestFirst
)

// Page says which part of the calls that a filter takes is read. The zero value
// is the first 100 of the newest.
type Page struct {
	Order Order
	Limit int // 0: 100
	// After is the call in front of the page, zero for none, and AfterDuration
	// its duration in the orders that go by it.
	After         CallID
	AfterDuration int64
	// Before, likewise, has the page end in front of a call: the calls nearest to it.
	Before         CallID
	BeforeDuration int64
	// Skip leaves out so many calls first. It costs their reading.
	Skip int64
}

const defaultPage = 100

// keys returns the columns that the order goes by, and how they go.
func (o Order) keys() (columns []string, descending bool) {
	switch o {
	case SlowestFirst:
		return []string{"coalesce(duration_ns, -1)", "id"}, true
	case FastestFirst:
		return []string{"coalesce(duration_ns, -1)", "id"}, false
	}
	return []string{"id"}, o == NewestFirst
}

// bound compares the keys of a call with those of id.
func (o Order) bound(id CallID, duration int64, after bool) condition {
	columns, descending := o.keys()
	compare := ">"
	if descending == after {
		compare = "<"
	}
	if len(columns) == 1 {
		return condition{"id " + compare + " ?", []any{id.row()}}
	}
	return condition{"(" + strings.Join(columns, ", ") + ") " + compare + " (?, ?)", []any{duration, id.row()}}
}

// where adds what the page asks for to a selection's.
func (p Page) where(c *condition) {
	for _, end := range []struct {
		id       CallID
		duration int64
		after    bool
	}{{p.After, p.AfterDuration, true}, {p.Before, p.BeforeDuration, false}} {
		if end.id != (CallID{}) {
			b := p.Order.bound(end.id, end.duration, end.after)
			c.and(b.text, b.args...)
		}
	}
}

// Calls returns a page of the calls that the filter takes.
func (d *DB) Calls(ctx context.Context, f Filter, p Page) ([]*Call, error) {
	functions, err := d.functions(ctx)
	if err != nil {
		return nil, d.fail("read functions", err)
	}
	sel, err := d.compile(ctx, f, functions)
	if err != nil {
		return nil, d.fail("read runs", err)
	}
	where := sel.where()
	p.where(&where)
	columns, descending := p.Order.keys()
	backwards := p.Before != (CallID{}) && p.After == (CallID{})
	direction := " ASC"
	if descending != backwards {
		direction = " DESC"
	}
	limit := p.Limit
	if limit <= 0 {
		limit = defaultPage
	}
	var calls []*Call
	if len(columns) == 1 && p.Skip == 0 {
		order := idOrder(descending != backwards, limit)
		order.failed = sel.failed
		calls, err = d.ranked(ctx, functions, sel, where, order)
	} else if len(columns) == 2 && int64(limit)+p.Skip <= mostByDuration {
		calls, err = d.byDuration(ctx, functions, sel, p, limit)
	} else {
		// The sort keeps the keys alone: rows are wide.
		order := " ORDER BY " + strings.Join(columns, direction+", ") + direction
		text := "SELECT " + callColumns + " FROM calls WHERE id IN (SELECT id FROM calls WHERE " + where.text + order + " LIMIT ? OFFSET ?)" + order
		calls, err = d.calls(ctx, functions, text, append(where.args, limit, p.Skip)...)
	}
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
func (d *DB) Marks(ctx context.Context, f Filter, step int64, from Marks) (Marks, error) {
	functions, err := d.functions(ctx)
	if err != nil {
		return from, d.fail("read functions", err)
	}
	sel, err := d.compile(ctx, f, functions)
	if err != nil {
		return from, d.fail("read runs", err)
	}
	m := from
	m.At = slices.Clone(from.At)
	after := int64(0)
	if len(m.At) > 0 {
		after = m.At[len(m.At)-1].row()
		newest, err := d.integers(ctx, "SELECT id FROM calls ORDER BY id DESC LIMIT 1")
		if err != nil {
			return m, d.fail("count calls", err)
		}
		sel.narrow = len(newest) > 0 && newest[0]-after < narrowSpan
	}
	m.Total, m.Last = int64(len(m.At))*step, callOfRow(after)
	// One range of ids at a time: of two lower bounds SQLite might take the wrong one.
	sel.spans = intersect(sel.spans, []span{{after + 1, math.MaxInt64}})
	if sel.failed {
		ids, few, err := d.fewFailed(ctx, sel)
		if err != nil {
			return m, d.fail("count calls", err)
		}
		if few {
			for _, id := range ids {
				m.count(id, step)
			}
			return m, nil
		}
	}
	where := sel.where()
	rows, err := d.db.QueryContext(ctx, "SELECT id FROM calls WHERE "+where.text+" ORDER BY id", where.args...)
	if err != nil {
		return m, d.fail("count calls", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&after); err != nil {
			return m, d.fail("count calls", err)
		}
		m.count(after, step)
	}
	if err := rows.Err(); err != nil {
		return m, d.fail("count calls", err)
	}
	return m, nil
}

// Marks are places in a list of calls, oldest first.
type Marks struct {
	At    []CallID // the calls number step, 2*step, and so on
	Total int64
	Last  CallID // the newest one counted
}

func (m *Marks) count(id, step int64) {
	m.Total, m.Last = m.Total+1, callOfRow(id)
	if m.Total%step == 0 {
		m.At = append(m.At, m.Last)
	}
}

func (d *DB) integers(ctx context.Context, query string, args ...any) ([]int64, error) {
	return integers(ctx, d.db, query, args...)
}

// querier is a database, or one connection to it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// integers returns the only column of a query.
func integers(ctx context.Context, q querier, query string, args ...any) (all []int64, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, rows.Err()
}
