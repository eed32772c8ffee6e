//go:build unix

package postgres

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/monitorgen/monitorgen/internal/manifest"
	"github.com/monitorgen/monitorgen/internal/pgserver"
	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// password is looked for in everything that is said.
const password = "canary/word"

// serve starts a server, and skips the test where there is none.
func serve(t *testing.T) *pgserver.Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "monitorgen-pg-") // t.TempDir is for us alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	server, err := pgserver.New(t.Context(), dir, password)
	if errors.Is(err, pgserver.ErrNone) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Kill)
	return server
}

func open(t *testing.T, url string) *Store {
	t.Helper()
	s, err := sink.OpenStore(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(*Store)
}

func want(t *testing.T, server *pgserver.Server, query, want string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Trim(fmt.Sprint(values), "[]"))
	}
	if got := strings.Join(lines, "\n"); got != want || rows.Err() != nil {
		t.Errorf("%s\ngot  %s\nwant %s (%v)", query, got, want, rows.Err())
	}
}

var outer = &spool.Function{Name: "Outer", Package: "example.com/x", Process: "x.Outer", Group: "x", Digest: [32]byte{1},
	Data: []manifest.Datum{{Name: "text", Type: "string"}, {Name: "err", Type: "error", Output: true}}}

func calls(from, to uint64, start int64) (all []spool.Call) {
	for id := from; id <= to; id++ {
		all = append(all, spool.Call{Function: outer, ID: id, Trace: 1, Start: start, Duration: 1500, Data: `["x",null]`})
	}
	return all
}

func TestServer(t *testing.T) {
	server := serve(t)
	t.Run("columns and hostile values", func(t *testing.T) { testValues(t, server) })
	t.Run("again", func(t *testing.T) { testAgain(t, server) })
	t.Run("drained", func(t *testing.T) { testDrained(t, server) })
	t.Run("retention", func(t *testing.T) { testRetention(t, server) })
	t.Run("upgrade", func(t *testing.T) { testUpgrade(t, server) })
	t.Run("killed", func(t *testing.T) { testKilled(t, server) })
	t.Run("refused", func(t *testing.T) { testRefused(t, server) })
}

