package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// maintainEvery is how often what has expired is looked for.
const maintainEvery = time.Minute

// figuresKept is how long it is known how processes were: a row for each second
// of each of them.
const figuresKept = 6 * time.Hour

// Maintain drops the partitions whose calls have all expired, one at a time, and when
// there are none what was about their calls alone: runs, functions, stacks.
func (s *Store) Maintain(ctx context.Context) (more bool, err error) {
	if s.retention == 0 || s.conn == nil || time.Since(s.looked) < maintainEvery {
		return false, nil
	}
	before := time.Now().Add(-s.retention).UnixNano()
	err = s.do(ctx, "drop what has expired", func(ctx context.Context) error {
		if s.timescale {
			if _, err := s.conn.Exec(ctx, "SELECT drop_chunks('monitor_calls', older_than => $1::bigint)", before); err != nil {
				return err
			}
			if err := s.transaction(ctx, func(tx pgx.Tx) error { return expireSums(ctx, tx, beginning(before)) }); err != nil {
				return err
			}
			return s.expireRest(ctx, before)
		}
		if more, err = s.dropPartition(ctx, before); more || err != nil {
			return err
		}
		return s.expireRest(ctx, before)
	})
	if !more {
		s.looked = time.Now()
	}
	return more && err == nil, err
}

// expireSums takes away the sums of calls before a time, the end of a partition.
func expireSums(ctx context.Context, tx pgx.Tx, before int64) error {
	if _, err := tx.Exec(ctx, "DELETE FROM monitor_counts WHERE from_ns < $1", before); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "DELETE FROM monitor_rollups WHERE start_s < $1", before/int64(time.Second))
	return err
}

// runsAtOnce is how many runs one transaction takes away.
const runsAtOnce = 1000

// expireRest takes away what calls that began before a time, and are gone, have
// left. What another agent is about to write is locked, or used again when its
// turn comes: both conditions are looked at then.
func (s *Store) expireRest(ctx context.Context, before int64) error {
	for _, statement := range []string{
		"DELETE FROM monitor_functions WHERE used_ns <= $1",
		"DELETE FROM monitor_stacks WHERE used_ns <= $1",
		"DELETE FROM monitor_open_calls WHERE seen_ns <= $1",
		"DELETE FROM monitor_drops WHERE last_ns <= $1",
	} {
		if _, err := s.conn.Exec(ctx, statement, before); err != nil {
			return err
		}
	}
	if _, err := s.conn.Exec(ctx, "DELETE FROM monitor_figures WHERE at_ns < $1", time.Now().Add(-figuresKept).UnixNano()); err != nil {
		return err
	}
	return s.expireRuns(ctx, before-int64(partitionSpan))
}

// expireRuns takes away runs whose latest call ended before a time, if the drainer
// of none has said since then that its process lives: it does so every second. One
// that comes back is made known again.
func (s *Store) expireRuns(ctx context.Context, before int64) error {
	return s.transaction(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT run_id FROM monitor_runs AS r WHERE last_ns < $1
			AND (ended OR NOT EXISTS (SELECT FROM monitor_figures AS f WHERE f.run_id = r.run_id)) LIMIT $2 FOR UPDATE SKIP LOCKED`, before, runsAtOnce)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, table := range []string{"monitor_open_calls", "monitor_drops", "monitor_positions", "monitor_stats", "monitor_figures", "monitor_counts", "monitor_rollups", "monitor_runs"} {
			if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE run_id = ANY($1)", ids); err != nil {
				return err
			}
		}
		return nil
	})
}
