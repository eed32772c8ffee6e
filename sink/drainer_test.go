//go:build unix

package sink_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// memory is a Store that forgets nothing and can be made to fail.
type memory struct {
	mu        sync.Mutex
	runs      []spool.Info
	positions []map[spool.Position]spool.Position // by run; the key has lane and shard alone
	ids       []uint64                            // of calls, in the order of their writing
	ended     []sink.RunID
	batches   int
	fail      func() error  // asked before each write
	wrote     chan struct{} // told after each write, when there is somebody to listen
}

func (m *memory) Run(_ context.Context, info *spool.Info) (sink.RunID, []spool.Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.runs, func(r spool.Info) bool { return r.ID == info.ID })
	if i < 0 {
		i = len(m.runs)
		m.runs = append(m.runs, *info)
		m.positions = append(m.positions, map[spool.Position]spool.Position{})
	}
	var positions []spool.Position
	for _, p := range m.positions[i] {
		positions = append(positions, p)
	}
	return sink.RunID(i), positions, nil
}

func (m *memory) Write(_ context.Context, b *sink.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(); err != nil {
			return err
		}
	}
	for _, c := range b.Calls {
		m.ids = append(m.ids, c.ID)
	}
	for _, p := range b.Positions {
		m.positions[b.Run][spool.Position{Lane: p.Lane, Shard: p.Shard}] = p
	}
	if b.Ended {
		m.ended = append(m.ended, b.Run)
	}
	m.batches++
	select {
	case m.wrote <- struct{}{}:
	default:
	}
	return nil
}

func (m *memory) Close() error { return nil }

func (m *memory) sorted() []uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := slices.Clone(m.ids)
	slices.Sort(ids)
	return ids
}

// record keeps what is logged.
type record struct {
	mu    sync.Mutex
	lines []string
}

func (r *record) Enabled(context.Context, slog.Level) bool { return true }
func (r *record) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *record) WithGroup(string) slog.Handler            { return r }
func (r *record) Handle(_ context.Context, e slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, e.Level.String()+" "+e.Message)
	return nil
}

func (r *record) errors() (lines []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.lines {
		if strings.HasPrefix(l, "ERROR") {
			lines = append(lines, l)
		}
	}
	return lines
}

func prices(from, to uint64) (records [][]byte) {
	for id := from; id <= to; id++ {
		records = append(records, spooltest.Price(id).Record())
	}
	return records
}

func numbers(from, to uint64) (ids []uint64) {
	for id := from; id <= to; id++ {
		ids = append(ids, id)
	}
	return ids
}

func wantCalls(t *testing.T, m *memory, from, to uint64) {
	t.Helper()
	if got := m.sorted(); !slices.Equal(got, numbers(from, to)) {
		t.Errorf("stored %d calls %v, want %d to %d", len(got), got, from, to)
	}
}

func wantEmpty(t *testing.T, folder string) {
	t.Helper()
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left in the spool: %v, %v", left, err)
	}
}

func TestOnceWithNoSpool(t *testing.T) {
	d := sink.NewDrainer(sink.DrainerOptions{Spool: filepath.Join(t.TempDir(), "none"), Store: &memory{}})
	if stats, err := d.Once(context.Background()); err != nil || stats.Calls != 0 {
		t.Errorf("%+v, %v", stats, err)
	}
}

func TestBatchesAreBounded(t *testing.T) {
	folder := t.TempDir()
	w := spooltest.New(t, folder, 1)
	w.Define(spooltest.Desk(), "a")
	w.Segment(wire.LaneNormal, 0, 1, append(prices(1, 25), spooltest.End())...)
	w.Segment(wire.LaneNormal, 0, 2, prices(26, 30)...)
	w.Die()
	m := &memory{}
	var progress []int64
	d := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: m, BatchSize: 10, Progress: func(s sink.Stats) { progress = append(progress, s.Calls) }})
	stats, err := d.Once(context.Background())
	if err != nil || stats.Calls != 30 || stats.Sessions["a"].Calls != 30 {
		t.Errorf("%+v, %v", stats, err)
	}
	wantCalls(t, m, 1, 30)
	if want := []int64{0, 10, 20, 30}; !slices.Equal(progress, want) {
		t.Errorf("progress %v, want %v", progress, want)
	}
	wantEmpty(t, folder)
}

