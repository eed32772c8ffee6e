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

// Spool sums up what the runs say of their spools. What a run said last before
// it was killed may be a tenth of a second old.
func (d *DB) Spool(ctx context.Context) (s Spool, err error) {
	rows, err := d.db.QueryContext(ctx, `SELECT name, sum(value) FROM sink_stats WHERE name GLOB 'spool_*' GROUP BY name`)
	if err != nil {
		return s, d.fail("read the spools", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var value int64
		if err := rows.Scan(&name, &value); err != nil {
			return s, d.fail("read the spools", err)
		}
		switch name {
		case "spool_normal_warnings":
			s.Warnings += value
		case "spool_normal_overflowed", "spool_error_overflowed":
			s.Overflowed += value
		case "spool_normal_recovered", "spool_error_recovered":
			s.Recovered += value
		case "spool_normal_dropped":
			s.Dropped += value
		case "spool_error_dropped":
			s.Lost += value
		}
	}
	if err := rows.Err(); err != nil {
		return s, d.fail("read the spools", err)
	}
	return s, nil
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