func run(t *testing.T, s *Store, n int) sink.RunID {
	t.Helper()
	id, _, err := s.Run(t.Context(), &spool.Info{ID: fmt.Sprintf("%032x", n), Start: 1, Program: "/bin/x", Args: []string{"-x"}})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func write(t *testing.T, s *Store, b *sink.Batch) {
	t.Helper()
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func testValues(t *testing.T, server *pgserver.Server) {
	s := open(t, server.URL())
	id := run(t, s, 1)
	stack := &spool.Stack{Text: "main.f()\n\tf.go:1", Digest: [32]byte{9}}
	write(t, s, &sink.Batch{Run: id, Calls: []spool.Call{
		{Function: outer, ID: 1, Trace: 1, Start: 1_700_000_000_123_456_789, Duration: 1500, Flags: wire.FlagError, Exception: "bro\x00ken", Stack: stack,
			Data: `["\"</script>\u0000\\u0000é","broken"]`},
		{Function: outer, ID: 2, Parent: 1, Trace: 1, Depth: 1, Start: -2000, Flags: wire.FlagSampled, Data: `[{"$type":"int","$value":7},null]`},
	}})
	want(t, server, "SELECT to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), process, status, duration_ms, exception, process_group, call_id, parent_id, depth FROM process_trace WHERE run_id = 1 ORDER BY call_id",
		"2023-11-14 22:13:20.123456 x.Outer ERR 0.0015 bro\uFFFDken x 1 <nil> 0\n1969-12-31 23:59:59.999998 x.Outer OK <nil> <nil> x 2 1 1")
	want(t, server, "SELECT data, data_type, data_value FROM data_trace ORDER BY ts, data_type",
		"text INPUT 7\nerr OUTPUT nil\ntext INPUT \"</script>\uFFFD\\u0000é\nerr OUTPUT broken")
	want(t, server, "SELECT call_id, stack FROM error_stacks", "1 main.f()\n\tf.go:1")
}

// What comes again, in batches of other sizes, changes nothing.
func testAgain(t *testing.T, server *pgserver.Server) {
	s := open(t, server.URL())
	id := run(t, s, 2)
	position := spool.Position{Lane: wire.LaneNormal, Shard: 1, Segment: 2, Offset: 3}
	write(t, s, &sink.Batch{Run: id, Calls: calls(1, 10, 1000), Positions: []spool.Position{position}})
	write(t, s, &sink.Batch{Run: id, Calls: calls(5, 20, 1000)})
	other := open(t, server.URL()) // another agent
	write(t, other, &sink.Batch{Run: run(t, other, 2), Calls: calls(1, 20, 1000)})
	want(t, server, "SELECT count(*), count(DISTINCT call_id) FROM process_trace WHERE run_id = 2", "20 20")
	want(t, server, "SELECT name, value FROM sink_stats WHERE run_id = 2 ORDER BY name", "calls 20\nduplicates 26")
	_, positions, err := other.Run(t.Context(), &spool.Info{ID: fmt.Sprintf("%032x", 2)})
	if err != nil || len(positions) != 1 || positions[0] != position {
		t.Errorf("positions %v, want %v (%v)", positions, position, err)
	}
}

func testDrained(t *testing.T, server *pgserver.Server) {
	folder := t.TempDir()
	w := spooltest.New(t, folder, 3)
	w.Define(spooltest.Desk(), "")
	w.Segment(wire.LaneNormal, 0, 1, spooltest.Price(1).Record(), spooltest.Drops(0, 4))
	w.Segment(wire.LaneError, 0, 1, spooltest.Fail(2, 1).Record())
	w.Die()
	if _, err := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: open(t, server.URL()+"?retention=off")}).Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, server, "SELECT call_id, status, process_group FROM process_trace JOIN runs USING (run_id) WHERE uuid = '"+w.ID+"' ORDER BY call_id", "1 OK desk.pricing\n2 ERR example.com/desk")
	want(t, server, "SELECT dropped FROM drops", "4")
}

// Partitions whose calls have all expired are dropped, and with them the functions,
// stacks and runs that have no other calls; the rest stays.
func testRetention(t *testing.T, server *pgserver.Server) {
	s := open(t, server.URL()+"?retention=48h")
	now := time.Now()
	old, long := now.Add(-60*time.Hour).UnixNano(), now.Add(-70*time.Hour).UnixNano()
	id, gone, alive := run(t, s, 4), run(t, s, 41), run(t, s, 42)
	failed := func(id uint64, start int64, f *spool.Function, stack byte) spool.Call {
		return spool.Call{Function: f, ID: id, Trace: id, Start: start, Flags: wire.FlagError, Exception: "x", Stack: &spool.Stack{Text: "s", Digest: [32]byte{stack}}}
	}
	rare := &spool.Function{Name: "Rare", Process: "x.Rare", Digest: [32]byte{77}}
	write(t, s, &sink.Batch{Run: id, Calls: append(calls(1, 3, old), failed(9, old, rare, 71))})
	write(t, s, &sink.Batch{Run: id, Calls: append(calls(4, 5, now.UnixNano()), failed(10, old, outer, 72), failed(11, now.UnixNano(), outer, 72))})
	write(t, s, &sink.Batch{Run: gone, Calls: calls(1, 2, long), Drops: []spool.Drops{{Function: outer, Count: 1, Time: long}}, Ended: true})
	write(t, s, &sink.Batch{Run: alive, Calls: calls(1, 2, long), Figures: []spool.Figures{{Time: old}, {Time: now.UnixNano()}}})
	expire(t, server, s)
	want(t, server, fmt.Sprintf("SELECT count(*), min(call_id) FROM process_trace WHERE run_id = %d", id), "3 4")
	want(t, server, "SELECT count(*) FILTER (WHERE process = 'x.Rare'), count(*) FILTER (WHERE process = 'x.Outer') FROM functions", "0 1")
	want(t, server, "SELECT get_byte(digest, 0) FROM monitor_stacks WHERE get_byte(digest, 0) > 70", "72")
	want(t, server, fmt.Sprintf("SELECT run_id FROM runs WHERE run_id IN (%d, %d, %d) ORDER BY 1", id, gone, alive), fmt.Sprintf("%d\n%d", id, alive))
	want(t, server, fmt.Sprintf("SELECT (SELECT count(*) FROM sink_stats WHERE run_id = %d), (SELECT count(*) FROM monitor_drops WHERE run_id = %[1]d), (SELECT count(*) FROM monitor_figures)", gone), "0 0 1")

	// What has expired may come again: its partition and function are made again.
	write(t, s, &sink.Batch{Run: id, Calls: append(calls(1, 3, old), failed(12, now.UnixNano(), rare, 71))})
	want(t, server, fmt.Sprintf("SELECT count(*), count(*) FILTER (WHERE process = 'x.Rare') FROM process_trace WHERE run_id = %d", id), "7 1")
	want(t, server, "SELECT stack FROM error_stacks WHERE call_id = 12", "s")
	if err := s.Write(t.Context(), &sink.Batch{Run: gone, Calls: calls(3, 3, now.UnixNano())}); !errors.Is(err, sink.ErrUnknownRun) {
		t.Errorf("got %v, want %v", err, sink.ErrUnknownRun)
	}
}

