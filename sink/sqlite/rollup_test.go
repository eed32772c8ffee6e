//go:build unix

package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/internal/histogram"
	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// forest returns n calls of three functions in the order in which they end, over
// some minutes: every call but the roots was made by one that was open then.
func forest(n int) (calls []spool.Call, functions []*spool.Function) {
	for i := range 3 {
		functions = append(functions, &spool.Function{Process: fmt.Sprintf("f%d", i), Digest: [32]byte{byte(i + 1)}})
	}
	random := rand.New(rand.NewPCG(7, 7))
	var open []spool.Call
	now := int64(1_700_000_000_000_000_000)
	for id := uint64(1); id <= uint64(n) || len(open) > 0; {
		now += random.Int64N(20_000_000)
		if id <= uint64(n) && (len(open) == 0 || len(open) < 6 && random.IntN(2) == 0) {
			c := spool.Call{ID: id, Trace: id, Function: functions[random.IntN(3)], Start: now}
			if len(open) > 0 {
				c.Parent, c.Trace = open[len(open)-1].ID, open[0].ID
			}
			if random.IntN(5) == 0 {
				c.Flags |= wire.FlagError
			}
			open, id = append(open, c), id+1
			continue
		}
		c := open[len(open)-1]
		open = open[:len(open)-1]
		c.Duration = now - c.Start
		if c.Failed() && random.IntN(2) == 0 {
			c.Flags, c.Duration = c.Flags|wire.FlagSampled, 0
		}
		calls = append(calls, c)
	}
	return calls, functions
}

// writeCallsOf writes calls of one run in batches of size.
func writeCallsOf(t *testing.T, s *Store, run sink.RunID, calls []spool.Call, size int) {
	t.Helper()
	for part := range slices.Chunk(calls, size) {
		if err := s.Write(context.Background(), &sink.Batch{Run: run, Calls: slices.Clone(part)}); err != nil {
			t.Fatal(err)
		}
	}
}

