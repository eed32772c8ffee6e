package sqlite

import (
	"context"
	"fmt"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite/schema"
)

// writeStacks notes where the errors of a batch surfaced.
func (s *Store) writeStacks(ctx context.Context, b *sink.Batch) error {
	ids := make(map[*spool.Stack]int64)
	for i := range b.Calls {
		c := &b.Calls[i]
		if c.Stack == nil {
			continue
		}
		id, ok := ids[c.Stack]
		if !ok {
			var err error
			if id, err = s.stackID(ctx, c.Stack); err != nil {
				return fmt.Errorf("write a stack: %w", err)
			}
			ids[c.Stack] = id
		}
		row := int64(b.Run)<<schema.CallBits | int64(c.ID)
		if _, err := s.conn.ExecContext(ctx, "INSERT OR IGNORE INTO monitor_error_stacks (id, stack_id) VALUES (?, ?)", row, id); err != nil {
			return fmt.Errorf("write a stack: %w", err)
		}
	}
	return nil
}

// stackID finds the row of a stack or makes it.
func (s *Store) stackID(ctx context.Context, stack *spool.Stack) (id int64, err error) {
	_, err = s.conn.ExecContext(ctx, "INSERT OR IGNORE INTO monitor_stacks (digest, text) VALUES (?, ?)", stack.Digest[:], stack.Text)
	if err != nil {
		return 0, err
	}
	err = s.conn.QueryRowContext(ctx, "SELECT stack_id FROM monitor_stacks WHERE digest = ?", stack.Digest[:]).Scan(&id)
	return id, err
}
