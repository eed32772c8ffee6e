//go:build unix

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite/schema"
	"github.com/monitorgen/monitorgen/sink/status"
)

func openStore(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// reader opens the database as any SQL client would.
func reader(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// query returns the rows of a query as text.
func query(t testing.TB, db *sql.DB, text string) [][]string {
	t.Helper()
	rows, err := db.Query(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		row := make([]string, len(columns))
		for i, v := range values {
			row[i] = v.String
			if !v.Valid {
				row[i] = "NULL"
			}
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func wantRows(t testing.TB, db *sql.DB, text string, want ...[]string) {
	t.Helper()
	if got := query(t, db, text); !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
		t.Errorf("%s:\n got %q\nwant %q", text, got, want)
	}
}

func drainOnce(t testing.TB, folder string, store sink.Store) sink.Stats {
	t.Helper()
	stats, err := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: store}).Once(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return stats
}

// writeRun writes a run of calls calls in three segments, of which every
// seventh failed.
func writeRun(t testing.TB, folder string, n byte, calls int) *spooltest.Run {
	t.Helper()
	w := spooltest.New(t, folder, n)
	w.Define(spooltest.Desk(), "session")
	var lanes [3][][]byte
	for id := 1; id <= calls; id++ {
		if id%7 == 0 {
			lanes[0] = append(lanes[0], spooltest.Fail(uint64(id), uint64(id-1)).Record())
		} else {
			lanes[1+id%2] = append(lanes[1+id%2], spooltest.Price(uint64(id)).Record())
		}
	}
	w.Segment(wire.LaneError, 0, 1, lanes[0]...)
	w.Segment(wire.LaneNormal, 0, 1, append(lanes[1], spooltest.End())...)
	w.Segment(wire.LaneNormal, 0, 2, lanes[2]...)
	return w
}

func TestViews(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.db")
	folder := path + "-spool"
	w := spooltest.New(t, folder, 1)
	w.Define(spooltest.Desk(), "s")
	w.Segment(wire.LaneNormal, 0, 1, spooltest.Price(1).Record(), spooltest.Drops(0, 5), spooltest.Drops(0, 2))
	w.Segment(wire.LaneError, 0, 1, spooltest.Fail(2, 1).Record())
	w.Die()
	stats := drainOnce(t, folder, openStore(t, path))
	if want := (sink.Counts{Runs: 1, Calls: 2, Errors: 1, Drops: 7, Bytes: stats.Bytes}); stats.Counts != want || stats.Sessions["s"] != want || stats.Bytes == 0 {
		t.Errorf("stats %+v", stats)
	}
	db := reader(t, path)
	wantRows(t, db, "SELECT * FROM process_trace ORDER BY call_id",
		[]string{"2023-11-14 22:13:20.000001", "desk.Price", "OK", "0.0015", "NULL", "desk.pricing", "1", "NULL", "1", "0", "1", "1"},
		[]string{"2023-11-14 22:13:20.000002", "desk.(*Book).Fail", "ERR", "2", "no such order", "example.com/desk", "2", "1", "1", "1", "1", "1"})
	ok, failed := []string{"2023-11-14 22:13:20.000001", "OK", "NULL"}, []string{"2023-11-14 22:13:20.000002", "ERR", "no such order"}
	wantRows(t, db, "SELECT * FROM data_trace ORDER BY ts, data_type, data",
		append([]string{"desk.Price", "qty", "INPUT", "1"}, ok...),
		append([]string{"desk.Price", "sym", "INPUT", "ACME"}, ok...),
		append([]string{"desk.Price", "err", "OUTPUT", "nil"}, ok...),
		append([]string{"desk.Price", "px", "OUTPUT", "99.5"}, ok...),
		append([]string{"desk.(*Book).Fail", "order", "INPUT", `{"ID":7,"Secret":"***","Tags":["a","…(+2)"]}`}, failed...),
		append([]string{"desk.(*Book).Fail", "r0", "OUTPUT", "no such order"}, failed...))
	wantRows(t, db, `SELECT name, package, file, line, signature, "group", process, source, data FROM functions WHERE name = 'Price'`,
		[]string{"Price", "example.com/desk", "desk.go", "7", "func Price(qty int, sym string) (px float64, err error)", "desk.pricing", "desk.Price", "func Price() {}",
			`[{"name":"qty","type":"int","output":false},{"name":"sym","type":"string","output":false},{"name":"px","type":"float64","output":true},{"name":"err","type":"error","output":true}]`})
	wantRows(t, db, "SELECT * FROM runs",
		[]string{"1", w.ID, "2023-11-14 22:13:20.000000", "2023-11-14 22:13:20.002002", "42", "host", "/bin/desk", `["-n","3"]`, "go1.26", "linux/amd64", "example.com/desk", "s"})
	wantRows(t, db, "SELECT process, dropped, last FROM drops", []string{"desk.Price", "7", "2023-11-14 22:13:21.000000"})
	wantRows(t, db, "SELECT run_id, name, value FROM sink_stats WHERE name IN ('calls', 'errors', 'drops', 'batches') ORDER BY name",
		[]string{"NULL", "batches", "2"}, []string{"1", "calls", "2"}, []string{"1", "drops", "7"}, []string{"1", "errors", "1"})
	wantRows(t, db, "SELECT count(*) FROM monitor_positions", []string{"0"})
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("the spool is not empty: %v, %v", left, err)
	}
}

// The queries that people bring along.
func TestSeedQueries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	writeRun(t, path+"-spool", 1, 70).Die()
	drainOnce(t, path+"-spool", openStore(t, path))
	db := reader(t, path)
	wantRows(t, db, "SELECT process, AVG(duration_ms), COUNT(*) FROM process_trace WHERE ts > datetime('2023-11-14 22:13:20','-1 hour') GROUP BY process ORDER BY process",
		[]string{"desk.(*Book).Fail", "2", "10"}, []string{"desk.Price", "0.0015", "60"})
	wantRows(t, db, "SELECT process, AVG(duration_ms), COUNT(*) FROM process_trace WHERE ts > datetime('now','-1 hour') GROUP BY process")
	latest := query(t, db, "SELECT * FROM process_trace WHERE status='ERR' ORDER BY ts DESC LIMIT 10")
	if len(latest) != 10 || latest[0][6] != "70" || latest[9][6] != "7" {
		t.Errorf("%q", latest)
	}
	if n := len(query(t, db, "SELECT process, data, data_type, data_value, ts, status, exception FROM data_trace")); n != 60*4+10*2 {
		t.Errorf("%d rows of data", n)
	}
}

func TestFunctionsAreStoredOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	for n := byte(1); n <= 3; n++ {
		writeRun(t, path+"-spool", n, 20).Die()
		s := openStore(t, path) // without what the one before has learned
		drainOnce(t, path+"-spool", s)
		s.Close()
	}
	db := reader(t, path)
	wantRows(t, db, "SELECT count(*), count(DISTINCT digest) FROM monitor_functions", []string{"2", "2"})
	wantRows(t, db, "SELECT count(*) FROM monitor_values", []string{"6"})
	wantRows(t, db, "SELECT run_id, count(*) FROM process_trace GROUP BY run_id", []string{"1", "20"}, []string{"2", "20"}, []string{"3", "20"})
}

