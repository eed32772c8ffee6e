package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
)

// queueFigures keeps how the process of a batch was. The same figures may come
// again.
func queueFigures(rest *pgx.Batch, b *sink.Batch) {
	for _, f := range b.Figures {
		rest.Queue(`INSERT INTO monitor_figures (run_id, at_ns, cpu_ns, rss, heap, heap_goal, goroutines, gc_cycles, gc_pause_ns, gc_pause_max_ns)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
			int64(b.Run), f.Time, figure(f.CPU), figure(f.RSS), figure(f.Heap), figure(f.HeapGoal), figure(f.Goroutines), figure(f.GCCycles), figure(f.GCPause), figure(f.GCPauseMax))
	}
}

// figure is one, NULL for -1.
func figure(n int64) any {
	if n < 0 {
		return nil
	}
	return n
}

// queueLanes keeps what a run says of its spool: sums since its start, which only
// grow, but for what is in use.
func queueLanes(rest *pgx.Batch, b *sink.Batch) {
	for _, l := range b.Lanes {
		lane := "normal"
		if l.Lane == wire.LaneError {
			lane = "error"
		}
		for name, value := range map[string]int64{"enqueued": l.Enqueued, "overflowed": l.Overflowed, "recovered": l.Recovered, "dropped": l.Dropped,
			"bytes": l.Bytes, "used_max": l.Used, "bound": l.Bound, "warnings": l.Warnings} {
			if value != 0 {
				rest.Queue(`INSERT INTO monitor_stats AS had (run_id, name, value) VALUES ($1, $2, $3)
					ON CONFLICT (run_id, name) DO UPDATE SET value = greatest(had.value, excluded.value)`, int64(b.Run), "spool_"+lane+"_"+name, value)
			}
		}
	}
}
