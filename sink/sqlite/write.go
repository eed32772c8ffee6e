package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite/schema"
)

// Write stores a batch in one transaction. A call that is in the newest
// partition already is left out and counted as a duplicate.
//
// While a reader keeps the log from being used again and it has grown to its
// bound, Write waits, and in the end fails with ErrLogFull.
func (s *Store) Write(ctx context.Context, b *sink.Batch) error {
	if err := s.checkFile(); err != nil {
		return err
	}
	if err := s.log.admit(ctx); err != nil {
		return fmt.Errorf("%s: write: %w", s.path, err)
	}
	var committed func()
	err := s.transaction(ctx, func() (err error) {
		if err := s.findPartition(ctx); err != nil {
			return err
		}
		if len(b.Calls) > 0 {
			if err := s.turnPartition(ctx); err != nil {
				return err
			}
		}
		committed, err = s.writeRows(ctx, b)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: write: %w", s.path, err)
	}
	committed()
	return nil
}

// writeRows is what a batch's transaction does, whatever partition it goes to.
// It returns what is to be remembered when that is committed.
func (s *Store) writeRows(ctx context.Context, b *sink.Batch) (committed func(), err error) {
	ids, learned, err := s.writeFunctions(ctx, b)
	if err != nil {
		return nil, err
	}
	duplicates, err := s.writeCalls(ctx, b, ids) // the first: what follows counts what it leaves
	if err != nil {
		return nil, err
	}
	if err := s.writeRollups(ctx, b); err != nil {
		return nil, err
	}
	settled, err := s.writeEdges(ctx, b, ids)
	if err != nil {
		return nil, err
	}
	if err := s.writeStacks(ctx, b); err != nil {
		return nil, err
	}
	if err := s.writeDrops(ctx, b, ids); err != nil {
		return nil, err
	}
	if err := s.writeFigures(ctx, b); err != nil {
		return nil, err
	}
	if err := s.writePositions(ctx, b); err != nil {
		return nil, err
	}
	if err := s.writeOpen(ctx, b, ids); err != nil {
		return nil, err
	}
	if err := s.writeCounts(ctx, b, duplicates); err != nil {
		return nil, err
	}
	return func() {
		settled()
		maps.Copy(s.functions, learned)
		s.note(int64(b.Run), b.Calls)
	}, nil
}

// lockMain makes a transaction one that writes the database. BEGIN IMMEDIATE
// would do so, and would begin to read the attached table of a copier, too, which
// is filled later.
const lockMain = "DELETE FROM main.monitor_positions WHERE false"

// transaction runs do in a transaction that writes.
func (s *Store) transaction(ctx context.Context, do func() error) error {
	_, err := s.conn.ExecContext(ctx, "BEGIN")
	if err == nil {
		_, err = s.conn.ExecContext(ctx, lockMain)
	}
	if err == nil {
		err = do()
	}
	// A context that ends now must neither make a commit look like a failure nor
	// keep a rollback from its work.
	ctx = context.WithoutCancel(ctx)
	if err == nil {
		_, err = s.conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		// Also after BEGIN: it may have been told that the context has ended, and
		// begun all the same. Where there is no transaction, SQLite having rolled
		// back by itself for instance, this fails.
		s.conn.ExecContext(ctx, "ROLLBACK")
		return err
	}
	s.log.written(s.conn)
	return nil
}

// writeCalls inserts the calls of a batch, ordered by id: the table's tree grows
// at its right end. Calls that are in the partition already it takes out of the
// batch, and returns how many those were.
func (s *Store) writeCalls(ctx context.Context, b *sink.Batch, ids map[*spool.Function]int64) (duplicates int, err error) {
	if len(b.Calls) == 0 {
		return 0, nil
	}
	all := len(b.Calls)
	b.Calls = ordered(b.Calls)
	s.places.fill(b.Calls, ids)
	table := tableName(s.partition.number)
	err = s.calls.insert(ctx, table, b.Run, b.Calls, &s.places)
	if isConstraint(err) {
		if err = s.dropStored(ctx, b); err == nil {
			err = s.calls.insertNew(ctx, table)
		}
		s.places.fill(b.Calls, ids)
	}
	if err != nil {
		return 0, fmt.Errorf("insert calls: %w", err)
	}
	duplicates = all - len(b.Calls)
	if len(b.Calls) == 0 {
		return duplicates, nil
	}
	first, last := bounds(b.Calls)
	_, err = s.conn.ExecContext(ctx, `UPDATE monitor_partitions SET rows = rows + ?,
		first_ns = min(ifnull(first_ns, ?), ?), last_ns = max(ifnull(last_ns, ?), ?), opened_ns = ifnull(opened_ns, ?) WHERE number = ?`,
		len(b.Calls), first, first, last, last, s.options.Now().UnixNano(), s.partition.number)
	if err != nil {
		return 0, fmt.Errorf("count calls: %w", err)
	}
	return duplicates, nil
}

// ordered returns calls in ascending order of their ids, each id once.
func ordered(calls []spool.Call) []spool.Call {
	for i := 1; i < len(calls); i++ {
		if calls[i].ID <= calls[i-1].ID {
			slices.SortFunc(calls, func(x, y spool.Call) int { return cmp.Compare(x.ID, y.ID) })
			return slices.CompactFunc(calls, func(x, y spool.Call) bool { return x.ID == y.ID })
		}
	}
	return calls
}

// isConstraint reports whether a statement met a key that is there already.
func isConstraint(err error) bool {
	var failed *sqlite.Error
	return errors.As(err, &failed) && failed.Code()&0xff == sqlite3.SQLITE_CONSTRAINT
}

// dropStored takes calls out of a batch that are in the partition already.
func (s *Store) dropStored(ctx context.Context, b *sink.Batch) error {
	run := int64(b.Run) << schema.CallBits
	rows, err := s.conn.QueryContext(ctx, "SELECT id FROM "+tableName(s.partition.number)+" WHERE id BETWEEN ? AND ?",
		run|int64(b.Calls[0].ID), run|int64(b.Calls[len(b.Calls)-1].ID))
	if err != nil {
		return err
	}
	defer rows.Close()
	stored := map[uint64]bool{}
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		stored[uint64(id&^run)] = true
	}
	b.Calls = slices.DeleteFunc(b.Calls, func(c spool.Call) bool { return stored[c.ID] })
	return rows.Err()
}

