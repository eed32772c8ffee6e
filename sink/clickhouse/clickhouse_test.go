//go:build unix

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/internal/chserver"
	"github.com/monitorgen/monitorgen/internal/manifest"
	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// password is looked for in everything that is said.
const password = "canary/word"

// engines are those that this host may have.
var engines = map[string]func(context.Context, string) (*chserver.Server, error){
	"server": func(ctx context.Context, dir string) (*chserver.Server, error) {
		return chserver.New(ctx, dir, password)
	},
	"embedded": chserver.NewEmbedded,
}

func TestEngines(t *testing.T) {
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			if name == "embedded" && testing.Short() {
				t.Skip("it takes 20 seconds")
			}
			server, err := start(t.Context(), t.TempDir())
			if errors.Is(err, chserver.ErrNone) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(server.Kill)
			t.Run("columns and hostile values", func(t *testing.T) { testValues(t, server) })
			t.Run("again", func(t *testing.T) { testAgain(t, server) })
			t.Run("numbers", func(t *testing.T) { testNumbers(t, server) })
			t.Run("together", func(t *testing.T) { testTogether(t, server) })
			t.Run("drained", func(t *testing.T) { testDrained(t, server) })
			t.Run("open", func(t *testing.T) { testOpen(t, server) })
			t.Run("figures", func(t *testing.T) { testFigures(t, server) })
			t.Run("retention", func(t *testing.T) { testRetention(t, server) })
			t.Run("killed", func(t *testing.T) { testKilled(t, server) })
			t.Run("refused", func(t *testing.T) { testRefused(t, server) })
		})
	}
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

// forever is a server's address for calls that are old.
func forever(server *chserver.Server) string { return server.URL() + "?retention=off" }

// want compares an answer, whose fields have tabs between them.
func want(t *testing.T, server *chserver.Server, query, want string) {
	t.Helper()
	got, err := server.Query(t.Context(), query)
	if got != strings.ReplaceAll(want, " | ", "\t") || err != nil {
		t.Errorf("%s\ngot  %q\nwant %q (%v)", query, got, want, err)
	}
}

var outer = &spool.Function{Name: "Outer", Package: "example.com/x", Process: "x.Outer", Group: "x", Digest: [32]byte{0, 8, 31: 1},
	Data: []manifest.Datum{{Name: "text", Type: "string"}, {Name: "err", Type: "error", Output: true}}}

func calls(from, to uint64, start int64) (all []spool.Call) {
	for id := from; id <= to; id++ {
		all = append(all, spool.Call{Function: outer, ID: id, Trace: 1, Start: start, Duration: 1500, Data: `["x",null]`})
	}
	return all
}

