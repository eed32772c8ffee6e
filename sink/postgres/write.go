package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// callColumns are those of monitor_calls, in the order of callRow.
var callColumns = []string{"run_id", "call_id", "function_id", "parent_id", "trace_id", "depth", "goroutine", "start_ns", "duration_ns", "failed", "flags", "exception", "stack", "data", "batch"}

// Write stores a batch in one transaction. Calls that are stored already are left
// out and counted as duplicates.
func (s *Store) Write(ctx context.Context, b *sink.Batch) error {
	return s.do(ctx, "write", func(ctx context.Context) error {
		if err := s.makePartitions(ctx, b.Calls); err != nil {
			return err
		}
		// Where this fails the connection goes, and with it what was learned here.
		return s.transaction(ctx, func(tx pgx.Tx) error { return s.writeRows(ctx, tx, b) })
	})
}

// writeRows is what a batch's transaction does.
func (s *Store) writeRows(ctx context.Context, tx pgx.Tx, b *sink.Batch) error {
	batch, err := touchRun(ctx, tx, b)
	if err != nil {
		return err
	}
	if err := s.writeFunctions(ctx, tx, b); err != nil {
		return fmt.Errorf("functions: %w", err)
	}
	if err := s.writeStacks(ctx, tx, b); err != nil {
		return fmt.Errorf("stacks: %w", err)
	}
	new, err := s.writeCalls(ctx, tx, b, batch)
	if err != nil {
		return fmt.Errorf("calls: %w", err)
	}
	if err := new.rollUp(ctx, tx, b.Run); err != nil {
		return fmt.Errorf("rollups: %w", err)
	}
	rest := &pgx.Batch{}
	s.queuePositions(rest, b)
	s.queueDrops(rest, b)
	s.queueOpen(rest, b)
	queueFigures(rest, b)
	queueCounts(rest, b, new)
	queueLanes(rest, b)
	return tx.SendBatch(ctx, rest).Close()
}

// writeCalls copies calls into the staging table, and from there those that are
// new into monitor_calls. It returns how many those were.
func (s *Store) writeCalls(ctx context.Context, tx pgx.Tx, b *sink.Batch, batch int64) (*stored, error) {
	if len(b.Calls) == 0 {
		return newStored(), nil
	}
	rows := pgx.CopyFromSlice(len(b.Calls), func(i int) ([]any, error) { return s.callRow(b.Run, &b.Calls[i], batch), nil })
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"monitor_staging"}, callColumns, rows); err != nil {
		return nil, err
	}
	tag, err := tx.Exec(ctx, "INSERT INTO monitor_calls SELECT * FROM monitor_staging ON CONFLICT DO NOTHING")
	if err != nil {
		return nil, err
	}
	new := newStored()
	if tag.RowsAffected() < int64(len(b.Calls)) {
		return new, new.ask(ctx, tx, b.Run, batch)
	}
	for i := range b.Calls {
		c := &b.Calls[i]
		new.add(s.functions[c.Function.Digest].id, c.Start, c.Duration, c.Flags&wire.FlagSampled == 0, c.Failed())
	}
	return new, nil
}

func (s *Store) callRow(run sink.RunID, c *spool.Call, batch int64) []any {
	var duration, exception, stack, data any
	if c.Flags&wire.FlagSampled == 0 {
		duration = c.Duration
	}
	if c.Exception != "" {
		exception = clean(c.Exception)
	}
	if c.Stack != nil {
		stack = c.Stack.Digest[:]
	}
	if c.Data != "" {
		data = cleanJSON(c.Data)
	}
	return []any{int64(run), int64(c.ID), s.functions[c.Function.Digest].id, int64(c.Parent), int64(c.Trace), int32(c.Depth), int64(c.Goroutine),
		c.Start, duration, c.Failed(), int16(c.Flags), exception, stack, data, batch}
}

