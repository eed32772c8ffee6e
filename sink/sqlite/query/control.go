package query

import "context"

// Controllable is a function that live control can change: package sink/control
// goes by the key.
type Controllable struct {
	Key     uint64
	Process string
	Group   string
	Package string
	Name    string
	Options string // of its directive
}

// Controllable returns the functions that were recorded, each once, as its latest
// version describes it, by process. Those that were recorded by a monitorgen without
// live control alone are not among them.
func (d *DB) Controllable(ctx context.Context) ([]Controllable, error) {
	rows, err := d.db.QueryContext(ctx, `SELECT key, process, "group", package, name, options FROM monitor_functions
		WHERE function_id IN (SELECT max(function_id) FROM monitor_functions WHERE key != 0 GROUP BY key) ORDER BY process, package, name`)
	if err != nil {
		return nil, d.fail("read functions", err)
	}
	defer rows.Close()
	var all []Controllable
	for rows.Next() {
		var f Controllable
		var key int64
		if err := rows.Scan(&key, &f.Process, &f.Group, &f.Package, &f.Name, &f.Options); err != nil {
			return nil, d.fail("read functions", err)
		}
		f.Key = uint64(key)
		all = append(all, f)
	}
	if err := rows.Err(); err != nil {
		return nil, d.fail("read functions", err)
	}
	return all, nil
}
