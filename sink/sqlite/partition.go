package sqlite

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// partition is the table that takes new rows.
type partition struct {
	number int64
	rows   int64
	opened int64 // when it took its first row, 0 for not yet
}

func tableName(number int64) string { return fmt.Sprintf("calls_%06d", number) }

// exec runs statements in order.
func (s *Store) exec(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := s.conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// findPartition asks the database which partition takes new rows. Another
// process may have added one since we last looked.
func (s *Store) findPartition(ctx context.Context) error {
	before := s.partition.number
	query := "SELECT number, rows, ifnull(opened_ns, 0) FROM monitor_partitions ORDER BY number DESC LIMIT 1"
	if err := s.conn.QueryRowContext(ctx, query).Scan(&s.partition.number, &s.partition.rows, &s.partition.opened); err != nil {
		return fmt.Errorf("%s: find the newest partition: %w", s.path, err)
	}
	if s.partition.number != before {
		s.unindexed = true // who closed the other may not come to index it
	}
	return nil
}

// moreRows is after how many partitions they get larger: SQLite has a view over
// 500 tables at most, and takes a millisecond to think about a hundred.
const moreRows = 16

// full reports whether the newest partition is to be closed: it has its rows, or
// has taken some for so long that it would keep what has expired, also by a clock
// that was set back meanwhile.
func (s *Store) full(partitions int, now time.Time) bool {
	span := s.options.Retention.span()
	open := now.Sub(time.Unix(0, s.partition.opened)).Abs()
	return s.partition.rows >= s.perTable*int64(1+partitions/moreRows) || span > 0 && s.partition.rows > 0 && open >= span
}

// turnPartition adds a partition when the newest is full, and gives the first one of
// a file its live indexes. It is part of a transaction, after findPartition.
func (s *Store) turnPartition(ctx context.Context) error {
	if s.partition.rows == 0 {
		return s.addLiveIndexes(ctx, s.partition.number)
	}
	now := s.options.Now()
	if !s.full(s.shown, now) {
		return nil
	}
	columns, err := callColumns(ctx, s.conn)
	if err == nil {
		err = s.exec(ctx,
			fmt.Sprintf("UPDATE monitor_partitions SET closed_ns = %d WHERE number = %d", now.UnixNano(), s.partition.number),
			"CREATE TABLE "+tableName(s.partition.number+1)+" "+columns,
			fmt.Sprintf("INSERT INTO monitor_partitions (number, rows) VALUES (%d, 0)", s.partition.number+1))
	}
	if err == nil {
		err = s.addLiveIndexes(ctx, s.partition.number+1)
	}
	if err == nil {
		err = s.remakeViews(ctx)
	}
	if err != nil {
		return fmt.Errorf("add a partition: %w", err)
	}
	s.partition = partition{number: s.partition.number + 1}
	s.unindexed = true
	return nil
}

// closeByTime closes the newest partition when it is full, although nothing is
// to be written.
func (s *Store) closeByTime(ctx context.Context, now time.Time) error {
	if err := s.findPartition(ctx); err != nil || !s.full(s.shown, now) {
		return err
	}
	return s.transaction(ctx, func() error {
		if err := s.findPartition(ctx); err != nil {
			return err
		}
		return s.turnPartition(ctx)
	})
}

// remakeViews has the views of calls show all partitions that have not expired. It
// is part of a transaction.
func (s *Store) remakeViews(ctx context.Context) error {
	numbers, err := s.shownPartitions(ctx)
	if err != nil {
		return err
	}
	plain, joined := make([]string, len(numbers)), make([]string, len(numbers))
	for i, n := range numbers {
		plain[i] = "SELECT * FROM " + tableName(n)
		joined[i] = "SELECT c.*, f.process, f.\"group\" AS process_group FROM " + tableName(n) +
			" c LEFT JOIN monitor_functions f ON f.function_id = c.function_id"
	}
	s.shown = len(numbers)
	return s.exec(ctx,
		"DROP VIEW calls", "CREATE VIEW calls AS "+strings.Join(plain, " UNION ALL "),
		"DROP VIEW monitor_calls", "CREATE VIEW monitor_calls AS "+strings.Join(joined, " UNION ALL "))
}

// shownPartitions returns the numbers of those that have not expired.
func (s *Store) shownPartitions(ctx context.Context) (numbers []int64, err error) {
	rows, err := s.conn.QueryContext(ctx, "SELECT number FROM monitor_partitions WHERE NOT expired ORDER BY number")
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
