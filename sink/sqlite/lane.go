package sqlite

import (
	"context"
	"fmt"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
)

// writeLanes keeps what the runs say of their spools: sums since their start,
// which only grow, but for what is in use.
func (s *Store) writeLanes(ctx context.Context, b *sink.Batch) error {
	for _, l := range b.Lanes {
		lane := "normal"
		if l.Lane == wire.LaneError {
			lane = "error"
		}
		for _, c := range []struct {
			name  string
			value int64
		}{
			{"enqueued", l.Enqueued},
			{"overflowed", l.Overflowed},
			{"recovered", l.Recovered},
			{"dropped", l.Dropped},
			{"bytes", l.Bytes},
			{"used_max", l.Used},
			{"bound", l.Bound},
			{"warnings", l.Warnings},
		} {
			if c.value == 0 {
				continue
			}
			_, err := s.conn.ExecContext(ctx, `INSERT INTO monitor_stats (run_id, name, value) VALUES (?, ?, ?)
				ON CONFLICT DO UPDATE SET value = max(value, excluded.value)`, int64(b.Run), "spool_"+lane+"_"+c.name, c.value)
			if err != nil {
				return fmt.Errorf("write counts: %w", err)
			}
		}
	}
	return nil
}