// bounds returns when the first of calls started, and when the last ended.
func bounds(calls []spool.Call) (first, last int64) {
	first = math.MaxInt64
	for i := range calls {
		first = min(first, calls[i].Start)
		last = max(last, calls[i].Start+calls[i].Duration)
	}
	return first, last
}

func (s *Store) writeDrops(ctx context.Context, b *sink.Batch, ids map[*spool.Function]int64) error {
	for _, d := range b.Drops {
		_, err := s.conn.ExecContext(ctx, `INSERT INTO monitor_drops (run_id, function_id, dropped, last_ns) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET dropped = dropped + excluded.dropped, last_ns = max(last_ns, excluded.last_ns)`,
			int64(b.Run), ids[d.Function], int64(d.Count), d.Time)
		if err != nil {
			return fmt.Errorf("write drops: %w", err)
		}
	}
	return nil
}

// writePositions stores how far the spool is read, and what follows for the run.
func (s *Store) writePositions(ctx context.Context, b *sink.Batch) error {
	for _, p := range b.Positions {
		_, err := s.conn.ExecContext(ctx, `INSERT OR REPLACE INTO monitor_positions (run_id, lane, shard, segment, "offset") VALUES (?, ?, ?, ?, ?)`,
			int64(b.Run), int64(p.Lane), int64(p.Shard), int64(p.Segment), int64(p.Offset))
		if err != nil {
			return fmt.Errorf("write positions: %w", err)
		}
	}
	_, last := bounds(b.Calls)
	_, err := s.conn.ExecContext(ctx, "UPDATE monitor_runs SET last_ns = max(last_ns, ?), ended = ? WHERE run_id = ?", last, b.Ended, int64(b.Run))
	if err == nil && b.Ended {
		_, err = s.conn.ExecContext(ctx, "DELETE FROM monitor_positions WHERE run_id = ?", int64(b.Run))
	}
	if err != nil {
		return fmt.Errorf("write positions: %w", err)
	}
	return nil
}

// writeCounts keeps what sink_stats shows.
func (s *Store) writeCounts(ctx context.Context, b *sink.Batch, duplicates int) error {
	var failed, dropped int64
	for i := range b.Calls {
		if b.Calls[i].Failed() {
			failed++
		}
	}
	for _, d := range b.Drops {
		dropped += int64(d.Count)
	}
	run := int64(b.Run)
	counts := []struct {
		run   int64
		name  string
		value int64
	}{
		{run, "calls", int64(len(b.Calls))},
		{run, "errors", failed},
		{run, "drops", dropped},
		{run, "bytes", b.Bytes},
		{run, "quarantined", int64(b.Quarantined)},
		{run, "duplicates", int64(duplicates)},
		{0, "batches", 1},
	}
	for _, c := range counts {
		if c.value == 0 {
			continue
		}
		_, err := s.conn.ExecContext(ctx, `INSERT INTO monitor_stats (run_id, name, value) VALUES (?, ?, ?)
			ON CONFLICT DO UPDATE SET value = value + excluded.value`, c.run, c.name, c.value)
		if err != nil {
			return fmt.Errorf("write counts: %w", err)
		}
	}
	if err := s.writeLanes(ctx, b); err != nil {
		return err
	}
	if err := s.writeBreaker(ctx, b); err != nil {
		return err
	}
	_, err := s.conn.ExecContext(ctx, "INSERT OR REPLACE INTO monitor_stats (run_id, name, value) VALUES (0, 'last_write_ns', ?)", time.Now().UnixNano())
	if err != nil {
		return fmt.Errorf("write counts: %w", err)
	}
	return nil
}
