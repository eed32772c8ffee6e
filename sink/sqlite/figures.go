package sqlite

import (
	"context"
	"fmt"

	"github.com/monitorgen/monitorgen/sink"
)

// writeFigures keeps how the process of a batch was. The same figures may come
// again.
func (s *Store) writeFigures(ctx context.Context, b *sink.Batch) error {
	for _, f := range b.Figures {
		_, err := s.conn.ExecContext(ctx, `INSERT OR IGNORE INTO monitor_figures
			(run_id, at_ns, cpu_ns, rss, heap, heap_goal, goroutines, gc_cycles, gc_pause_ns, gc_pause_max_ns)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			int64(b.Run), f.Time, knownOrNull(f.CPU), knownOrNull(f.RSS), knownOrNull(f.Heap), knownOrNull(f.HeapGoal), knownOrNull(f.Goroutines),
			knownOrNull(f.GCCycles), knownOrNull(f.GCPause), knownOrNull(f.GCPauseMax))
		if err != nil {
			return fmt.Errorf("write figures: %w", err)
		}
	}
	return nil
}

// knownOrNull is a figure, NULL for -1.
func knownOrNull(n int64) any {
	if n < 0 {
		return nil
	}
	return n
}
