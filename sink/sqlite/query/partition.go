package query

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
)

// partition is a table of calls, with the bounds of what is in it.
type partition struct {
	table       string
	first, last int64 // no call starts earlier, none later; nanoseconds since 1970
	low, high   int64 // of the ids
	indexed     bool  // by function, too
	rows        int64 // as the writer counted them: it never writes without counting
	errors      bool  // it has an index of failed calls
}

// ranking is an order of calls of which a few of the first are wanted.
type ranking struct {
	order   string                 // ORDER BY
	compare func(a, b *Call) int   // the same
	best    func(*partition) *Call // no call of the partition comes before it
	limit   int
	// sorted says that an index has the calls in this order. Else they are read by
	// descending ids of each run until there are enough: that is the order of their
	// starts. nil: ids are the order.
	sorted func(*partition) bool
	failed bool // only failed calls are wanted, in the order of ids
}

// newestStart has the calls first that started last.
func newestStart(limit int, sorted func(*partition) bool) ranking {
	compare := func(a, b *Call) int { return cmp.Or(b.Start.Compare(a.Start), byID(b, a)) }
	best := func(p *partition) *Call { return &Call{Start: timeOf(p.last), ID: callOfRow(p.high)} }
	return ranking{order: "start_ns DESC, id DESC", compare: compare, best: best, limit: limit, sorted: sorted}
}

// idOrder has the calls first that have the highest ids, or the lowest.
func idOrder(descending bool, limit int) ranking {
	if descending {
		return ranking{order: "id DESC", compare: func(a, b *Call) int { return byID(b, a) }, best: func(p *partition) *Call { return &Call{ID: callOfRow(p.high)} }, limit: limit}
	}
	return ranking{order: "id ASC", compare: byID, best: func(p *partition) *Call { return &Call{ID: callOfRow(p.low)} }, limit: limit}
}

func byID(a, b *Call) int { return cmp.Compare(a.ID.row(), b.ID.row()) }

// ranked returns the first calls of a ranking that the selection takes. It reads
// partition by partition and stops where no other can have one of them: of the
// view SQLite would read every partition to its end.
func (d *DB) ranked(ctx context.Context, functions map[int64]*function, sel *selection, where condition, r ranking) (found []*Call, err error) {
	err = d.inPartitions(ctx, func(tx *sql.Tx, partitions []partition) error {
		slices.SortStableFunc(partitions, func(a, b partition) int { return r.compare(r.best(&a), r.best(&b)) })
		for i := range partitions {
			p := &partitions[i]
			if sel.misses(p) {
				continue
			}
			if len(found) == r.limit && (r.limit == 0 || r.compare(found[r.limit-1], r.best(p)) < 0) {
				break
			}
			more, err := r.read(ctx, tx, p, functions, where)
			if err != nil {
				return err
			}
			found = append(found, more...)
			slices.SortFunc(found, r.compare)
			found = found[:min(len(found), r.limit)]
		}
		return nil
	})
	return found, err
}

// read returns the first calls of one partition, and maybe others.
func (r ranking) read(ctx context.Context, tx *sql.Tx, p *partition, functions map[int64]*function, where condition) (calls []*Call, err error) {
	spans, order := []span{everyCall}, r.order
	if r.sorted != nil && !r.sorted(p) {
		if spans, err = runsIn(ctx, tx, p); err != nil {
			return nil, err
		}
		if len(spans) > 1 || spans[0] != everyCall {
			order = "id DESC"
		}
	}
	from := p.table + " AS calls"
	if r.failed {
		if from, _, err = p.fromFailed(ctx, tx); err != nil {
			return nil, err
		}
		where.and("status = 1")
	}
	for _, s := range spans {
		// The sort keeps ids alone: rows are wide.
		text := fmt.Sprintf("SELECT %[1]s FROM %[2]s WHERE id IN (SELECT id FROM %[5]s WHERE %[3]s AND id BETWEEN ? AND ? ORDER BY %[4]s LIMIT ?)",
			callColumns, p.table, where.text, order, from)
		rows, err := tx.QueryContext(ctx, text, append(slices.Clone(where.args), s.low, s.high, r.limit)...)
		if err != nil {
			return nil, err
		}
		more, err := scanCalls(rows, functions)
		if err != nil {
			return nil, err
		}
		calls = append(calls, more...)
	}
	return calls, nil
}