func run(t *testing.T, s *Store, n int) sink.RunID {
	t.Helper()
	id, _, err := s.Run(t.Context(), info(n))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func info(n int) *spool.Info {
	return &spool.Info{ID: fmt.Sprintf("%032x", n), Start: 1_700_000_000_000_000_000, PID: 7, Program: "/bin/it's \\x", Args: []string{"-x\ty"}}
}

func write(t *testing.T, s *Store, b *sink.Batch) {
	t.Helper()
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func testValues(t *testing.T, server *chserver.Server) {
	s := open(t, forever(server))
	id := run(t, s, 1)
	stack := &spool.Stack{Text: "main.f()\n\tf.go:1", Digest: [32]byte{9, 31: 7}}
	write(t, s, &sink.Batch{Run: id, Calls: []spool.Call{
		{Function: outer, ID: 1, Trace: 1, Start: 1_700_000_000_123_456_789, Duration: 1500, Flags: wire.FlagError, Exception: "bro\x00ken", Stack: stack,
			Data: `["\"</script>\u0000\\u0000é","broken"]`},
		{Function: outer, ID: 2, Parent: 1, Trace: 1, Depth: 1, Start: 1_600_000_000_000_000_000, Flags: wire.FlagSampled, Data: `[{"$type":"int","$value":7},null]`},
		{Function: outer, ID: 3, Parent: 1, Trace: 1, Depth: 1, Start: 1_800_000_000_000_000_000, Data: `[{"a":[1,{"b":"],"}],"$value":2},{"$type":"*x.E","$value":"no\nway"}]`},
	}})
	fraction := map[bool]string{true: ".123456"}
	want(t, server, "SELECT substring(toString(ts), 1, 19), process, status, duration_ms, exception, process_group, call_id, parent_id, trace_id, depth FROM process_trace WHERE run_id = "+fmt.Sprint(id)+" ORDER BY call_id",
		"2023-11-14 22:13:20 | x.Outer | ERR | 0.0015 | bro\\0ken | x | 1 | \\N | 1 | 0\n"+
			"2020-09-13 12:26:40 | x.Outer | OK | \\N | \\N | x | 2 | 1 | 1 | 1\n"+
			"2027-01-15 08:00:00 | x.Outer | OK | 0 | \\N | x | 3 | 1 | 1 | 1")
	want(t, server, "SELECT substring(toString(ts), 20) FROM process_trace WHERE call_id = 1", fraction[s.dialect.modern])
	want(t, server, "SELECT data, data_type, data_value, status FROM data_trace ORDER BY ts, data_type",
		"text | INPUT | 7 | OK\nerr | OUTPUT | nil | OK\n"+
			`text | INPUT | "</script>\0\\u0000é | ERR`+"\nerr | OUTPUT | broken | ERR\n"+
			`text | INPUT | {"a":[1,{"b":"],"}],"$value":2} | OK`+"\nerr | OUTPUT | no\\nway | OK")
	want(t, server, "SELECT call_id, stack FROM error_stacks", "1 | main.f()\\n\\tf.go:1")
	want(t, server, "SELECT data FROM monitor_calls WHERE call_id = 2", `[{"$type":"int","$value":7},null]`)
	want(t, server, "SELECT process, data FROM functions", `x.Outer | [{"name":"text","type":"string","output":false},{"name":"err","type":"error","output":true}]`)
	want(t, server, "SELECT uuid, substring(toString(started), 1, 19), ended, pid, program, args FROM runs",
		"00000000000000000000000000000001 | 2023-11-14 22:13:20 | \\N | 7 | /bin/it\\'s \\\\x | [\"-x\\\\ty\"]")
}

// What comes again, in batches of other sizes, changes nothing; nor does it count twice.
func testAgain(t *testing.T, server *chserver.Server) {
	s := open(t, forever(server))
	id := run(t, s, 2)
	one, two := spool.Position{Lane: wire.LaneNormal, Shard: 1, Segment: 2, Offset: 3}, spool.Position{Lane: wire.LaneError, Shard: 0, Segment: 1, Offset: 1 << 40}
	write(t, s, &sink.Batch{Run: id, Calls: calls(1, 10, 1000), Positions: []spool.Position{one}, Bytes: 100})
	drops := []spool.Drops{{Function: outer, Count: 4, Time: 2000}}
	// The server has the rows of this batch, and not how far it came.
	lost := &sink.Batch{Run: id, Calls: calls(11, 15, 1000), Drops: drops}
	if err := errors.Join(s.writeCalls(t.Context(), lost, 2), s.writeDrops(t.Context(), lost)); err != nil {
		t.Fatal(err)
	}
	other := open(t, forever(server)) // an agent that starts after a crash
	again, positions, err := other.Run(t.Context(), info(2))
	if err != nil || again != id || len(positions) != 1 || positions[0] != one {
		t.Errorf("run %d, positions %v, want %d, %v (%v)", again, positions, id, one, err)
	}
	write(t, other, &sink.Batch{Run: id, Calls: calls(11, 20, 1000), Drops: drops, Positions: []spool.Position{two}, Bytes: 50})
	write(t, other, &sink.Batch{Run: id, Calls: calls(21, 22, 1000), Drops: []spool.Drops{{Function: outer, Count: 1, Time: 3000}}})
	where := fmt.Sprint(" WHERE run_id = ", id)
	want(t, server, "SELECT count(), uniqExact(call_id) FROM process_trace"+where, "22 | 22")
	want(t, server, "SELECT name, value FROM sink_stats"+where+" ORDER BY name", "bytes | 150\ncalls | 22\ndrops | 5")
	want(t, server, "SELECT process, dropped FROM drops"+where, "x.Outer | 5")
	if _, positions, err = open(t, forever(server)).Run(t.Context(), info(2)); err != nil || len(positions) != 2 || positions[0] != one || positions[1] != two {
		t.Errorf("positions %v, want %v and %v (%v)", positions, one, two, err)
	}
	want(t, server, "SELECT count() FROM runs"+where, "1")
}

// Of two runs that want the same number one has the next of its places, and both keep
// what they have.
func testNumbers(t *testing.T, server *chserver.Server) {
	s := open(t, forever(server))
	want := placesOf(info(3).ID)
	rival := &spool.Info{ID: "rival"}
	if err := errors.Join(s.prepare(t.Context()), s.writeRun(t.Context(), want[0], kept, rival)); err != nil {
		t.Fatal(err)
	}
	if id := run(t, s, 3); int64(id) != want[1] {
		t.Errorf("the run has number %d, want %d", id, want[1])
	}
	// A claim of another that comes after ours does not change what is settled.
	if err := s.writeRun(t.Context(), want[1], claimed, rival); err != nil {
		t.Fatal(err)
	}
	if id := run(t, open(t, forever(server)), 3); int64(id) != want[1] {
		t.Errorf("then number %d, want %d", id, want[1])
	}
	// One that was claimed only, before a crash, is given up.
	places := placesOf(info(4).ID)
	if err := errors.Join(s.writeRun(t.Context(), places[0], claimed, info(4)), s.writeRun(t.Context(), places[0], claimed, rival)); err != nil {
		t.Fatal(err)
	}
	if id := run(t, s, 4); int64(id) != places[1] {
		t.Errorf("after a crash number %d, want %d", id, places[1])
	}
}

// Agents that meet an empty database at the same time make its tables together, and
// each of their runs has a number of its own.
func testTogether(t *testing.T, server *chserver.Server) {
	want(t, server, "CREATE DATABASE together", "")
	const agents, each = 6, 5
	errs := make(chan error, agents)
	for a := range agents {
		s := open(t, strings.Replace(forever(server), "/default", "/together", 1))
		go func() {
			var err error
			for n := range each {
				id, _, e := s.Run(t.Context(), info(100+a*each+n))
				if e == nil {
					e = s.Write(t.Context(), &sink.Batch{Run: id, Calls: calls(1, 3, 1000)})
				}
				err = errors.Join(err, e)
			}
			errs <- err
		}()
	}
	for range agents {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	want(t, server, "SELECT count(), uniqExact(run_id) FROM together.runs", fmt.Sprint(agents*each, " | ", agents*each))
	want(t, server, "SELECT count(), uniqExact(process) FROM together.process_trace", fmt.Sprint(3*agents*each, " | 1"))
	want(t, server, "DROP DATABASE together", "")
}

func testDrained(t *testing.T, server *chserver.Server) {
	folder := t.TempDir()
	w := spooltest.New(t, folder, 5)
	w.Define(spooltest.Desk(), "")
	w.Segment(wire.LaneNormal, 0, 1, spooltest.Price(1).Record(), spooltest.Drops(0, 4))
	w.Segment(wire.LaneError, 0, 1, spooltest.Fail(2, 1).Record())
	w.Die()
	if _, err := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: open(t, forever(server))}).Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	of := " WHERE run_id IN (SELECT run_id FROM runs WHERE uuid = '" + w.ID + "')"
	want(t, server, "SELECT call_id, status, process_group FROM process_trace"+of+" ORDER BY call_id", "1 | OK | desk.pricing\n2 | ERR | example.com/desk")
	want(t, server, "SELECT dropped FROM drops"+of, "4")
	want(t, server, "SELECT ended IS NOT NULL FROM runs"+of, "1")
}

// Calls that were open when their process ended are there, but for those that ended.
func testOpen(t *testing.T, server *chserver.Server) {
	s := open(t, forever(server))
	id := run(t, s, 6)
	write(t, s, &sink.Batch{Run: id, Calls: calls(1, 1, 1000)})
	ended := &sink.Batch{Run: id, Ended: true, Open: &spool.OpenCalls{Calls: calls(1, 2, 1_000_000), Seen: 3_500_000, By: spool.SignRecord}}
	write(t, s, ended)
	run(t, s, 6)
	write(t, s, ended)
	want(t, server, fmt.Sprint("SELECT call_id, process, open_ms, seen_by, data FROM open_calls WHERE run_id = ", id), `2 | x.Outer | 2.5 | record | ["x",null]`)
}

// Figures of a process that makes no calls are stored some at a time, and none is lost
// when calls come.
func testFigures(t *testing.T, server *chserver.Server) {
	s := open(t, forever(server))
	id := run(t, s, 10)
	second := int64(time.Second)
	figures := func(at int64) *sink.Batch {
		return &sink.Batch{Run: id, Figures: []spool.Figures{{Time: at * second, CPU: at, RSS: -1, Heap: 7, HeapGoal: -1, Goroutines: -1, GCCycles: -1, GCPause: -1, GCPauseMax: -1}}}
	}
	stored := fmt.Sprint("SELECT count() FROM monitor_figures WHERE run_id = ", id)
	for at := range int64(10) {
		write(t, s, figures(at))
	}
	want(t, server, stored, "0")
	write(t, s, figures(10))
	want(t, server, stored, "11")
	write(t, s, figures(11))
	b := figures(12)
	b.Calls, b.Lanes = calls(1, 1, 1000), []spool.Lane{{Lane: wire.LaneNormal, Enqueued: 5}, {Lane: wire.LaneError, Enqueued: 2}}
	write(t, s, b)
	write(t, s, b)
	want(t, server, stored, "13")
	want(t, server, fmt.Sprint("SELECT cpu_ns, rss, heap FROM monitor_figures WHERE run_id = ", id, " ORDER BY at_ns DESC LIMIT 1"), "12 | \\N | 7")
	want(t, server, fmt.Sprint("SELECT name, value FROM monitor_stats WHERE run_id = ", id, " ORDER BY name"), "calls | 2\nspool_error_enqueued | 2\nspool_normal_enqueued | 5")
	want(t, server, fmt.Sprint("SELECT batches, ended, last_ns FROM monitor_runs WHERE run_id = ", id), "2 | 0 | 1700000000000000000")
	want(t, server, fmt.Sprint("SELECT batch, data FROM monitor_calls WHERE run_id = ", id), `2 | ["x",null]`)
}

// Partitions whose calls have all expired go; others stay.
func testRetention(t *testing.T, server *chserver.Server) {
	s := open(t, server.URL()+"?retention=48h")
	id := run(t, s, 7)
	now := time.Now()
	write(t, s, &sink.Batch{Run: id, Calls: calls(1, 3, now.Add(-100*time.Hour).UnixNano())})
	write(t, s, &sink.Batch{Run: id, Calls: calls(4, 5, now.UnixNano())})
	if s.dialect.modern { // it looks by itself, in its own time
		if _, err := server.Query(t.Context(), "OPTIMIZE TABLE monitor_stored_calls FINAL"); err != nil {
			t.Fatal(err)
		}
	}
	for more, err := true, error(nil); more; {
		if more, err = s.Maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	where := fmt.Sprint(" WHERE run_id = ", id)
	want(t, server, "SELECT count(), min(call_id) FROM process_trace"+where, "2 | 4")
	if !s.dialect.modern {
		return
	}
	for _, c := range []struct{ url, want string }{{"?retention=96h", "345600"}, {"?retention=off", ""}, {"", "2592000"}} {
		run(t, open(t, server.URL()+c.url), 7)
		want(t, server, `SELECT extract(engine_full, 'toIntervalSecond\\((\\d+)') FROM system.tables WHERE database = 'default' AND name = 'monitor_stored_calls'`, c.want)
	}
}

// An engine that is killed while batches come loses nothing that it has acknowledged,
// and what comes again is there once.
func testKilled(t *testing.T, server *chserver.Server) {
	const size, batches = 500, 30
	s := open(t, forever(server))
	id := run(t, s, 8)
	where := fmt.Sprint(" FROM process_trace WHERE run_id = ", id)
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
			if _, _, err := s.Run(t.Context(), info(8)); err == nil {
				t.Fatal("an engine that is not there took a run")
			}
			if err := server.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			want(t, server, fmt.Sprintf("SELECT count() >= %d, count() = uniqExact(call_id)", acknowledged)+where, "1 | 1")
			acknowledged = int(n * size)
			run(t, s, 8)
		}
		write(t, s, b)
		acknowledged += size
	}
	want(t, server, "SELECT count(), uniqExact(call_id)"+where, fmt.Sprint(batches*size, " | ", batches*size))
}