func TestPartitions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	s := openStore(t, path)
	s.perTable = 100
	for n := byte(1); n <= 4; n++ {
		writeRun(t, path+"-spool", n, 60).Die()
		drainOnce(t, path+"-spool", s)
	}
	db := reader(t, path)
	wantRows(t, db, "SELECT number, rows, indexed FROM monitor_partitions", []string{"1", "120", "1"}, []string{"2", "120", "0"})
	wantRows(t, db, "SELECT run_id, count(*) FROM process_trace GROUP BY run_id", []string{"1", "60"}, []string{"2", "60"}, []string{"3", "60"}, []string{"4", "60"})
	wantRows(t, db, "SELECT tbl_name, count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name LIKE 'calls%' GROUP BY 1", []string{"calls_000001", "3"}, []string{"calls_000002", "2"})
	plan := fmt.Sprint(query(t, db, "EXPLAIN QUERY PLAN SELECT * FROM calls WHERE function_id = 1 AND start_ns > 5"))
	if !strings.Contains(plan, "calls_000001_function") {
		t.Errorf("a closed partition's index is not used: %s", plan)
	}
	plan = fmt.Sprint(query(t, db, "EXPLAIN QUERY PLAN SELECT * FROM calls WHERE trace_id = 1"))
	if !strings.Contains(plan, "calls_000002_trace") {
		t.Errorf("the open partition's index is not used: %s", plan)
	}
	wantRows(t, db, "PRAGMA integrity_check", []string{"ok"})
}

// A partition that a killed process closed and did not index is indexed when
// the next one closes.
func TestIndexingIsCaughtUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	s := openStore(t, path)
	s.perTable = 50
	for n := byte(1); n <= 4; n++ {
		if n == 3 {
			if _, err := s.conn.ExecContext(context.Background(), "UPDATE monitor_partitions SET indexed = 0"); err != nil {
				t.Fatal(err)
			}
			s.Close()
			s = openStore(t, path)
			s.perTable = 50
		}
		writeRun(t, path+"-spool", n, 60).Die()
		drainOnce(t, path+"-spool", s)
	}
	wantRows(t, reader(t, path), "SELECT number FROM monitor_partitions WHERE NOT indexed", []string{"4"})
}