// manyRuns is for how many runs in a partition each is read by itself.
const manyRuns = 16

// runsIn returns the ids of each run in a partition, or all in one where there are
// many.
func runsIn(ctx context.Context, tx *sql.Tx, p *partition) (runs []span, err error) {
	for high := p.high; high >= p.low; {
		if len(runs) == manyRuns {
			return []span{everyCall}, nil
		}
		run := runSpan(callOfRow(high).Run)
		runs = append(runs, run)
		err := tx.QueryRowContext(ctx, "SELECT ifnull(max(id), -1) FROM "+p.table+" WHERE id < ?", run.low).Scan(&high)
		if err != nil {
			return nil, err
		}
	}
	return runs, nil
}

// inPartitions calls do with the partitions that have rows, and a transaction in which
// the database stays as it is.
func (d *DB) inPartitions(ctx context.Context, do func(tx *sql.Tx, partitions []partition) error) error {
	tx, err := d.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback()
	partitions, err := partitionsOf(ctx, tx)
	if err != nil {
		return err
	}
	return do(tx, partitions)
}

// partitionsOf returns those that the view calls shows and that have rows.
func partitionsOf(ctx context.Context, tx *sql.Tx) ([]partition, error) {
	rows, err := tx.QueryContext(ctx, `SELECT number, rows, indexed, first_ns, last_ns,
		EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = printf('calls_%06d_errors', number))
		FROM monitor_partitions WHERE NOT expired ORDER BY number`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []partition
	for rows.Next() {
		var number, rowCount int64
		var indexed, errorsIndex bool
		var first, last sql.NullInt64
		if err := rows.Scan(&number, &rowCount, &indexed, &first, &last, &errorsIndex); err != nil {
			return nil, err
		}
		p := partition{table: fmt.Sprintf("calls_%06d", number), first: math.MinInt64, last: math.MaxInt64, indexed: indexed, rows: rowCount, errors: errorsIndex}
		if first.Valid && last.Valid { // an older version did not say
			p.first, p.last = first.Int64, last.Int64
		}
		all = append(all, p)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return withIDs(ctx, tx, all)
}

// withIDs adds the bounds of the ids, which are at both ends of each table, and
// leaves out partitions without rows.
func withIDs(ctx context.Context, tx *sql.Tx, partitions []partition) ([]partition, error) {
	filled := partitions[:0]
	for _, p := range partitions {
		var low, high sql.NullInt64
		text := fmt.Sprintf("SELECT (SELECT min(id) FROM %[1]s), (SELECT max(id) FROM %[1]s)", p.table)
		if err := tx.QueryRowContext(ctx, text).Scan(&low, &high); err != nil {
			return nil, err
		}
		if low.Valid {
			p.low, p.high = low.Int64, high.Int64
			filled = append(filled, p)
		}
	}
	return filled, nil
}

// misses reports that the selection takes no call of a partition.
func (s *selection) misses(p *partition) bool {
	noFunction := s.functions != nil && len(s.functions) == 0 // SQLite finds no plan for that with a given index
	return noFunction || p.last < s.since || p.first >= s.until || p.high < s.lowest() || p.low > s.highest()
}

// lowest and highest are the ends of the ids that the selection can take.
func (s *selection) lowest() int64 {
	if s.spans == nil {
		return 0
	}
	low := int64(math.MaxInt64)
	for _, one := range s.spans {
		low = min(low, one.low)
	}
	return low
}

func (s *selection) highest() int64 {
	if s.spans == nil {
		return math.MaxInt64
	}
	high := int64(-1)
	for _, one := range s.spans {
		high = max(high, one.high)
	}
	return high
}