// Errors name the address and no password.
func testRefused(t *testing.T, server *chserver.Server) {
	if wrong := strings.Replace(server.URL(), "canary", "canaries", 1); wrong != server.URL() {
		_, _, err := open(t, wrong).Run(t.Context(), info(9))
		if err == nil || !strings.Contains(err.Error(), "Wrong password for user monitor") || strings.Contains(err.Error(), "canar") {
			t.Errorf("got %v", err)
		}
	}
	if _, _, err := open(t, strings.Replace(server.URL(), "/default", "/nowhere", 1)).Run(t.Context(), info(9)); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a database that is not there: %v", err)
	}
	s := open(t, forever(server))
	if err := s.Write(t.Context(), &sink.Batch{Run: 999, Calls: calls(1, 1, 0)}); !errors.Is(err, sink.ErrUnknownRun) {
		t.Errorf("got %v, want %v", err, sink.ErrUnknownRun)
	}
	id := run(t, s, 9)
	want(t, server, "INSERT INTO monitor_schema SELECT toInt32(2)", "")
	if _, _, err := open(t, forever(server)).Run(t.Context(), info(9)); !errors.Is(err, ErrSchema) {
		t.Errorf("got %v, want %v", err, ErrSchema)
	}
	// Tables that are gone are made again, and the run made known again.
	for _, table := range []string{"monitor_schema", "monitor_stored_calls", "monitor_stored_runs", "monitor_progress", "monitor_stored_functions"} {
		want(t, server, "DROP TABLE "+table, "")
	}
	if err := s.Write(t.Context(), &sink.Batch{Run: id, Calls: calls(1, 1, 0)}); err == nil {
		t.Error("a table that is not there took a call")
	}
	if err := s.Write(t.Context(), &sink.Batch{Run: id, Calls: calls(1, 1, 0)}); !errors.Is(err, sink.ErrUnknownRun) {
		t.Errorf("got %v, want %v", err, sink.ErrUnknownRun)
	}
	write(t, s, &sink.Batch{Run: run(t, s, 9), Calls: calls(1, 1, 0)})
	want(t, server, "SELECT count() FROM process_trace", "1")
}
