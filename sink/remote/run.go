package remote

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// Runs returns the runs, newest first.
func (d *DB) Runs(ctx context.Context) (all []query.Run, err error) {
	err = d.each(ctx, `SELECT r.run_id, r.uuid, r.session, r.program, `+d.engine.Text("r.args")+`, r.pid, r.host, r.go_version, r.os, r.module,
		r.started_ns, r.last_ns, r.ended, coalesce(calls.value, 0), coalesce(errors.value, 0), coalesce(d.dropped, 0), coalesce(o.n, 0)
		FROM monitor_runs AS r
		LEFT JOIN monitor_stats AS calls ON calls.run_id = r.run_id AND calls.name = 'calls'
		LEFT JOIN monitor_stats AS errors ON errors.run_id = r.run_id AND errors.name = 'errors'
		LEFT JOIN (SELECT run_id, CAST(sum(dropped) AS bigint) AS dropped FROM monitor_drops GROUP BY run_id) AS d ON d.run_id = r.run_id
		LEFT JOIN (SELECT run_id, count(*) AS n FROM monitor_open_calls GROUP BY run_id) AS o ON o.run_id = r.run_id
		ORDER BY r.run_id DESC`, nil, func(rows Rows) error {
		var r query.Run
		var args string
		err := rows.Scan(&r.ID, &r.UUID, &r.Session, &r.Program, &args, &r.PID, &r.Host, &r.GoVersion, &r.OS, &r.Module,
			&r.Started, &r.Last, &r.Ended, &r.Calls, &r.Errors, &r.Dropped, &r.Open)
		if err == nil {
			err = json.Unmarshal([]byte(args), &r.Args)
		}
		if err != nil {
			return fmt.Errorf("run %d: %w", r.ID, err)
		}
		all = append(all, r)
		return nil
	})
	if err != nil {
		return nil, d.fail("read runs", err)
	}
	return all, nil
}

// Count returns how many calls are stored.
func (d *DB) Count(ctx context.Context) (n int64, err error) {
	if _, err := d.one(ctx, "SELECT CAST(coalesce(sum(calls), 0) AS bigint) FROM monitor_counts", nil, &n); err != nil {
		return 0, d.fail("count calls", err)
	}
	return n, nil
}

// Drops returns how many calls of each function the spools did not take.
func (d *DB) Drops(ctx context.Context) (map[int64]int64, error) {
	drops := map[int64]int64{}
	err := d.each(ctx, "SELECT function_id, CAST(sum(dropped) AS bigint) FROM monitor_drops GROUP BY function_id", nil, func(rows Rows) error {
		var function, n int64
		err := rows.Scan(&function, &n)
		drops[function] = n
		return err
	})
	if err != nil {
		return nil, d.fail("read drops", err)
	}
	return drops, nil
}

// SinkStats returns the counters of the sink.
func (d *DB) SinkStats(ctx context.Context) (all []query.Stat, err error) {
	err = d.each(ctx, "SELECT run_id, name, value FROM monitor_stats", nil, func(rows Rows) error {
		var s query.Stat
		err := rows.Scan(&s.Run, &s.Name, &s.Value)
		all = append(all, s)
		return err
	})
	if err != nil {
		return nil, d.fail("read sink_stats", err)
	}
	return all, nil
}

// Figures returns the newest figures of a run, nil if there are none.
func (d *DB) Figures(ctx context.Context, run int64) (latest *query.Figures, err error) {
	var cpu *int64
	err = d.each(ctx, "SELECT at_ns, cpu_ns, rss, heap, goroutines FROM monitor_figures WHERE run_id = ? ORDER BY at_ns DESC LIMIT 2", []any{run}, func(rows Rows) error {
		var f query.Figures
		var used *int64
		if err := rows.Scan(&f.At, &used, &f.RSS, &f.Heap, &f.Goroutines); err != nil {
			return err
		}
		if latest == nil {
			latest, cpu = &f, used
		} else if used != nil && cpu != nil && latest.At > f.At {
			share := float64(*cpu-*used) / float64(latest.At-f.At)
			latest.CPU = &share
		}
		return nil
	})
	if err != nil {
		return nil, d.fail("read process figures", err)
	}
	return latest, nil
}
