package query

import "context"

// Spool says what the spools of all runs could not take at once.
type Spool struct {
	Warnings   int64 // how often a normal lane came near its bound
	Overflowed int64 // records that found no room
	Recovered  int64 // of these, that got into the spool later
	Dropped    int64 // calls that ended well and are only counted
	Lost       int64 // failed calls that are only counted
}

// SpoolOf sums up what the runs say of their spools, in the counters of a sink. What
// a run said last before it was killed may be a tenth of a second old.
func SpoolOf(stats []Stat) (s Spool) {
	for _, stat := range stats {
		switch stat.Name {
		case "spool_normal_warnings":
			s.Warnings += stat.Value
		case "spool_normal_overflowed", "spool_error_overflowed":
			s.Overflowed += stat.Value
		case "spool_normal_recovered", "spool_error_recovered":
			s.Recovered += stat.Value
		case "spool_normal_dropped":
			s.Dropped += stat.Value
		case "spool_error_dropped":
			s.Lost += stat.Value
		}
	}
	return s
}

// Position is how far a stream of a run's spool is stored.
type Position struct {
	Lane, Shard, Segment, Offset int64 // as in docs/format.md
}

// Positions returns how far the spools of runs that have not ended are stored, by
// the uuid of the run.
func (d *DB) Positions(ctx context.Context) (map[string][]Position, error) {
	rows, err := d.db.QueryContext(ctx, `SELECT r.uuid, p.lane, p.shard, p.segment, p."offset" FROM monitor_positions p JOIN monitor_runs r USING (run_id)`)
	if err != nil {
		return nil, d.fail("read positions", err)
	}
	defer rows.Close()
	positions := map[string][]Position{}
	for rows.Next() {
		var uuid string
		var p Position
		if err := rows.Scan(&uuid, &p.Lane, &p.Shard, &p.Segment, &p.Offset); err != nil {
			return nil, d.fail("read positions", err)
		}
		positions[uuid] = append(positions[uuid], p)
	}
	if err := rows.Err(); err != nil {
		return nil, d.fail("read positions", err)
	}
	return positions, nil
}
