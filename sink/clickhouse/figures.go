package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// idleSpan is how much time figures of a process that makes no calls are kept together
// for: each insert is work for the engine, and there may be many such processes.
const idleSpan = 10 * time.Second

// writeIdle takes a batch that has figures alone. They wait for others.
func (s *Store) writeIdle(ctx context.Context, b *sink.Batch, p *progress) error {
	p.idle = append(p.idle, b.Figures...)
	if len(p.idle) == 0 || p.idle[len(p.idle)-1].Time-p.idle[0].Time < int64(idleSpan) {
		return nil
	}
	if err := s.writeFigures(ctx, b.Run, p.idle); err != nil {
		return fmt.Errorf("figures: %w", err)
	}
	p.idle = p.idle[:0]
	return nil
}

func (s *Store) writeFigures(ctx context.Context, run sink.RunID, all []spool.Figures) error {
	if len(all) == 0 {
		return nil
	}
	var r rows
	for _, f := range all {
		r.int64(int64(run))
		r.int64(f.Time)
		for _, n := range []int64{f.CPU, f.RSS, f.Heap, f.HeapGoal, f.Goroutines, f.GCCycles, f.GCPause, f.GCPauseMax} {
			if n < 0 { // not known
				r.null()
				continue
			}
			r.present()
			r.int64(n)
		}
	}
	return s.client.insert(ctx, "monitor_stored_figures", "run_id, at_ns, cpu_ns, rss, heap, heap_goal, goroutines, gc_cycles, gc_pause_ns, gc_pause_max_ns", r)
}
