package query

import (
	"context"
	"encoding/json"
	"fmt"
)

// Run is one recorded process.
type Run struct {
	ID                    int64
	UUID, Session         string
	Program               string
	Args                  []string
	PID                   int64
	Host                  string
	GoVersion, OS, Module string
	Started, Last         int64 // nanoseconds since 1970: its start, and the end of its latest stored call
	Ended                 bool
	Calls, Errors         int64
	Dropped               int64 // calls that its spool did not take
	Open                  int64 // calls that had not ended when it did
}

// Runs returns the runs, newest first.
func (d *DB) Runs(ctx context.Context) ([]Run, error) {
	rows, err := d.db.QueryContext(ctx, `SELECT r.run_id, r.uuid, r.session, r.program, r.args, r.pid, r.host, r.go_version, r.os, r.module,
		r.started_ns, r.last_ns, r.ended,
		ifnull((SELECT value FROM monitor_stats s WHERE s.run_id = r.run_id AND s.name = 'calls'), 0),
		ifnull((SELECT value FROM monitor_stats s WHERE s.run_id = r.run_id AND s.name = 'errors'), 0),
		ifnull((SELECT sum(dropped) FROM monitor_drops d WHERE d.run_id = r.run_id), 0),
		(SELECT count(*) FROM monitor_open_calls o WHERE o.run_id = r.run_id)
		FROM monitor_runs r ORDER BY r.run_id DESC`)
	if err != nil {
		return nil, d.fail("read runs", err)
	}
	defer rows.Close()
	var all []Run
	for rows.Next() {
		var r Run
		var args string
		err := rows.Scan(&r.ID, &r.UUID, &r.Session, &r.Program, &args, &r.PID, &r.Host, &r.GoVersion, &r.OS, &r.Module,
			&r.Started, &r.Last, &r.Ended, &r.Calls, &r.Errors, &r.Dropped, &r.Open)
		if err == nil {
			err = json.Unmarshal([]byte(args), &r.Args)
		}
		if err != nil {
			return nil, d.fail("read runs", fmt.Errorf("run %d: %w", r.ID, err))
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, d.fail("read runs", err)
	}
	return all, nil
}

// Drops returns how many calls of each function the spools did not take.
func (d *DB) Drops(ctx context.Context) (map[int64]int64, error) {
	rows, err := d.db.QueryContext(ctx, "SELECT function_id, sum(dropped) FROM drops GROUP BY function_id")
	if err != nil {
		return nil, d.fail("read drops", err)
	}
	defer rows.Close()
	drops := map[int64]int64{}
	for rows.Next() {
		var function, n int64
		if err := rows.Scan(&function, &n); err != nil {
			return nil, d.fail("read drops", err)
		}
		drops[function] = n
	}
	if err := rows.Err(); err != nil {
		return nil, d.fail("read drops", err)
	}
	return drops, nil
}

// Stat is one line of sink_stats.
type Stat struct {
	Run   int64 // 0: of the file
	Name  string
	Value int64
}

// SinkStats returns the counters of the sink.
func (d *DB) SinkStats(ctx context.Context) ([]Stat, error) {
	rows, err := d.db.QueryContext(ctx, "SELECT ifnull(run_id, 0), name, value FROM sink_stats")
	if err != nil {
		return nil, d.fail("read sink_stats", err)
	}
	defer rows.Close()
	var all []Stat
	for rows.Next() {
		var s Stat
		if err := rows.Scan(&s.Run, &s.Name, &s.Value); err != nil {
			return nil, d.fail("read sink_stats", err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		return nil, d.fail("read sink_stats", err)
	}
	return all, nil
}

// Count returns how many calls are stored.
func (d *DB) Count(ctx context.Context) (n int64, err error) {
	if err := d.db.QueryRowContext(ctx, "SELECT ifnull(sum(rows), 0) FROM monitor_partitions").Scan(&n); err != nil {
		return 0, d.fail("count calls", err)
	}
	return n, nil
}

// Path returns the file that is read.
func (d *DB) Path() string { return d.path }
