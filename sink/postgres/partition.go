package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/monitorgen/monitorgen/sink/spool"
)

// partitionSpan is how much time a partition holds. What has expired goes by
// partitions: it stays for as long at most beyond its time.
const partitionSpan = 6 * time.Hour

// partitionPrefix begins the name of a partition; its beginning in hours since
// 1970 UTC follows.
const partitionPrefix = "monitor_calls_h"

// beginning is where the partition of a start begins.
func beginning(start int64) int64 { return floor(start, int64(partitionSpan)) }

// floor rounds down to a multiple, before 1970 too.
func floor(n, width int64) int64 { return n - ((n%width)+width)%width }

// makePartitions makes those that calls need, outside of the transaction that
// writes them: attaching one waits for nobody who reads or writes.
func (s *Store) makePartitions(ctx context.Context, calls []spool.Call) error {
	if s.timescale {
		return nil // it makes its own
	}
	for i := range calls {
		from := beginning(calls[i].Start)
		if s.partitions[from] {
			continue
		}
		if err := s.makePartition(ctx, from); err != nil {
			return fmt.Errorf("make a partition: %w", err)
		}
		s.partitions[from] = true
	}
	return nil
}

func (s *Store) makePartition(ctx context.Context, from int64) error {
	return s.transaction(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(lockKey)); err != nil {
			return err
		}
		name := pgx.Identifier{partitionPrefix + strconv.FormatInt(from/int64(time.Hour), 10)}.Sanitize()
		var made bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&made); made || err != nil {
			return err
		}
		_, err := tx.Exec(ctx, fmt.Sprintf(`CREATE TABLE %s (LIKE monitor_calls INCLUDING ALL);
			ALTER TABLE monitor_calls ATTACH PARTITION %[1]s FOR VALUES FROM (%d) TO (%d)`, name, from, from+int64(partitionSpan)))
		return err
	})
}

// dropPartition drops one that ends before a time.
func (s *Store) dropPartition(ctx context.Context, before int64) (dropped bool, err error) {
	rows, err := s.conn.Query(ctx, "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'monitor_calls'::regclass")
	if err != nil {
		return false, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return false, err
	}
	for _, name := range names {
		hours, ours := strings.CutPrefix(strings.Trim(name[strings.LastIndexByte(name, '.')+1:], `"`), partitionPrefix)
		from, err := strconv.ParseInt(hours, 10, 64)
		if !ours || err != nil || from*int64(time.Hour)+int64(partitionSpan) > before {
			continue
		}
		delete(s.partitions, from*int64(time.Hour))
		err = s.transaction(ctx, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "DROP TABLE IF EXISTS "+name); err != nil {
				return err
			}
			return expireSums(ctx, tx, from*int64(time.Hour)+int64(partitionSpan))
		})
		return err == nil, err
	}
	return false, nil
}