func knownRun(t *testing.T, s *Store, uuid string) sink.RunID {
	t.Helper()
	run, _, err := s.Run(context.Background(), &spool.Info{ID: uuid})
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// edgesInCalls is monitor_edges_60s as the calls have it.
const edgesInCalls = `SELECT c.start_ns / 60000000000 * 60, CASE c.parent_id WHEN 0 THEN 0 ELSE ifnull(p.function_id, -1) END, c.function_id,
	count(*), sum(c.status), sum(ifnull(c.duration_ns, 0))
	FROM calls c LEFT JOIN calls p ON p.id = (c.id >> 40 << 40) | nullif(c.parent_id, 0) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`

const edgesSum = "SELECT start_s, caller_id, callee_id, sum(calls), sum(errors), sum(total_ns) FROM monitor_edges_60s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"

// What the rollup tables say is what the calls add up to, however they came in:
// in batches of any size, by a Store that was opened anew in between, some twice.
func TestRollupsAreTheSumOfTheCalls(t *testing.T) {
	calls, _ := forest(3_000)
	path := filepath.Join(t.TempDir(), "m.db")
	s := openStore(t, path)
	run := knownRun(t, s, "a")
	writeCallsOf(t, s, run, calls[:1_000], 7)
	s.Close()
	s = openStore(t, path)
	knownRun(t, s, "a")
	writeCallsOf(t, s, run, calls[1_000:2_500], 400)
	twice := append(slices.Clone(calls[2_400:]), calls[2_990:]...)
	writeCallsOf(t, s, run, twice, len(twice))

	db := reader(t, path)
	wantRows(t, db, "SELECT value FROM sink_stats WHERE name = 'duplicates'", []string{"110"})
	for table, width := range map[string]int{"monitor_rollups_10s": 10, "monitor_rollups_60s": 60} {
		wantRows(t, db, "SELECT start_s, function_id, run_id, calls, errors, total_ns, max_ns FROM "+table+" ORDER BY 1, 2, 3",
			query(t, db, fmt.Sprintf(`SELECT start_ns / %d000000000 * %[1]d, function_id, id >> 40, count(*), sum(status), sum(ifnull(duration_ns, 0)), ifnull(max(duration_ns), 0)
				FROM calls GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`, width))...)
		var all histogram.Histogram
		for _, row := range query(t, db, "SELECT histogram FROM "+table) {
			if err := all.Merge([]byte(row[0])); err != nil {
				t.Errorf("%s: %v", table, err)
			}
		}
		wantRows(t, db, "SELECT count(*) FROM calls WHERE duration_ns NOT NULL", []string{fmt.Sprint(all.Count())})
	}
	wantRows(t, db, edgesSum, query(t, db, edgesInCalls)...)
	wantRows(t, db, "SELECT count(*) FROM monitor_edges_pending", []string{"0"})
	wantRows(t, db, "SELECT sum(calls) FROM rollups GROUP BY seconds", []string{"3000"}, []string{"3000"})
	wantRows(t, db, "SELECT sum(calls) FROM edges", []string{"3000"})
	wantRows(t, db, "SELECT first_ns, last_ns FROM monitor_partitions",
		query(t, db, "SELECT min(start_ns), max(start_ns + ifnull(duration_ns, 0)) FROM calls")...)
}

// A caller that was open when its process died is known from what was open; one
// that nobody knows is not stored.
func TestEdgesOfARunThatEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	s := openStore(t, path)
	run := knownRun(t, s, "a")
	main, work := &spool.Function{Process: "main", Digest: [32]byte{1}}, &spool.Function{Process: "work", Digest: [32]byte{2}}
	const second = 1_000_000_000
	writeCallsOf(t, s, run, []spool.Call{
		{ID: 2, Parent: 1, Trace: 1, Function: work, Start: 60 * second, Duration: 5},
		{ID: 3, Parent: 1, Trace: 1, Function: work, Start: 130 * second, Duration: 6},
		{ID: 9, Parent: 8, Trace: 8, Function: work, Start: 60 * second, Duration: 7},
	}, 1)
	db := reader(t, path)
	wantRows(t, db, "SELECT count(*) FROM edges", []string{"0"})
	err := s.Write(context.Background(), &sink.Batch{Run: run, Ended: true,
		Open: &spool.OpenCalls{Calls: []spool.Call{{ID: 1, Trace: 1, Function: main, Start: 1}}}})
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, db, "SELECT ts, caller, callee, calls, total_ms FROM edges ORDER BY ts, caller",
		[]string{"1970-01-01 00:01:00", "NULL", "work", "1", "7e-06"},
		[]string{"1970-01-01 00:01:00", "main", "work", "1", "5e-06"},
		[]string{"1970-01-01 00:02:00", "main", "work", "1", "6e-06"})
	wantRows(t, db, "SELECT count(*) FROM monitor_edges_pending", []string{"0"})
}

// A caller may be stored before what it called, on a goroutine that outlived it.
func TestEdgesOfCallsThatOutliveTheirCaller(t *testing.T) {
	s := newService(t, Options{})
	other := &spool.Function{Process: "other", Digest: [32]byte{2}}
	call := func(id, parent uint64, f *spool.Function) spool.Call {
		return spool.Call{ID: id, Parent: parent, Trace: 1, Function: f, Start: s.now.UnixNano()}
	}
	writeCallsOf(t, s.Store, s.run, []spool.Call{call(1, 0, other), call(2, 1, s.work), call(5, 4, s.work)}, 1)
	db := reader(t, s.path)
	wantRows(t, db, "SELECT caller, callee, calls FROM edges", []string{"NULL", "other", "1"})
	s.now = s.now.Add(time.Minute)
	if err := s.maintain(); err != nil {
		t.Fatal(err)
	}
	wantRows(t, db, "SELECT caller, callee, calls FROM edges ORDER BY 1", []string{"NULL", "other", "1"}, []string{"other", "work", "1"})
	writeCallsOf(t, s.Store, s.run, []spool.Call{call(4, 0, other)}, 1)
	wantRows(t, db, "SELECT caller, callee, sum(calls) FROM edges GROUP BY 1, 2 ORDER BY 1", []string{"NULL", "other", "2"}, []string{"other", "work", "2"})
}
