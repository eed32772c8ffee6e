package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/sqlite"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// question is something that is asked of a database, n times of other things.
type question struct {
	about string
	goal  time.Duration
	ask   func(n int) (rows int, err error)
}

// runQuery measures the query side over a database that it fills: calls of an
// hour, the newest of them not indexed yet.
func runQuery(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("query", flag.ExitOnError)
	count := fs.Int("rows", 5_000_000, "calls in the database")
	times := fs.Int("times", 50, "how often each question is asked")
	dir := fs.String("dir", "", "folder of the database; a temporary one if not named")
	fs.Parse(args)
	work, err := os.MkdirTemp(*dir, "monitorgen-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	path := filepath.Join(work, "hour.db")
	end, err := fillHour(ctx, path, *count)
	if err != nil {
		return err
	}
	db, err := query.Open(ctx, path)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := describe(ctx, db, *count); err != nil {
		return err
	}
	for _, q := range questions(ctx, db, end, *count) {
		if err := q.measure(*times); err != nil {
			return fmt.Errorf("%s: %w", q.about, err)
		}
	}
	return nil
}

// fillHour writes calls that are spread over an hour and returns its end.
func fillHour(ctx context.Context, path string, count int) (end time.Time, err error) {
	rows := newRows()
	rows.span = time.Hour / time.Duration(count)
	store, err := sqlite.OpenWith(ctx, path, sqlite.Options{Now: rows.now})
	if err != nil {
		return end, err
	}
	defer store.Close()
	err = rows.fill(ctx, store, count)
	return rows.now(), err
}

// fill writes calls into a store that has work of its own.
func (r *rows) fill(ctx context.Context, store maintained, count int) error {
	if err := r.start(ctx, store, "a"); err != nil {
		return err
	}
	for left := count; left > 0; left -= 50_000 {
		if err := store.Write(ctx, r.batch(min(left, 50_000))); err != nil {
			return err
		}
		for more := true; more; {
			var err error
			if more, err = store.Maintain(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

type maintained interface {
	sink.Store
	sink.Maintainer
}

func describe(ctx context.Context, db *query.DB, count int) error {
	t, err := db.SQL(ctx, "SELECT count(*), sum(CASE WHEN indexed THEN 0 ELSE rows END) FROM monitor_partitions", 1)
	if err != nil {
		return err
	}
	fmt.Printf("%d calls of %d functions in an hour, in %v tables; %v calls are not indexed yet\n", count, functionCount, t.Rows[0][0], t.Rows[0][1])
	return nil
}

func questions(ctx context.Context, db *query.DB, end time.Time, count int) []question {
	sql := func(format string, args ...any) (int, error) {
		t, err := db.SQL(ctx, fmt.Sprintf(format, args...), 1000)
		if err != nil {
			return 0, err
		}
		return len(t.Rows), nil
	}
	function := func(n int) string { return fmt.Sprintf("desk.F%03d", n*13%functionCount) }
	root := func(n int) int64 { return int64(n)*int64(count)/1000/10*10 + 1 }
	since := end.Add(-time.Hour)
	return []question{
		{"the newest 50 calls of a function", 5 * time.Millisecond, func(n int) (int, error) {
			calls, err := db.Newest(ctx, query.Filter{Function: function(n)}, 50)
			return len(calls), err
		}},
		{"the tree of a trace", 5 * time.Millisecond, func(n int) (int, error) {
			tree, err := query.LoadTree(ctx, db, query.CallID{Run: 1, Call: root(n)}, query.CallID{})
			if err != nil {
				return 0, err
			}
			return int(tree.Loaded), nil
		}},
		{"quantiles of all functions, an hour", 15 * time.Millisecond, func(int) (int, error) {
			all, _, err := db.RolledFunctions(ctx, query.Filter{Since: since})
			return len(all), err
		}},
		{"the newest 50 errors of an hour", 10 * time.Millisecond, func(int) (int, error) {
			calls, err := db.Errors(ctx, query.Filter{Since: since}, 50)
			return len(calls), err
		}},
		{"calls by part of a function's name", 50 * time.Millisecond, func(n int) (int, error) {
			calls, err := db.Newest(ctx, query.Filter{Function: function(n)[6:]}, 100)
			return len(calls), err
		}},
		{"process_trace of a trace, any client", 0, func(n int) (int, error) {
			return sql("SELECT * FROM process_trace WHERE run_id = 1 AND trace_id = %d", root(n))
		}},
		{"data_trace of a call, any client", 0, func(n int) (int, error) {
			return sql("SELECT d.name, v.value FROM calls c, json_each(c.data) v, monitor_functions d WHERE c.id = %d AND d.function_id = c.function_id", 1<<40|root(n))
		}},
		{"rollups of an hour by function, any client", 0, func(int) (int, error) {
			return sql("SELECT process, sum(calls), sum(errors), max(max_ms) FROM rollups WHERE seconds = 60 GROUP BY process")
		}},
		{"edges of an hour, any client", 0, func(int) (int, error) {
			return sql("SELECT caller, callee, sum(calls) FROM edges GROUP BY 1, 2")
		}},
	}
}

// measure asks and prints the median and the longest.
func (q question) measure(times int) error {
	var took []time.Duration
	rows := 0
	for n := range times {
		began := time.Now()
		got, err := q.ask(n)
		if err != nil {
			return err
		}
		took, rows = append(took, time.Since(began)), got
	}
	goal := ""
	if q.goal > 0 {
		goal = fmt.Sprintf(" (goal %v)", q.goal)
	}
	fmt.Printf("%-45s p50 %9v, longest %9v%s, %d rows\n", q.about, quantile(took, 0.5), quantile(took, 1), goal, rows)
	return nil
}
