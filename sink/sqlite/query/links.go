package query

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Link sums up the calls that one function made of another.
type Link struct {
	Caller        int64 // a function; 0 for root calls, -1 where the caller is not stored
	Callee        int64
	Calls, Errors int64
	Total         int64 // nanoseconds
	Last          int64 // latest start, nanoseconds since 1970
}

// Links returns who calls whom among the calls that the filter takes: calls are
// chosen by the callee. Rollups answer where the database has them and the
// filter asks for nothing but functions, runs and times (rolled; bounds of time
// are those of whole minutes). Else it reads every call twice, some seconds for a million.
func (d *DB) Links(ctx context.Context, f Filter) (links []Link, rolled bool, err error) {
	functions, err := d.functions(ctx)
	if err != nil {
		return nil, false, d.fail("read functions", err)
	}
	sel, err := d.compile(ctx, f, functions)
	if err != nil {
		return nil, false, d.fail("read runs", err)
	}
	names, err := d.tables(ctx, "monitor_edges_60s")
	if err != nil {
		return nil, false, d.fail("read rollups", err)
	}
	if rolled = len(names) > 0 && sel.rest.text == ""; rolled {
		links, err = d.rolledLinks(ctx, sel)
	} else {
		links, err = d.countedLinks(ctx, sel)
	}
	if err != nil {
		return nil, false, d.fail("sum up callers", err)
	}
	return links, rolled, nil
}

func (d *DB) rolledLinks(ctx context.Context, sel *selection) ([]Link, error) {
	from, to := sel.seconds(60)
	where := condition{"start_s >= ? AND start_s < ?", []any{from, to}}
	if sel.functions != nil {
		where.and("callee_id IN " + functionsText(sel.functions)[len("function_id IN "):])
	}
	if sel.spans != nil {
		where.and(runsText(sel.spans))
	}
	return d.links(ctx, fmt.Sprintf(`SELECT caller_id, callee_id, sum(calls), sum(errors), sum(total_ns), (max(start_s) + 60) * %d - 1
		FROM monitor_edges_60s WHERE %s GROUP BY 1, 2`, time.Second, where.text), where.args)
}

// countedLinks looks every call's caller up by its key.
func (d *DB) countedLinks(ctx context.Context, sel *selection) ([]Link, error) {
	where := sel.where()
	return d.links(ctx, `SELECT CASE c.parent_id WHEN 0 THEN 0 ELSE ifnull(p.function_id, -1) END, c.function_id, count(*), sum(c.status), sum(coalesce(c.duration_ns, 0)), max(c.start_ns)
		FROM (SELECT (id >> 40 << 40) | parent_id AS caller, parent_id, function_id, status, duration_ns, start_ns FROM calls WHERE `+where.text+`) AS c
		LEFT JOIN calls AS p ON p.id = c.caller AND c.parent_id <> 0 GROUP BY 1, 2`, where.args)
}

func (d *DB) links(ctx context.Context, query string, args []any) ([]Link, error) {
	rows, err := d.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	now := time.Now().UnixNano() // no call began later, though its minute may not be over
	var links []Link
	for rows.Next() {
		var l Link
		var callee sql.NullInt64
		if err := rows.Scan(&l.Caller, &callee, &l.Calls, &l.Errors, &l.Total, &l.Last); err != nil {
			return nil, err
		}
		l.Callee = callee.Int64
		l.Last = min(l.Last, now)
		links = append(links, l)
	}
	return links, rows.Err()
}