// Drain while the process lives, then again when it is dead.
func TestRunFollowsAProcess(t *testing.T) {
	folder := t.TempDir()
	w := spooltest.New(t, folder, 1)
	w.Define(spooltest.Desk(), "")
	path := w.Segment(wire.LaneNormal, 0, 1, prices(1, 3)...)
	m := &memory{wrote: make(chan struct{}, 1)}
	d := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: m, Interval: 1})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	<-m.wrote
	wantCalls(t, m, 1, 3)
	w.Append(path, wire.SegmentHeaderSize+3*len(spooltest.Price(1).Record()), prices(4, 6)...)
	for len(m.sorted()) < 6 {
		<-m.wrote
	}
	if len(m.ended) > 0 {
		t.Error("a living run has ended")
	}
	w.Segment(wire.LaneError, 0, 1, spooltest.Fail(7, 1).Record())
	w.Die()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	wantCalls(t, m, 1, 7)
	wantEmpty(t, folder)
	if len(m.ended) != 1 {
		t.Errorf("ended %v", m.ended)
	}
}

// The spool of a process that lives on is drained and left.
func TestLivingRunStays(t *testing.T) {
	folder := t.TempDir()
	w := spooltest.New(t, folder, 1)
	w.Define(spooltest.Desk(), "")
	w.Segment(wire.LaneNormal, 0, 1, prices(1, 3)...)
	m := &memory{}
	for range 2 {
		d := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: m})
		if _, err := d.Once(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	wantCalls(t, m, 1, 3)
	if ids, err := spool.List(folder); err != nil || len(ids) != 1 || len(m.ended) > 0 {
		t.Errorf("%v, %v", ids, err)
	}
}

func TestTwoDrainers(t *testing.T) {
	folder := t.TempDir()
	w := spooltest.New(t, folder, 1)
	w.Define(spooltest.Desk(), "")
	w.Segment(wire.LaneNormal, 0, 1, prices(1, 3)...)
	m, other := &memory{wrote: make(chan struct{}, 1)}, &memory{}
	first := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: m, Interval: 1})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- first.Run(ctx) }()
	<-m.wrote
	second := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: other})
	stats, err := second.Once(context.Background())
	if err != nil || stats.Busy != 1 || stats.Calls != 0 {
		t.Errorf("%+v, %v", stats, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	// The first has let go: the second takes over where it stopped.
	w.Segment(wire.LaneNormal, 1, 1, prices(4, 5)...)
	if stats, err := second.Once(context.Background()); err != nil || stats.Busy != 0 {
		t.Errorf("%+v, %v", stats, err)
	}
	if len(other.sorted()) == 0 {
		t.Error("the second drainer took nothing over")
	}
}

// What a store does not take comes again; nothing is stored twice.
func TestStoreFails(t *testing.T) {
	folder := t.TempDir()
	w := spooltest.New(t, folder, 1)
	w.Define(spooltest.Desk(), "")
	w.Segment(wire.LaneNormal, 0, 1, append(prices(1, 25), spooltest.End())...)
	w.Segment(wire.LaneNormal, 0, 2, prices(26, 40)...)
	w.Die()
	broken := errors.New("disk full")
	n := 0
	m := &memory{fail: func() error {
		if n++; n%2 == 0 {
			return broken
		}
		return nil
	}}
	log := &record{}
	d := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: m, BatchSize: 10, Logger: slog.New(log)})
	for failed := 0; ; failed++ {
		stats, err := d.Once(context.Background())
		if err == nil {
			if failed == 0 || stats.Calls != 40 || stats.Runs != 1 {
				t.Errorf("%d failures, %+v", failed, stats)
			}
			break
		}
		if !errors.Is(err, broken) || stats.Failed != 1 {
			t.Fatalf("%+v, %v", stats, err)
		}
	}
	wantCalls(t, m, 1, 40)
	wantEmpty(t, folder)
}