// A call that comes a second time is not stored a second time, and is told of.
func TestDuplicates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	s := openStore(t, path)
	w := spooltest.New(t, path+"-spool", 1)
	w.Define(spooltest.Desk(), "")
	w.Segment(wire.LaneNormal, 0, 1, spooltest.Price(1).Record(), spooltest.Price(1).Record(), spooltest.Price(2).Record())
	w.Die()
	drainOnce(t, path+"-spool", s)
	wantRows(t, reader(t, path), "SELECT name, value FROM sink_stats WHERE name IN ('calls', 'duplicates')", []string{"calls", "2"}, []string{"duplicates", "1"})
}

// A batch that fails anywhere leaves nothing, and goes in whole the next time.
func TestBatchIsAtomic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	s := openStore(t, path)
	writeRun(t, path+"-spool", 1, 50).Die()
	ctx := context.Background()
	if _, err := s.conn.ExecContext(ctx, "CREATE TEMP TRIGGER no BEFORE INSERT ON monitor_positions BEGIN SELECT RAISE(ABORT, 'injected'); END"); err != nil {
		t.Fatal(err)
	}
	d := sink.NewDrainer(sink.DrainerOptions{Spool: path + "-spool", Store: s})
	if _, err := d.Once(ctx); err == nil || !strings.Contains(err.Error(), "injected") || !strings.Contains(err.Error(), path) {
		t.Fatalf("Once = %v", err)
	}
	db := reader(t, path)
	for _, table := range []string{"calls", "functions", "monitor_values", "monitor_positions", "sink_stats"} {
		wantRows(t, db, "SELECT count(*) FROM "+table, []string{"0"})
	}
	if _, err := s.conn.ExecContext(ctx, "DROP TRIGGER no"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Once(ctx); err != nil {
		t.Fatal(err)
	}
	wantRows(t, db, "SELECT count(*), sum(status) FROM calls", []string{"50", "7"})
	wantRows(t, db, "SELECT count(*) FROM functions", []string{"2"})
}

func TestReaderWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	s := openStore(t, path)
	s.perTable = 200
	w := writeRun(t, path+"-spool", 1, 10)
	drainOnce(t, path+"-spool", s)
	db := reader(t, path)
	tx, err := db.BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	count := func() (n int) {
		if err := tx.QueryRow("SELECT count(*) FROM process_trace").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 10 {
		t.Fatalf("%d calls", n)
	}
	for shard := range uint32(30) {
		var records [][]byte
		for i := range uint64(20) {
			records = append(records, spooltest.Price(1000*uint64(shard+1)+i).Record())
		}
		w.Segment(wire.LaneNormal, 10+shard, 1, records...)
		drainOnce(t, path+"-spool", s)
		wantRows(t, reader(t, path), "SELECT count(*) FROM process_trace", []string{fmt.Sprint(10 + 20*(shard+1))})
		if n := count(); n != 10 {
			t.Fatalf("a transaction that reads sees %d calls", n)
		}
	}
}

func TestFilesArePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	s := openStore(t, path)
	writeRun(t, path+"-spool", 1, 10).Die()
	drainOnce(t, path+"-spool", s)
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if empty, err := schema.Check(path); empty || err != nil {
		t.Errorf("the header does not tell whose file it is: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("meeting at noon\n", 400)), 0o644); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign.db")
	db, err := sql.Open("sqlite", foreign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE users (name TEXT); PRAGMA user_version = 1"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	newer := filepath.Join(dir, "newer.db")
	s := openStore(t, newer)
	if _, err := s.conn.ExecContext(context.Background(), fmt.Sprintf("PRAGMA user_version = %d", schema.Version+1)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	damaged := filepath.Join(dir, "damaged.db")
	openStore(t, damaged).Close()
	if err := os.Truncate(damaged, 5000); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		path string
		want error
	}{
		{text, schema.ErrNotOurs}, {foreign, schema.ErrNotOurs}, {newer, schema.ErrNewer}, {damaged, nil},
		{dir, nil}, {filepath.Join(dir, "no", "such", "m.db"), os.ErrNotExist},
	}
	for _, c := range cases {
		before, _ := os.ReadFile(c.path)
		s, err := Open(context.Background(), c.path)
		if err == nil {
			s.Close()
			t.Errorf("%s: no error", c.path)
			continue
		}
		if c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v", c.path, err)
		}
		if after, _ := os.ReadFile(c.path); string(after) != string(before) {
			t.Errorf("%s has changed", c.path)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"damaged.db", "foreign.db", "newer.db", "notes.db"}; !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
}

func TestOpenWithStrangeNames(t *testing.T) {
	for _, name := range []string{"a b.db", "a?b.db", "a%20b.db", "a#b.db", "ä'\".db"} {
		path := filepath.Join(t.TempDir(), name)
		openStore(t, path).Close()
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
		if _, err := schema.Check(path); err != nil {
			t.Error(err)
		}
	}
}

func TestPositionsSurvive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	s := openStore(t, path)
	ctx := context.Background()
	info := &spool.Info{ID: strings.Repeat("ab", 16), Args: []string{"\x00", "é"}}
	id, positions, err := s.Run(ctx, info)
	if err != nil || len(positions) > 0 {
		t.Fatal(positions, err)
	}
	want := []spool.Position{{Lane: wire.LaneNormal, Shard: 1, Segment: 2, Offset: 1 << 40}, {Lane: wire.LaneError, Shard: 0, Segment: 1, Offset: 64}}
	if err := s.Write(ctx, &sink.Batch{Run: id, Positions: want}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	again, positions, err := openStore(t, path).Run(ctx, info)
	if err != nil || again != id || !slices.Equal(positions, want) {
		t.Errorf("run %d, positions %v, %v", again, positions, err)
	}
}

// A database that was removed or replaced takes nothing: the spool keeps it.
func TestDatabaseGone(t *testing.T) {
	for name, remove := range map[string]func(path string) error{
		"removed":  os.Remove,
		"replaced": func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "m.db")
			s := openStore(t, path)
			writeRun(t, path+"-spool", 1, 20).Die()
			if err := remove(path); err != nil {
				t.Fatal(err)
			}
			d := sink.NewDrainer(sink.DrainerOptions{Spool: path + "-spool", Store: s})
			if _, err := d.Once(context.Background()); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("Once = %v", err)
			}
			s.Close()
			os.Remove(path)
			drainOnce(t, path+"-spool", openStore(t, path))
			wantRows(t, reader(t, path), "SELECT count(*) FROM calls", []string{"20"})
		})
	}
}

// Programs that start at the same time make one database together.
func TestOpenAtOnce(t *testing.T) {
	for range 10 {
		path := filepath.Join(t.TempDir(), "m.db")
		errs := make(chan error)
		const programs = 6
		for range programs {
			go func() {
				s, err := Open(context.Background(), path)
				if err == nil {
					err = s.Close()
				}
				errs <- err
			}()
		}
		for range programs {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		openStore(t, path).Close()
	}
}

// endingContext ends when it is looked at for the n-th time.
type endingContext struct {
	context.Context
	cancel context.CancelFunc
	left   *atomic.Int64
}

func newEndingContext(n int) endingContext {
	ctx, cancel := context.WithCancel(context.Background())
	left := new(atomic.Int64)
	left.Store(int64(n))
	return endingContext{ctx, cancel, left}
}

func (c endingContext) look() {
	if c.left.Add(-1) == 0 {
		c.cancel()
	}
}

func (c endingContext) Done() <-chan struct{} { c.look(); return c.Context.Done() }
func (c endingContext) Err() error            { c.look(); return c.Context.Err() }

// A context may end at any moment, also while a transaction begins: what comes
// after finds no transaction open.
func TestContextEndsInTransaction(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "monitor.db"))
	ended := 0
	for n := 1; ; n++ {
		ctx := newEndingContext(n)
		_, _, err := s.Run(ctx, &spool.Info{ID: fmt.Sprintf("%032x", n)})
		if err != nil {
			ended++
		}
		if _, _, err := s.Run(context.Background(), &spool.Info{ID: strings.Repeat("f", 32)}); err != nil {
			t.Fatalf("after a context that ended at look %d: %v", n, err)
		}
		ctx.cancel()
		if ctx.left.Load() > 0 {
			break // it was not looked at that often
		}
	}
	if ended < 3 {
		t.Errorf("the context ended in %d transactions", ended)
	}
}

func TestBreakerIsCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	s := openStore(t, path)
	run, _, err := s.Run(context.Background(), &spool.Info{ID: "0123"})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []sink.Breaker{
		{State: status.HalfOpen, Opened: 2, Failures: 7},
		{},
		{State: status.Closed, Failures: 1, Open: 1500 * time.Millisecond},
	} {
		if err := s.Write(context.Background(), &sink.Batch{Run: run, Breaker: b}); err != nil {
			t.Fatal(err)
		}
	}
	wantRows(t, reader(t, path), "SELECT name, value FROM sink_stats WHERE run_id IS NULL AND name LIKE 'breaker%' ORDER BY name",
		[]string{"breaker_failures", "8"}, []string{"breaker_open_ms", "1500"}, []string{"breaker_opened", "2"}, []string{"breaker_state", "0"})
}
