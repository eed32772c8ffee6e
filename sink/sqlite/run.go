package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// Run makes a run known and returns where its reading goes on.
func (s *Store) Run(ctx context.Context, info *spool.Info) (id sink.RunID, positions []spool.Position, err error) {
	err = s.transaction(ctx, func() error {
		if id, err = s.runID(ctx, info); err != nil {
			return err
		}
		if err = s.loadAwaited(ctx, id); err != nil {
			return err
		}
		positions, err = s.positions(ctx, id)
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("%s: make run %s known: %w", s.path, info.ID, err)
	}
	return id, positions, nil
}

func (s *Store) runID(ctx context.Context, info *spool.Info) (id sink.RunID, err error) {
	err = s.conn.QueryRowContext(ctx, "SELECT run_id FROM monitor_runs WHERE uuid = ?", info.ID).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	args := info.Args
	if args == nil {
		args = []string{}
	}
	list, err := json.Marshal(args)
	if err != nil {
		return 0, err
	}
	result, err := s.conn.ExecContext(ctx, `INSERT INTO monitor_runs
		(uuid, started_ns, last_ns, pid, host, program, args, go_version, os, module, session)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		info.ID, info.Start, info.Start, info.PID, info.Host, info.Program, string(list), info.Go, info.OS, info.Module, info.Session)
	if err != nil {
		return 0, err
	}
	n, err := result.LastInsertId()
	return sink.RunID(n), err
}

func (s *Store) positions(ctx context.Context, id sink.RunID) (positions []spool.Position, err error) {
	rows, err := s.conn.QueryContext(ctx, `SELECT lane, shard, segment, "offset" FROM monitor_positions WHERE run_id = ?`, int64(id))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var lane, shard, segment, offset int64
		if err := rows.Scan(&lane, &shard, &segment, &offset); err != nil {
			return nil, err
		}
		positions = append(positions, spool.Position{Lane: wire.Lane(lane), Shard: uint32(shard), Segment: uint32(segment), Offset: uint64(offset)})
	}
	return positions, rows.Err()
}
