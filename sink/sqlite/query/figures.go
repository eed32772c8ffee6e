package query

import (
	"context"
	"database/sql"
)

// Figures are those of a recorded process at one time.
type Figures struct {
	At         int64    // nanoseconds since 1970
	CPU        *float64 // processors in use on average since the figures before; nil if it is not known
	RSS, Heap  *int64   // bytes
	Goroutines *int64
}

// Figures returns the newest figures of a run, nil if there are none.
func (d *DB) Figures(ctx context.Context, run int64) (*Figures, error) {
	rows, err := d.db.QueryContext(ctx, "SELECT at_ns, cpu_ns, rss, heap, goroutines FROM monitor_figures WHERE run_id = ? ORDER BY at_ns DESC LIMIT 2", run)
	if err != nil {
		return nil, d.fail("read process figures", err)
	}
	defer rows.Close()
	var latest *Figures
	var cpu sql.NullInt64
	for rows.Next() {
		var f Figures
		var used sql.NullInt64
		if err := rows.Scan(&f.At, &used, &f.RSS, &f.Heap, &f.Goroutines); err != nil {
			return nil, d.fail("read process figures", err)
		}
		if latest == nil {
			latest, cpu = &f, used
		} else if used.Valid && cpu.Valid && latest.At > f.At {
			share := float64(cpu.Int64-used.Int64) / float64(latest.At-f.At)
			latest.CPU = &share
		}
	}
	if err := rows.Err(); err != nil {
		return nil, d.fail("read process figures", err)
	}
	return latest, nil
}
