package sqlite

import (
	"context"
	"fmt"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/status"
)

// breakerStates are the numbers in sink_stats.
var breakerStates = map[string]int64{status.Closed: 0, status.HalfOpen: 1, status.Open: 2}

// writeBreaker keeps what has become of the circuit breaker around this Store.
func (s *Store) writeBreaker(ctx context.Context, b *sink.Batch) error {
	if b.Breaker.State == "" {
		return nil
	}
	_, err := s.conn.ExecContext(ctx, `INSERT INTO monitor_stats (run_id, name, value)
		VALUES (0, 'breaker_state', ?), (0, 'breaker_opened', ?), (0, 'breaker_failures', ?), (0, 'breaker_open_ms', ?)
		ON CONFLICT DO UPDATE SET value = excluded.value + CASE name WHEN 'breaker_state' THEN 0 ELSE value END`,
		breakerStates[b.Breaker.State], b.Breaker.Opened, b.Breaker.Failures, b.Breaker.Open.Milliseconds())
	if err != nil {
		return fmt.Errorf("write the circuit breaker: %w", err)
	}
	return nil
}
