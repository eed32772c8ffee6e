package sqlite

import (
	"context"
	"fmt"
	"time"
)

// sums are the tables that go by the time in one of their columns.
var sums = []struct {
	table, column string
	unit          int64 // of the column, in nanoseconds
	rollup        bool  // it stays as long as Retention.Rollups, else as Age
}{
	{"monitor_rollups_10s", "start_s", 1e9, false},
	{"monitor_edges_pending", "start_s", 1e9, false},
	{"monitor_open_calls", "seen_ns", 1, false},
	{"monitor_figures", "at_ns", 1, false},
	{"monitor_rollups_60s", "start_s", 1e9, true},
	{"monitor_edges_60s", "start_s", 1e9, true},
}

// sumsPart is how much time of a sum is taken out at once.
const sumsPart = int64(30 * time.Minute)

// expireSums takes out rollups, edges and what else is kept beside calls, and
// what is known of runs that have none of it left; more says that it is not done.
func (s *Store) expireSums(ctx context.Context, now time.Time) (more bool, err error) {
	r := s.options.Retention
	if r.Rollups > 0 {
		if r.Rollups, err = s.rollupsThatFit(ctx, now); err != nil {
			return false, err
		}
	}
	err = s.transaction(ctx, func() error {
		for _, sum := range sums {
			age := r.Age
			if sum.rollup {
				age = r.Rollups
			}
			if age < 0 {
				continue
			}
			before := now.Add(-age).UnixNano() / sum.unit
			var oldest int64
			if err := s.conn.QueryRowContext(ctx, fmt.Sprintf("SELECT ifnull(min(%s), %d) FROM %s", sum.column, before, sum.table)).Scan(&oldest); err != nil {
				return err
			}
			if to := oldest + sumsPart/sum.unit; to < before {
				before, more = to, true
			}
			if oldest < before {
				if err := s.exec(ctx, fmt.Sprintf("DELETE FROM %s WHERE %s < %d", sum.table, sum.column, before)); err != nil {
					return err
				}
			}
		}
		if r.Rollups < 0 || more {
			return nil
		}
		return s.expireRuns(ctx, now.Add(-r.Rollups))
	})
	return more, err
}

// expireRuns takes out what is known of runs that ended before a time.
func (s *Store) expireRuns(ctx context.Context, before time.Time) error {
	old := fmt.Sprintf("(SELECT run_id FROM monitor_runs WHERE ended AND last_ns < %d)", before.UnixNano())
	return s.exec(ctx,
		"DELETE FROM monitor_drops WHERE run_id IN "+old,
		"DELETE FROM monitor_stats WHERE run_id IN "+old,
		"DELETE FROM monitor_runs WHERE run_id IN "+old)
}

// rollupBytes is about what a row of the sixty-second rollups takes, with its
// share of edges.
const rollupBytes = 400

// rollupsThatFit returns how long sixty-second rollups can be kept in a quarter
// of the size, going by how many came in during the last ten minutes.
func (s *Store) rollupsThatFit(ctx context.Context, now time.Time) (time.Duration, error) {
	r := s.options.Retention
	if r.Size < 0 {
		return r.Rollups, nil
	}
	var rows int64
	err := s.conn.QueryRowContext(ctx, "SELECT count(*) FROM monitor_rollups_60s WHERE start_s >= ?", now.Unix()-600).Scan(&rows)
	if err != nil || rows == 0 {
		return r.Rollups, err
	}
	fitting := time.Duration(r.Size/4/(rows*rollupBytes)) * 10 * time.Minute
	return min(r.Rollups, max(fitting, time.Hour)), nil
}
