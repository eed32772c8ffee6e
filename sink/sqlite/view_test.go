//go:build unix

package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// What is asked of the views is answered from each partition's own rows and
// indexes: a copy of all calls in a temporary index takes minutes for millions.
func TestViewsCopyNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	s := openStore(t, path)
	s.perTable = 100
	for n := byte(1); n <= 4; n++ {
		writeRun(t, path+"-spool", n, 60).Die()
		drainOnce(t, path+"-spool", s)
	}
	db := reader(t, path)
	for _, statement := range []string{
		"SELECT count(*), sum(status = 'ERR') FROM process_trace",
		"SELECT process, count(*), avg(duration_ms) FROM process_trace GROUP BY process",
		"SELECT count(*) FROM process_trace WHERE process = 'desk.Price'",
		"SELECT max(duration_ms) FROM process_trace WHERE process_group = 'pricing' AND status = 'ERR'",
		"SELECT count(*) FROM data_trace WHERE process = 'desk.Price' AND data_type = 'INPUT'",
		"SELECT data, count(*) FROM data_trace GROUP BY data",
	} {
		plan := fmt.Sprint(query(t, db, "EXPLAIN QUERY PLAN "+statement))
		if strings.Contains(plan, "AUTOMATIC") || strings.Contains(plan, "MATERIALIZE") {
			t.Errorf("%s\ncopies all calls: %s", statement, plan)
		}
		if strings.Contains(statement, "process = ") && !strings.Contains(plan, "calls_000001_function") {
			t.Errorf("%s\ndoes not use the function's index: %s", statement, plan)
		}
	}
}

// A file of the version before monitor_calls shows all its partitions when it
// has been opened.
func TestViewsOfOlderFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	s := openStore(t, path)
	s.perTable = 100
	for n := byte(1); n <= 4; n++ {
		writeRun(t, path+"-spool", n, 60).Die()
		drainOnce(t, path+"-spool", s)
	}
	s.Close()
	older, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"DROP VIEW process_trace", "DROP VIEW data_trace", "DROP VIEW monitor_calls",
		"CREATE VIEW process_trace AS SELECT * FROM calls", "CREATE VIEW data_trace AS SELECT * FROM calls",
		"PRAGMA user_version = 7",
	} {
		if _, err := older.ExecContext(context.Background(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	older.Close()
	openStore(t, path)
	db := reader(t, path)
	wantRows(t, db, "SELECT count(*), count(process) FROM process_trace", []string{"240", "240"})
	plan := fmt.Sprint(query(t, db, "EXPLAIN QUERY PLAN SELECT count(*) FROM process_trace WHERE process = 'desk.Price'"))
	if !strings.Contains(plan, "calls_000001_function") {
		t.Errorf("its partitions are not joined one by one: %s", plan)
	}
}
