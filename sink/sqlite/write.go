package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// Write stores a batch in one transaction. A call that is in the database
// already is left out and counted as a duplicate.
//
// A batch that fills a partition also indexes it, once it is stored: that Write
// takes some seconds for the million rows. When the indexing fails the batch is
// stored all the same, and the next Write tries again first.
func (s *Store) Write(ctx context.Context, b *sink.Batch) error {
	if err := s.checkFile(); err != nil {
		return err
	}
	if s.unindexed {
		if err := s.indexClosed(ctx); err != nil {
			return err
		}
	}
	var learned map[[32]byte]int64
	err := s.transaction(ctx, func() (err error) {
		if err := s.findPartition(ctx); err != nil {
			return err
		}
		if len(b.Calls) > 0 {
			if err := s.turnPartition(ctx); err != nil {
				return err
			}
		}
		learned, err = s.writeRows(ctx, b)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: write: %w", s.path, err)
	}
	for digest, id := range learned {
		s.functions[digest] = id
	}
	if s.unindexed {
		s.indexClosed(ctx) // the next Write says what is wrong
	}
	return nil
}

// writeRows is what a batch's transaction does, whatever partition it goes to.
// It returns the functions that are new to s.functions.
func (s *Store) writeRows(ctx context.Context, b *sink.Batch) (map[[32]byte]int64, error) {
	ids, learned, err := s.writeFunctions(ctx, b)
	if err != nil {
		return nil, err
	}
	stored, err := s.writeCalls(ctx, b, ids)
	if err != nil {
		return nil, err
	}
	if err := s.writeStacks(ctx, b); err != nil {
		return nil, err
	}
	if err := s.writeDrops(ctx, b, ids); err != nil {
		return nil, err
	}
	if err := s.writePositions(ctx, b); err != nil {
		return nil, err
	}
	if err := s.writeOpen(ctx, b, ids); err != nil {
		return nil, err
	}
	return learned, s.writeCounts(ctx, b, stored)
}

// transaction runs do between BEGIN IMMEDIATE and COMMIT.
func (s *Store) transaction(ctx context.Context, do func() error) error {
	_, err := s.conn.ExecContext(ctx, "BEGIN IMMEDIATE")
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
	}
	return err
}

// writeCalls inserts the calls of a batch and returns how many were new. They
// go in ordered by id: the table's tree grows at its right end.
func (s *Store) writeCalls(ctx context.Context, b *sink.Batch, ids map[*spool.Function]int64) (int64, error) {
	if len(b.Calls) == 0 {
		return 0, nil
	}
	byID := func(x, y spool.Call) int { return cmp.Compare(x.ID, y.ID) }
	if !slices.IsSortedFunc(b.Calls, byID) {
		slices.SortFunc(b.Calls, byID)
	}
	s.source.set(b, ids)
	defer s.source.clear()
	result, err := s.conn.ExecContext(ctx, s.partition.insert)
	if err != nil {
		return 0, fmt.Errorf("insert calls: %w", err)
	}
	stored, err := result.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("insert calls: %w", err)
	}
	_, err = s.conn.ExecContext(ctx, "UPDATE monitor_partitions SET rows = rows + ? WHERE number = ?", stored, s.partition.number)
	if err != nil {
		return 0, fmt.Errorf("count calls: %w", err)
	}
	return stored, nil
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
	var last int64
	for i := range b.Calls {
		last = max(last, b.Calls[i].Start+b.Calls[i].Duration)
	}
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
func (s *Store) writeCounts(ctx context.Context, b *sink.Batch, stored int64) error {
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
		{run, "calls", stored},
		{run, "errors", failed},
		{run, "drops", dropped},
		{run, "bytes", b.Bytes},
		{run, "quarantined", int64(b.Quarantined)},
		{run, "duplicates", int64(len(b.Calls)) - stored},
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
	_, err := s.conn.ExecContext(ctx, "INSERT OR REPLACE INTO monitor_stats (run_id, name, value) VALUES (0, 'last_write_ns', ?)", time.Now().UnixNano())
	if err != nil {
		return fmt.Errorf("write counts: %w", err)
	}
	return nil
}
