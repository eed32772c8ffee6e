package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite/schema"
)

// writeOpen stores the calls that a run had open when it ended, but for those
// that have ended after all. It may be given the same ones again. It comes after
// writePositions, which knows the run's last record.
func (s *Store) writeOpen(ctx context.Context, b *sink.Batch, ids map[*spool.Function]int64) error {
	if b.Open == nil || len(b.Open.Calls) == 0 {
		return nil
	}
	open := *b.Open
	var last int64
	if err := s.conn.QueryRowContext(ctx, "SELECT last_ns FROM monitor_runs WHERE run_id = ?", int64(b.Run)).Scan(&last); err != nil {
		return fmt.Errorf("write open calls: %w", err)
	}
	open.SeenAt(last, spool.SignRecord)
	for i := range open.Calls {
		c := &open.Calls[i]
		_, err := s.conn.ExecContext(ctx, `INSERT OR REPLACE INTO monitor_open_calls
			(run_id, call_id, function_id, parent_id, trace_id, depth, goroutine, start_ns, seen_ns, seen_by, data)
			SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM calls WHERE id = ?)`,
			int64(b.Run), int64(c.ID), ids[c.Function], int64(c.Parent), int64(c.Trace), int64(c.Depth), int64(c.Goroutine),
			c.Start, open.Seen, string(open.By), sql.NullString{String: c.Data, Valid: c.Data != ""}, int64(b.Run)<<schema.CallBits|int64(c.ID))
		if err != nil {
			return fmt.Errorf("write open calls: %w", err)
		}
	}
	return nil
}
