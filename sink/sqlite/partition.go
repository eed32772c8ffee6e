package sqlite

import (
	"context"
	"fmt"
	"strings"
)

// partition is the table that takes new rows.
type partition struct {
	number int64
	rows   int64
}

func (p *partition) use(number, rows int64) {
	*p = partition{number: number, rows: rows}
}

func tableName(number int64) string { return fmt.Sprintf("calls_%06d", number) }

// findPartition asks the database which partition takes new rows. Another
// process may have added one since we last looked.
func (s *Store) findPartition(ctx context.Context) error {
	var number, rows int64
	query := "SELECT number, rows FROM monitor_partitions ORDER BY number DESC LIMIT 1"
	if err := s.conn.QueryRowContext(ctx, query).Scan(&number, &rows); err != nil {
		return fmt.Errorf("%s: find the newest partition: %w", s.path, err)
	}
	s.partition.use(number, rows)
	return nil
}

// turnPartition adds a partition when the newest is full. It is part of the
// batch's transaction.
func (s *Store) turnPartition(ctx context.Context) error {
	if s.partition.rows < s.perTable {
		return nil
	}
	next := s.partition.number + 1
	columns, err := callColumns(ctx, s.conn)
	if err != nil {
		return fmt.Errorf("add a partition: %w", err)
	}
	numbers, err := s.partitionNumbers(ctx)
	if err != nil {
		return fmt.Errorf("add a partition: %w", err)
	}
	var parts []string
	for _, n := range append(numbers, next) {
		parts = append(parts, "SELECT * FROM "+tableName(n))
	}
	for _, statement := range []string{
		"CREATE TABLE " + tableName(next) + " " + columns,
		fmt.Sprintf("INSERT INTO monitor_partitions (number, rows) VALUES (%d, 0)", next),
		"DROP VIEW calls",
		"CREATE VIEW calls AS " + strings.Join(parts, " UNION ALL "),
	} {
		if _, err := s.conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("add a partition: %w", err)
		}
	}
	s.partition.use(next, 0)
	s.unindexed = true
	return nil
}

func (s *Store) partitionNumbers(ctx context.Context) (numbers []int64, err error) {
	rows, err := s.conn.QueryContext(ctx, "SELECT number FROM monitor_partitions ORDER BY number")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
	return numbers, rows.Err()
}

// indexClosed indexes the partitions that take no rows any more and have no
// indexes yet, each in a transaction of its own: also those that a process
// before us closed and did not come to index.
func (s *Store) indexClosed(ctx context.Context) error {
	for {
		var number int64
		query := `SELECT ifnull(min(number), 0) FROM monitor_partitions
			WHERE NOT indexed AND number < (SELECT max(number) FROM monitor_partitions)`
		if err := s.conn.QueryRowContext(ctx, query).Scan(&number); err != nil {
			return fmt.Errorf("%s: index a partition: %w", s.path, err)
		}
		if number == 0 {
			s.unindexed = false
			return nil
		}
		if err := s.transaction(ctx, func() error { return s.index(ctx, number) }); err != nil {
			return fmt.Errorf("%s: index %s: %w", s.path, tableName(number), err)
		}
	}
}

func (s *Store) index(ctx context.Context, number int64) error {
	table := tableName(number)
	for _, statement := range []string{
		"CREATE INDEX IF NOT EXISTS " + table + "_function ON " + table + " (function_id, start_ns)",
		"CREATE INDEX IF NOT EXISTS " + table + "_trace ON " + table + " (trace_id)",
		"CREATE INDEX IF NOT EXISTS " + table + "_errors ON " + table + " (start_ns) WHERE status = 1",
		fmt.Sprintf("UPDATE monitor_partitions SET indexed = 1 WHERE number = %d", number),
	} {
		if _, err := s.conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