// touchRun keeps what follows from a batch for its run, and returns the batch's
// number: the row is locked until the batch is committed, so they are committed in
// the order of their numbers. A run that is not there, in tables that were made
// anew, has to be made known again.
func touchRun(ctx context.Context, tx pgx.Tx, b *sink.Batch) (batch int64, err error) {
	var last int64
	for i := range b.Calls {
		last = max(last, b.Calls[i].Start+b.Calls[i].Duration)
	}
	more := min(len(b.Calls), 1)
	err = tx.QueryRow(ctx, "UPDATE monitor_runs SET last_ns = greatest(last_ns, $1), ended = $2, batches = batches + $3 WHERE run_id = $4 RETURNING batches",
		last, b.Ended, more, int64(b.Run)).Scan(&batch)
	if errors.Is(err, pgx.ErrNoRows) {
		err = sink.ErrUnknownRun
	}
	return batch, err
}

// queuePositions stores how far the spool is read.
func (s *Store) queuePositions(rest *pgx.Batch, b *sink.Batch) {
	for _, p := range b.Positions {
		rest.Queue(`INSERT INTO monitor_positions (run_id, lane, shard, segment, "offset") VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (run_id, lane, shard) DO UPDATE SET segment = excluded.segment, "offset" = excluded."offset"`,
			int64(b.Run), int16(p.Lane), int64(p.Shard), int64(p.Segment), int64(p.Offset))
	}
	if b.Ended {
		rest.Queue("DELETE FROM monitor_positions WHERE run_id = $1", int64(b.Run))
	}
}

func (s *Store) queueDrops(rest *pgx.Batch, b *sink.Batch) {
	for _, d := range b.Drops {
		rest.Queue(`INSERT INTO monitor_drops AS had (run_id, function_id, dropped, last_ns) VALUES ($1, $2, $3, $4)
			ON CONFLICT (run_id, function_id) DO UPDATE SET dropped = had.dropped + excluded.dropped, last_ns = greatest(had.last_ns, excluded.last_ns)`,
			int64(b.Run), s.functions[d.Function.Digest].id, int64(d.Count), d.Time)
	}
}

// queueOpen stores the calls that a run had open when it ended, but for those that
// have ended after all.
func (s *Store) queueOpen(rest *pgx.Batch, b *sink.Batch) {
	if b.Open == nil {
		return
	}
	for i := range b.Open.Calls {
		c := &b.Open.Calls[i]
		var data any
		if c.Data != "" {
			data = cleanJSON(c.Data)
		}
		rest.Queue(`INSERT INTO monitor_open_calls
			(run_id, call_id, function_id, parent_id, trace_id, depth, goroutine, start_ns, seen_ns, seen_by, data)
			SELECT $1, $2, $3, $4, $5, $6, $7, $8, greatest($9, last_ns), CASE WHEN last_ns > $9 THEN $12 ELSE $10 END, $11::json
			FROM monitor_runs WHERE run_id = $1 AND NOT EXISTS (SELECT FROM monitor_calls WHERE run_id = $1 AND call_id = $2) ON CONFLICT DO NOTHING`,
			int64(b.Run), int64(c.ID), s.functions[c.Function.Digest].id, int64(c.Parent), int64(c.Trace), int32(c.Depth), int64(c.Goroutine),
			c.Start, b.Open.Seen, string(b.Open.By), data, string(spool.SignRecord))
	}
}

// queueCounts keeps how many calls there are, and what sink_stats shows.
func queueCounts(rest *pgx.Batch, b *sink.Batch, new *stored) {
	for from, n := range new.from {
		rest.Queue(`INSERT INTO monitor_counts AS had (run_id, from_ns, calls) VALUES ($1, $2, $3)
			ON CONFLICT (run_id, from_ns) DO UPDATE SET calls = had.calls + excluded.calls`, int64(b.Run), from, n)
	}
	var dropped int64
	for _, d := range b.Drops {
		dropped += int64(d.Count)
	}
	for _, c := range []struct {
		name  string
		value int64
	}{
		{"calls", new.calls}, {"errors", new.failed}, {"drops", dropped}, {"bytes", b.Bytes},
		{"quarantined", int64(b.Quarantined)}, {"duplicates", int64(len(b.Calls)) - new.calls},
	} {
		if c.value != 0 {
			rest.Queue(`INSERT INTO monitor_stats AS had (run_id, name, value) VALUES ($1, $2, $3)
				ON CONFLICT (run_id, name) DO UPDATE SET value = had.value + excluded.value`, int64(b.Run), c.name, c.value)
		}
	}
}
