package query

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/internal/filter"
	"github.com/monitorgen/monitorgen/sink/sqlite/schema"
)

// Filter chooses calls. The zero value chooses all.
type Filter struct {
	Session  string    // of monitorgen run or test: only calls of its processes
	Since    time.Time // only calls that started then or later
	Until    time.Time // only calls that started before
	Function string    // only functions whose process or full name contains this
	Runs     []int64   // only calls of these runs; nil takes all
	Query    filter.Query
	Pin      CallID // only calls that are not newer, by their id; zero takes all
	Floor    CallID // only calls that are not older, by their id; zero takes all
	// Now is what the query's times before now are counted from; zero is now.
	Now time.Time
}

// span is a range of calls.id, both ends included.
type span struct{ low, high int64 }

// everyCall is the range of all ids.
var everyCall = span{0, math.MaxInt64}

// runSpan is the range of ids of one run.
func runSpan(run int64) span {
	return span{run << schema.CallBits, run<<schema.CallBits | (1<<schema.CallBits - 1)}
}

// spans returns the ranges of ids that the session of the filter takes, those
// of neighbouring runs as one.
func (d *DB) spans(ctx context.Context, f Filter) ([]span, error) {
	if f.Session == "" {
		return []span{everyCall}, nil
	}
	rows, err := d.db.QueryContext(ctx, "SELECT run_id FROM runs WHERE session = ? ORDER BY run_id", f.Session)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var spans []span
	for rows.Next() {
		var run int64
		if err := rows.Scan(&run); err != nil {
			return nil, err
		}
		next := runSpan(run)
		if last := len(spans) - 1; last >= 0 && spans[last].high+1 == next.low {
			spans[last].high = next.high
			continue
		}
		spans = append(spans, next)
	}
	return spans, rows.Err()
}

// since is the start that calls must have at least.
func (f Filter) since() int64 {
	if f.Since.IsZero() {
		return math.MinInt64
	}
	return f.Since.UnixNano()
}

// function is what calls show of their function.
type function struct {
	process, group string
	pkg, name      string
	values         []Datum
}

// full is import/path.Name.
func (f *function) full() string { return f.pkg + "." + f.name }

func (f *function) matches(text string) bool {
	return strings.Contains(f.process, text) || strings.Contains(f.full(), text)
}

// functions returns all functions by function_id.
func (d *DB) functions(ctx context.Context) (map[int64]*function, error) {
	rows, err := d.db.QueryContext(ctx, `SELECT function_id, process, "group", package, name, data FROM functions`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[int64]*function{}
	for rows.Next() {
		var id int64
		var data string
		f := new(function)
		if err := rows.Scan(&id, &f.process, &f.group, &f.pkg, &f.name, &data); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(data), &f.values); err != nil {
			return nil, fmt.Errorf("values of function %s: %w", f.full(), err)
		}
		all[id] = f
	}
	return all, rows.Err()
}
