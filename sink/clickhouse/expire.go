package clickhouse

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// partitionSpan is how much time a partition of monitor_stored_calls holds.
const partitionSpan = 24 * time.Hour

// maintainEvery is how often what has expired is looked for, where the engine does
// not do so itself.
const maintainEvery = time.Minute

// applyRetention changes how long the engine keeps calls, where the URL says something
// else than the table. Of several agents that differ the last one has its way.
func (s *Store) applyRetention(ctx context.Context) error {
	if !s.dialect.modern {
		return nil // Maintain does it
	}
	definition, err := s.client.one(ctx, "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = 'monitor_stored_calls'")
	if err != nil || keptFor(definition) == s.retention {
		return err
	}
	if s.retention == 0 {
		return s.client.exec(ctx, "ALTER TABLE monitor_stored_calls REMOVE TTL")
	}
	return s.client.exec(ctx, "ALTER TABLE monitor_stored_calls MODIFY TTL "+expiry(s.retention))
}

// Maintain drops partitions whose calls have all expired, one at a time, for engines
// without a time to live.
func (s *Store) Maintain(ctx context.Context) (more bool, err error) {
	if s.dialect.modern || !s.ready || s.retention == 0 || time.Since(s.looked) < maintainEvery {
		return false, nil
	}
	err = s.do(ctx, "drop what has expired", func(ctx context.Context) error {
		more, err = s.dropPartition(ctx, time.Now().Add(-s.retention).UnixNano())
		return err
	})
	if !more {
		s.looked = time.Now()
	}
	return more && err == nil, err
}

// dropPartition drops one that ends before a time.
func (s *Store) dropPartition(ctx context.Context, before int64) (dropped bool, err error) {
	lines, err := s.client.query(ctx, "SELECT DISTINCT partition FROM system.parts WHERE database = currentDatabase() AND table = 'monitor_stored_calls' AND active")
	if err != nil {
		return false, err
	}
	for _, line := range lines {
		day, err := strconv.ParseInt(line[0], 10, 64)
		if err != nil {
			return false, fmt.Errorf("partition %.40q: %w", line[0], err)
		}
		if (day+1)*int64(partitionSpan) <= before {
			return true, s.client.exec(ctx, fmt.Sprintf("ALTER TABLE monitor_stored_calls DROP PARTITION %d", day))
		}
	}
	return false, nil
}
