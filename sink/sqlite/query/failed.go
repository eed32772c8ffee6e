package query

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
)

// fewErrors is up to how many failed calls of a partition are found by their
// index, all of them, and sorted. Where there are more, they are met soon when the
// calls are read in their order.
const fewErrors = 5000

// fromFailed is what a statement for the failed calls of a partition in the order
// of their ids reads from: SQLite does not know how many there are.
func (p *partition) fromFailed(ctx context.Context, tx *sql.Tx) (from string, few bool, err error) {
	if !p.errors {
		return p.table + " AS calls", false, nil
	}
	index := p.table + " AS calls INDEXED BY " + p.table + "_errors"
	var n int
	err = tx.QueryRowContext(ctx, fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %s WHERE status = 1 LIMIT %d)", index, fewErrors)).Scan(&n)
	if n < fewErrors {
		return index, true, err
	}
	return p.table + " AS calls NOT INDEXED", false, err
}

// fewFailed returns the ids of the failed calls of a selection, ascending, where no
// partition has many.
func (d *DB) fewFailed(ctx context.Context, sel *selection) (ids []int64, few bool, err error) {
	err = d.inPartitions(ctx, func(tx *sql.Tx, partitions []partition) error {
		for i := range partitions {
			if sel.misses(&partitions[i]) {
				continue
			}
			from, few, err := partitions[i].fromFailed(ctx, tx)
			if err != nil || !few {
				return err
			}
			where := sel.where()
			more, err := integers(ctx, tx, "SELECT id FROM "+from+" WHERE "+where.text+" AND status = 1", where.args...)
			if err != nil {
				return err
			}
			ids = append(ids, more...)
		}
		few = true
		return nil
	})
	slices.Sort(ids)
	return ids, few, err
}

// newestFailures returns the failed calls of a selection that have the highest ids.
func (d *DB) newestFailures(ctx context.Context, sel *selection, limit int) (all []Failure, err error) {
	newer := func(a, b Failure) int { return cmp.Compare(b.ID.row(), a.ID.row()) }
	err = d.inPartitions(ctx, func(tx *sql.Tx, partitions []partition) error {
		slices.SortFunc(partitions, func(a, b partition) int { return cmp.Compare(b.high, a.high) })
		for i := range partitions {
			p := &partitions[i]
			if sel.misses(p) {
				continue
			}
			if len(all) == limit && (limit == 0 || all[limit-1].ID.row() > p.high) {
				break
			}
			if all, err = p.failures(ctx, tx, sel, limit, all); err != nil {
				return err
			}
			slices.SortFunc(all, newer)
			all = all[:min(len(all), limit)]
		}
		return nil
	})
	return all, err
}

// failures adds the newest failed calls of a partition to those of others.
func (p *partition) failures(ctx context.Context, tx *sql.Tx, sel *selection, limit int, to []Failure) ([]Failure, error) {
	from, _, err := p.fromFailed(ctx, tx)
	if err != nil {
		return nil, err
	}
	where := sel.where()
	rows, err := tx.QueryContext(ctx, fmt.Sprintf("SELECT id, ifnull(function_id, 0), start_ns, substr(ifnull(exception, ''), 1, %d) FROM %s WHERE %s AND status = 1 ORDER BY id DESC LIMIT ?",
		failureText, from, where.text), append(where.args, limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var x Failure
		var id int64
		if err := rows.Scan(&id, &x.Function, &x.Start, &x.Exception); err != nil {
			return nil, err
		}
		x.ID = callOfRow(id)
		to = append(to, x)
	}
	return to, rows.Err()
}