func expire(t *testing.T, server *pgserver.Server, s *Store) {
	t.Helper()
	for more, err := true, error(nil); more; {
		if more, err = s.Maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want(t, server, "SELECT (SELECT count(*) FROM monitor_calls) - (SELECT sum(calls)::bigint FROM monitor_counts)", "0")
	want(t, server, `SELECT (SELECT count(*) FROM monitor_calls) - sum(calls)::bigint, (SELECT count(*) FROM monitor_calls WHERE failed) - sum(errors)::bigint,
		(SELECT sum(duration_ns)::bigint FROM monitor_calls) - sum(total_ns)::bigint FROM monitor_rollups`, "0 0 0")
}

// Tables of an older version are brought up to date, with what is in them.
func testUpgrade(t *testing.T, server *pgserver.Server) {
	old, err := os.ReadFile("testdata/version1.sql")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "CREATE SCHEMA old; SET search_path = old; "+string(old)); err != nil {
		t.Fatal(err)
	}
	s := open(t, server.URL()+"?search_path=old&retention=off")
	id, _, err := s.Run(t.Context(), &spool.Info{ID: "old", Start: 1, Args: []string{}})
	if err != nil || id != 1 {
		t.Fatalf("run %d, %v", id, err)
	}
	write(t, s, &sink.Batch{Run: id, Calls: calls(2, 3, 1_700_006_400_000_000_000)})
	want(t, server, "SELECT count(*), count(DISTINCT function_id), max(batch), (SELECT sum(calls)::int FROM old.monitor_counts) FROM old.monitor_calls", "3 1 1 3")
	want(t, server, "SELECT count(*) FROM old.monitor_functions WHERE used_ns > 1700028000000000000", "1")
	// An agent of before, connected since, is refused: what it writes would not be counted.
	_, err = conn.Exec(t.Context(), "CREATE TEMPORARY TABLE staging AS SELECT * FROM monitor_calls LIMIT 1; ALTER TABLE staging DROP COLUMN batch; UPDATE staging SET call_id = 99; INSERT INTO monitor_calls SELECT * FROM staging")
	if err == nil || !strings.Contains(err.Error(), "batch") {
		t.Errorf("an agent of before is told %v", err)
	}
	again := open(t, server.URL()+"?search_path=old")
	if _, _, err := again.Run(t.Context(), &spool.Info{ID: "old"}); err != nil {
		t.Error(err)
	}
}

