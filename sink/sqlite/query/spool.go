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
