//go:build unix

package sqlite

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
)

// Calls that a process had open when it ended are stored once, without those
// that have a record, however often the end of its spool is come to.
func TestOpenCalls(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	s := openStore(t, path)
	inner := spooltest.Price(3)
	inner.Parent, inner.Depth = 2, 1
	for round := range 2 {
		w := spooltest.New(t, path+"-spool", 1)
		w.Define(spooltest.Desk(), "")
		if round == 0 {
			w.Segment(wire.LaneNormal, 0, 1, spooltest.Price(1).Record())
		}
		w.Open(1, 0, spooltest.Slot(1, spooltest.Price(1).OpenCall(false)), spooltest.Slot(2, spooltest.Price(2).OpenCall(false), inner.OpenCall(true)))
		files, err := filepath.Glob(filepath.Join(w.Dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := os.Chtimes(f, time.Time{}, time.Unix(1700000000, 0)); err != nil {
				t.Fatal(err)
			}
		}
		if stats := drainOnce(t, path+"-spool", s); stats.Open != 0 {
			t.Errorf("round %d: %+v while it lives", round, stats)
		}
		wantOpen := [][]string{
			{"desk.Price", "2", "NULL", "0", "0.001", "call", `[2,"ACME"]`},
			{"desk.Price", "3", "2", "1", "0", "call", `[3,"ACME"]`},
		}
		if round == 0 {
			wantRows(t, reader(t, path), "SELECT * FROM open_calls")
		}
		w.Die()
		drainOnce(t, path+"-spool", s)
		wantRows(t, reader(t, path), "SELECT process, call_id, parent_id, depth, open_ms, seen_by, data FROM open_calls ORDER BY call_id", wantOpen...)
		wantRows(t, reader(t, path), "SELECT call_id FROM process_trace", []string{"1"})
	}
}

// The last record says how long calls had been open, when it is later than all
// else that is known.
func TestOpenCallsUntilTheLastRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	s := openStore(t, path)
	w := spooltest.New(t, path+"-spool", 1)
	w.Define(spooltest.Desk(), "")
	later := spooltest.Price(9)
	later.Start, later.Duration = time.Now().Add(time.Hour).UnixNano(), 1
	w.Segment(wire.LaneNormal, 0, 1, later.Record())
	open := spooltest.Price(2)
	open.Start = later.Start - 2_000_000
	w.Open(1, 0, spooltest.Slot(1, open.OpenCall(false)))
	w.Die()
	drainOnce(t, path+"-spool", s)
	wantRows(t, reader(t, path), "SELECT open_ms, seen_by FROM open_calls", []string{"2.000001", "record"})
}