func TestRunComplainsOnce(t *testing.T) {
	folder := t.TempDir()
	w := spooltest.New(t, folder, 1)
	w.Define(spooltest.Desk(), "")
	w.Segment(wire.LaneNormal, 0, 1, prices(1, 3)...)
	w.Die()
	tried := make(chan struct{})
	m := &memory{fail: func() error {
		tried <- struct{}{}
		return errors.New("disk full")
	}}
	log := &record{}
	d := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: m, Interval: 1, Logger: slog.New(log)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	for range 5 {
		<-tried
	}
	cancel()
	var err error
	for finished := false; !finished; {
		select {
		case <-tried:
		case err = <-done:
			finished = true
		}
	}
	if err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("Run = %v", err)
	}
	if lines := log.errors(); len(lines) != 1 {
		t.Errorf("complaints %q", lines)
	}
}

func TestDamagedSegmentGoesToQuarantine(t *testing.T) {
	folder := t.TempDir()
	w := spooltest.New(t, folder, 1)
	w.Define(spooltest.Desk(), "")
	bad := spooltest.Price(99)
	bad.Args = []byte{250}
	w.Segment(wire.LaneNormal, 0, 1, append(prices(1, 3), bad.Record(), spooltest.End())...)
	w.Segment(wire.LaneNormal, 0, 2, prices(4, 6)...)
	w.Segment(wire.LaneError, 0, 1, spooltest.Fail(7, 0).Record())
	w.Die()
	m, log := &memory{}, &record{}
	d := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: m, Logger: slog.New(log)})
	stats, err := d.Once(context.Background())
	if err != nil || stats.Quarantined != 1 {
		t.Errorf("%+v, %v", stats, err)
	}
	wantCalls(t, m, 1, 7)
	moved := filepath.Join(folder, spool.QuarantineFolder, w.ID+"-"+wire.SegmentName(wire.LaneNormal, 0, 1))
	if _, err := os.Stat(moved); err != nil {
		t.Error(err)
	}
	if lines := log.errors(); len(lines) != 1 || !strings.Contains(lines[0], moved) {
		t.Errorf("complaints %q", lines)
	}
	if ids, err := spool.List(folder); err != nil || len(ids) > 0 {
		t.Errorf("%v, %v", ids, err)
	}
}

// A newer monitorgen's segment is an error and is left; the rest is stored.
func TestFutureSegment(t *testing.T) {
	folder := t.TempDir()
	w := spooltest.New(t, folder, 1)
	w.Define(spooltest.Desk(), "")
	path := w.SegmentOfVersion(wire.Version+1, wire.LaneNormal, 0, 1, prices(50, 60)...)
	w.Segment(wire.LaneNormal, 1, 1, prices(1, 3)...)
	w.Die()
	m := &memory{}
	d := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: m})
	for range 2 {
		if _, err := d.Once(context.Background()); !errors.Is(err, spool.ErrVersion) {
			t.Errorf("Once = %v", err)
		}
	}
	wantCalls(t, m, 1, 3)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// A process that died before it said who it is leaves nothing behind.
func TestBornDead(t *testing.T) {
	folder := t.TempDir()
	w := spooltest.New(t, folder, 1)
	w.Die()
	m := &memory{}
	d := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: m})
	if _, err := d.Once(context.Background()); err != nil || len(m.runs) > 0 {
		t.Errorf("%v, %v", m.runs, err)
	}
	wantEmpty(t, folder)
}

func TestSessionsAreCountedApart(t *testing.T) {
	folder := t.TempDir()
	for n, session := range []string{"old", "new", "new"} {
		w := spooltest.New(t, folder, byte(n+1))
		w.Define(spooltest.Desk(), session)
		w.Segment(wire.LaneNormal, 0, 1, prices(1, uint64(n+1))...)
		w.Segment(wire.LaneError, 0, 1, spooltest.Fail(100, 0).Record())
		w.Die()
	}
	d := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: &memory{}})
	stats, err := d.Once(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if c := stats.Sessions["new"]; c.Runs != 2 || c.Calls != 7 || c.Errors != 2 {
		t.Errorf("new: %+v", c)
	}
	if c := stats.Sessions["old"]; c.Runs != 1 || c.Calls != 2 || c.Errors != 1 {
		t.Errorf("old: %+v", c)
	}
}