// A server that is killed while batches come loses nothing that it has
// acknowledged, and what comes again is there once.
func testKilled(t *testing.T, server *pgserver.Server) {
	const size, batches = 500, 40
	s := open(t, server.URL())
	id := run(t, s, 5)
	acknowledged := 0
	for n := range uint64(batches) {
		b := &sink.Batch{Run: id, Calls: calls(n*size+1, (n+1)*size, 2000)}
		if n%10 == 5 {
			killed := make(chan struct{})
			go func() { defer close(killed); server.Kill() }()
			err := s.Write(t.Context(), b)
			<-killed
			if err == nil {
				acknowledged += size
			} else if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error says %v", err)
			}
			if err := s.Write(t.Context(), b); err == nil {
				t.Fatal("a server that is not there took a batch")
			}
			if err := server.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			want(t, server, fmt.Sprintf("SELECT count(*) >= %d, count(*) = count(DISTINCT call_id) FROM process_trace WHERE run_id = %d", acknowledged, id), "true true")
			acknowledged = int(n * size)
		}
		write(t, s, b)
		acknowledged += size
	}
	want(t, server, fmt.Sprintf("SELECT count(*), count(DISTINCT call_id) FROM process_trace WHERE run_id = %d", id), fmt.Sprint(batches*size, " ", batches*size))
}

// Errors name the address and no password.
func testRefused(t *testing.T, server *pgserver.Server) {
	wrong := open(t, strings.Replace(server.URL(), "canary", "canaries", 1))
	_, _, err := wrong.Run(t.Context(), &spool.Info{ID: "x"})
	if err == nil || !strings.Contains(err.Error(), "password authentication failed") || strings.Contains(err.Error(), "canar") {
		t.Errorf("got %v", err)
	}
	want(t, server, "UPDATE monitor_schema SET version = 3 RETURNING version", "3")
	if _, _, err := open(t, server.URL()).Run(t.Context(), &spool.Info{ID: "x"}); !errors.Is(err, ErrSchema) {
		t.Errorf("got %v, want %v", err, ErrSchema)
	}
	want(t, server, "UPDATE monitor_schema SET version = 2 RETURNING version", "2")
	if err := open(t, server.URL()).Write(t.Context(), &sink.Batch{Run: 999}); !errors.Is(err, sink.ErrUnknownRun) {
		t.Errorf("got %v, want %v", err, sink.ErrUnknownRun)
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ url, want string }{
		{"postgres://me:canary@db.example/x?sslmode=disable", "would send what is recorded as it is"},
		{"postgres://me:canary@db.example/x?sslmode=prefer", "would send what is recorded as it is"},
		{"postgres://me:canary@localhost/x?retention=5", "is no duration of an hour or more"},
		{"postgres://me:canary@localhost:port/x", "a store is named by a URL"},
		{"postgres://me:canary@localhost/x?sslmode=canary", "localhost/x: "},
		{"postgres://me:canary@localhost/x?retention=off", ""},
	} {
		s, err := sink.OpenStore(c.url)
		switch {
		case c.want == "" && err == nil:
			s.Close()
		case c.want == "" || err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary") && !strings.Contains(c.url, "=canary"):
			t.Errorf("%s: got %v, want %q", c.url, err, c.want)
		}
	}
	a, _ := sink.ParseAddress("postgres://db.example/x")
	s, err := Open(a)
	if err != nil || s.config.TLSConfig == nil || s.config.TLSConfig.ServerName != "db.example" || len(s.config.Fallbacks) != 0 {
		t.Errorf("another host is reached with TLS %+v (%v)", s.config.TLSConfig, err)
	}
}

func TestCleanJSON(t *testing.T) {
	for in, want := range map[string]string{
		`["\u0000"]`:     `["\ufffd"]`,
		`["\\u0000"]`:    `["\\u0000"]`,
		`["\\\u0000\n"]`: `["\\\ufffd\n"]`,
		`["plain"]`:      `["plain"]`,
	} {
		if got := cleanJSON(in); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}
