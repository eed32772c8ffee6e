package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

func openConn(t *testing.T, path string) *sql.Conn {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func exec(t *testing.T, conn *sql.Conn, query string) {
	t.Helper()
	if _, err := conn.ExecContext(context.Background(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func TestMigrateTwiceAndViews(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	conn := openConn(t, path)
	for range 2 {
		if err := Migrate(context.Background(), conn, path); err != nil {
			t.Fatal(err)
		}
	}
	views := map[string]string{
		"process_trace":   "ts process status duration_ms exception process_group call_id parent_id trace_id depth goroutine run_id",
		"data_trace":      "process data data_type data_value ts status exception",
		"functions":       "function_id name package file line signature group process options source data",
		"runs":            "run_id uuid started ended pid host program args go_version os module session",
		"sink_stats":      "run_id name value",
		"drops":           "run_id function_id process dropped last",
		"rollups":         "seconds ts process process_group function_id run_id calls errors total_ms max_ms",
		"edges":           "ts caller callee caller_id callee_id run_id calls errors total_ms",
		"open_calls":      "ts process open_ms seen_by process_group call_id parent_id trace_id depth goroutine run_id data",
		"calls":           "id function_id parent_id trace_id depth goroutine start_ns duration_ns status flags exception data",
		"process_figures": "run_id ts cpu_ms cpu_percent rss_bytes heap_bytes heap_goal_bytes goroutines gc_cycles gc_pause_ms gc_pause_max_ms",
	}
	for view, want := range views {
		rows, err := conn.QueryContext(context.Background(), "SELECT * FROM "+view)
		if err != nil {
			t.Errorf("%s: %v", view, err)
			continue
		}
		columns, err := rows.Columns()
		rows.Close()
		if err != nil || !slices.Equal(columns, strings.Fields(want)) {
			t.Errorf("%s: columns %v, want %s (%v)", view, columns, want, err)
		}
	}
	if empty, err := Check(path); empty || err != nil {
		t.Errorf("Check = %v, %v", empty, err)
	}
}

func TestEveryMigrationCounts(t *testing.T) {
	entries, err := migrations.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != Version {
		t.Errorf("%d migrations, Version is %d", len(entries), Version)
	}
}

func TestCheckRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database ", 20)), 0o600); err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(dir, "short")
	if err := os.WriteFile(short, []byte("SQLite format 3\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign.db")
	exec(t, openConn(t, foreign), "CREATE TABLE users (name TEXT)")
	for _, path := range []string{text, short, foreign} {
		if _, err := Check(path); !errors.Is(err, ErrNotOurs) || !strings.Contains(err.Error(), path) {
			t.Errorf("Check(%s) = %v", filepath.Base(path), err)
		}
	}
	if _, err := Check(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Check of no file = %v", err)
	}
	if err := Migrate(context.Background(), openConn(t, foreign), foreign); !errors.Is(err, ErrNotOurs) {
		t.Errorf("Migrate of a foreign database = %v", err)
	}
}

func TestMigrateRefusesNewer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	conn := openConn(t, path)
	exec(t, conn, fmt.Sprintf("PRAGMA user_version = %d", Version+1))
	err := Migrate(context.Background(), conn, path)
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), path) {
		t.Errorf("Migrate = %v", err)
	}
}

// The texts of data_value, one per kind of JSON value.
func TestDataValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	conn := openConn(t, path)
	if err := Migrate(context.Background(), conn, path); err != nil {
		t.Fatal(err)
	}
	values := []struct{ json, want string }{
		{`"plain \"quoted\""`, `plain "quoted"`},
		{`null`, `nil`},
		{`true`, `true`},
		{`-9223372036854775808`, `-9223372036854775808`},
		{`0.30000000000000004`, `0.30000000000000004`},
		{`[1,2,"…(+3)"]`, `[1,2,"…(+3)"]`},
		{`{"a":1.5,"b":null}`, `{"a":1.5,"b":null}`},
		{`{"$type":"string","$value":"x"}`, `x`},
		{`{"$type":"int","$value":7}`, `7`},
		{`{"$type":"*T","$value":null}`, `nil`},
		{`{"$type":"bool","$value":false}`, `false`},
	}
	var array []string
	exec(t, conn, `INSERT INTO monitor_functions VALUES (5, x'00', 'F', 'p', 'p.go', 1, 'func F()', 'p', 'p.F', '', '', '[]', 7)`)
	for i, v := range values {
		array = append(array, v.json)
		exec(t, conn, fmt.Sprintf("INSERT INTO monitor_values VALUES (5, %d, 'v%d', 'any', %d)", i, i, i/6))
	}
	_, err := conn.ExecContext(context.Background(),
		"INSERT INTO calls_000001 VALUES (?, 5, 0, 3, 0, 1, 1700000000123456789, 1500000, 0, 0, NULL, ?)", 1<<CallBits|3, "["+strings.Join(array, ",")+"]")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := conn.QueryContext(context.Background(), "SELECT process, data, data_type, data_value, ts, status FROM data_trace")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	i := 0
	for ; rows.Next(); i++ {
		var process, data, kind, value, ts, status string
		if err := rows.Scan(&process, &data, &kind, &value, &ts, &status); err != nil {
			t.Fatal(err)
		}
		wantKind := "INPUT"
		if i/6 == 1 {
			wantKind = "OUTPUT"
		}
		if value != values[i].want || kind != wantKind || data != fmt.Sprintf("v%d", i) {
			t.Errorf("%s: %s %s %q, want %q", values[i].json, data, kind, value, values[i].want)
		}
		if ts != "2023-11-14 22:13:20.123456" || status != "OK" || process != "p.F" {
			t.Errorf("%s %s %s", ts, status, process)
		}
	}
	if err := rows.Err(); err != nil || i != len(values) {
		t.Errorf("%d rows, want %d: %v", i, len(values), err)
	}
}
