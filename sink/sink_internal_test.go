//go:build unix

package sink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
	"github.com/monitorgen/monitorgen/sink/spool"
)

// fakeRecorder stands for package runtime: it writes a spool as a test tells it.
type fakeRecorder struct {
	t       testing.TB
	run     *spooltest.Run
	started string
	flushes int
	stops   int
	fail    error
	then    func() // after Start
}

func (f *fakeRecorder) Start(spool string) error {
	if f.fail != nil {
		return f.fail
	}
	f.started = spool
	f.run = spooltest.New(f.t, spool, 77)
	f.run.Define(spooltest.Desk(), "")
	if f.then != nil {
		f.then()
	}
	return nil
}

func (f *fakeRecorder) RunID() string { return f.run.ID }
func (f *fakeRecorder) Flush() error  { f.flushes++; return nil }
func (f *fakeRecorder) Stop() error   { f.stops++; f.run.Die(); return nil }

// listStore keeps ids of calls.
type listStore struct {
	mu     sync.Mutex
	ids    []uint64
	closed int
}

func (l *listStore) Run(context.Context, *spool.Info) (RunID, []spool.Position, error) {
	return 1, nil, nil
}

func (l *listStore) Write(_ context.Context, b *Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range b.Calls {
		l.ids = append(l.ids, c.ID)
	}
	return nil
}

func (l *listStore) Close() error { l.closed++; return nil }

func (l *listStore) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprint(l.ids)
}

func clearEnvironment(t *testing.T) {
	t.Setenv("MONITOR", "")
	t.Setenv("MONITOR_SPOOL", "")
}

func TestStartFlushClose(t *testing.T) {
	clearEnvironment(t)
	folder := filepath.Join(t.TempDir(), "made", "spool")
	f, store := &fakeRecorder{t: t}, &listStore{}
	s, err := start(context.Background(), Options{Store: store, Spool: folder, Interval: 1 << 62}, f)
	if err != nil {
		t.Fatal(err)
	}
	path := f.run.Segment(wire.LaneNormal, 0, 1, spooltest.Price(1).Record())
	if err := s.Flush(context.Background()); err != nil || store.String() != "[1]" || f.flushes != 1 {
		t.Errorf("stored %v, %d flushes, %v", store, f.flushes, err)
	}
	f.run.Append(path, wire.SegmentHeaderSize+len(spooltest.Price(1).Record()), spooltest.Price(2).Record())
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if store.String() != "[1 2]" || store.closed != 1 || f.stops != 1 {
		t.Errorf("stored %v, closed %d, stopped %d", store, store.closed, f.stops)
	}
	if stats := s.Stats(); stats.Calls != 2 || stats.Runs != 1 {
		t.Errorf("%+v", stats)
	}
	if ids, err := spool.List(folder); err != nil || len(ids) > 0 {
		t.Errorf("%v, %v", ids, err)
	}
	if err := s.Flush(context.Background()); err != nil {
		t.Errorf("Flush after Close = %v", err)
	}
}

// Start brings in what the dead left, and leaves the runs of the living to them.
func TestStartStoresLeftovers(t *testing.T) {
	clearEnvironment(t)
	folder := t.TempDir()
	for n := byte(1); n <= 2; n++ {
		w := spooltest.New(t, folder, n)
		w.Define(spooltest.Desk(), "")
		w.Segment(wire.LaneNormal, 0, 1, spooltest.Price(uint64(n)).Record())
		if n == 1 {
			w.Die()
		}
	}
	store := &listStore{}
	s, err := start(context.Background(), Options{Store: store, Spool: folder, Interval: 1 << 62}, &fakeRecorder{t: t})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil || store.String() != "[1]" {
		t.Errorf("stored %v, %v", store, err)
	}
	if ids, err := spool.List(folder); err != nil || len(ids) != 1 {
		t.Errorf("%v, %v", ids, err)
	}
}

func TestFlushWhenSomebodyElseDrains(t *testing.T) {
	clearEnvironment(t)
	folder := t.TempDir()
	f := &fakeRecorder{t: t}
	f.then = func() {
		other, err := spool.Open(folder, f.run.ID)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { other.Close() })
	}
	s, err := start(context.Background(), Options{Store: &listStore{}, Spool: folder, Interval: 1 << 62}, f)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Flush(context.Background()); !errors.Is(err, spool.ErrBusy) {
		t.Errorf("Flush = %v", err)
	}
}

func TestStartDoesNothing(t *testing.T) {
	for _, env := range [][2]string{{"MONITOR", "off"}, {"MONITOR_SPOOL", "/somewhere"}} {
		clearEnvironment(t)
		t.Setenv(env[0], env[1])
		f, store := &fakeRecorder{t: t}, &listStore{}
		folder := filepath.Join(t.TempDir(), "spool")
		s, err := start(context.Background(), Options{Store: store, Spool: folder}, f)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Flush(context.Background()), s.Close(), s.Close()); err != nil || f.started != "" || store.closed != 1 {
			t.Errorf("%s: %v, started %q, closed %d", env, err, f.started, store.closed)
		}
		if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a spool folder was made", env)
		}
		t.Setenv(env[0], "")
	}
}

func TestStartFails(t *testing.T) {
	clearEnvironment(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	broken := errors.New("no room")
	cases := []struct {
		name string
		ctx  context.Context
		o    Options
		fail error
		want string
	}{
		{"no store", context.Background(), Options{Spool: "x"}, nil, "needed"},
		{"no spool", context.Background(), Options{Store: &listStore{}}, nil, "needed"},
		{"spool cannot be made", context.Background(), Options{Store: &listStore{}, Spool: filepath.Join(file, "x")}, nil, file},
		{"recorder", context.Background(), Options{Store: &listStore{}, Spool: t.TempDir()}, broken, "no room"},
		{"context", over, Options{Store: &listStore{}, Spool: t.TempDir()}, nil, "canceled"},
	}
	for _, c := range cases {
		s, err := start(c.ctx, c.o, &fakeRecorder{t: t, fail: c.fail})
		if err == nil || s != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if l, ok := c.o.Store.(*listStore); ok && l.closed != 1 {
			t.Errorf("%s: the store is closed %d times", c.name, l.closed)
		}
	}
}

// A signal of the list ends the program as it would have, after everything is
// stored. The test is its own child.
func TestSignals(t *testing.T) {
	clearEnvironment(t)
	if out := os.Getenv("MONITORGEN_TEST_SIGNAL"); out != "" {
		store := &fileStore{path: out}
		f := &fakeRecorder{t: t}
		if _, err := start(context.Background(), Options{Store: store, Spool: t.TempDir(), Interval: 1 << 62, Signals: []os.Signal{syscall.SIGTERM}}, f); err != nil {
			t.Fatal(err)
		}
		f.run.Segment(wire.LaneNormal, 0, 1, spooltest.Price(1).Record())
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
		select {}
	}
	out := filepath.Join(t.TempDir(), "stored")
	child := exec.Command(os.Args[0], "-test.run=^TestSignals$")
	child.Env = append(os.Environ(), "MONITORGEN_TEST_SIGNAL="+out)
	text, _ := child.CombinedOutput()
	if got := child.ProcessState.Sys().(syscall.WaitStatus).Signal(); got != syscall.SIGTERM {
		t.Errorf("the child ended by %v\n%s", got, text)
	}
	if stored, err := os.ReadFile(out); err != nil || string(stored) != "1 calls, closed" {
		t.Errorf("%q, %v", stored, err)
	}
}

// fileStore says in a file what it was given.
type fileStore struct {
	path  string
	calls int
}

func (f *fileStore) Run(context.Context, *spool.Info) (RunID, []spool.Position, error) {
	return 1, nil, nil
}
func (f *fileStore) Write(_ context.Context, b *Batch) error { f.calls += len(b.Calls); return nil }
func (f *fileStore) Close() error {
	return os.WriteFile(f.path, fmt.Appendf(nil, "%d calls, closed", f.calls), 0o600)
}

// Close without a signal lets the program's own handlers alone.
func TestCloseStopsListening(t *testing.T) {
	clearEnvironment(t)
	mine := make(chan os.Signal, 1)
	signal.Notify(mine, syscall.SIGUSR1)
	defer signal.Stop(mine)
	s, err := start(context.Background(), Options{Store: &listStore{}, Spool: t.TempDir(), Signals: []os.Signal{syscall.SIGUSR1}}, &fakeRecorder{t: t})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	<-mine
}

// A flush of our own run goes between the batches of what a dead process left.
func TestFlushDoesNotWaitForLeftovers(t *testing.T) {
	folder := t.TempDir()
	const leftovers = 5
	dead := spooltest.New(t, folder, 1)
	dead.Define(spooltest.Desk(), "")
	var records [][]byte
	for id := range uint64(leftovers) {
		records = append(records, spooltest.Price(id+1).Record())
	}
	dead.Segment(wire.LaneNormal, 0, 1, records...)
	dead.Die()
	mine := spooltest.New(t, folder, 2)
	mine.Define(spooltest.Desk(), "")
	mine.Segment(wire.LaneNormal, 0, 1, spooltest.Price(leftovers+1).Record())

	synctest.Test(t, func(t *testing.T) {
		store := &steppedStore{step: make(chan struct{})}
		d := NewDrainer(DrainerOptions{Spool: folder, Store: store, BatchSize: 1})
		all, flushed := make(chan error, 1), make(chan error, 1)
		go func() { all <- d.drainOne(context.Background(), dead.ID) }()
		synctest.Wait() // for the first batch of the leftovers
		go func() { flushed <- d.drainOne(context.Background(), mine.ID) }()
		synctest.Wait() // for its turn
		for range 2 {
			store.step <- struct{}{}
			synctest.Wait()
		}
		if want := fmt.Sprint([]uint64{1, leftovers + 1}); store.String() != want {
			t.Errorf("stored %v, want %v", store, want)
		}
		close(store.step)
		if err := errors.Join(<-all, <-flushed); err != nil || len(store.ids) != leftovers+1 {
			t.Errorf("stored %v, %v", store, err)
		}
		d.release()
	})
}

// steppedStore writes one batch for each step.
type steppedStore struct {
	listStore
	step chan struct{}
}

func (s *steppedStore) Write(ctx context.Context, b *Batch) error {
	<-s.step
	return s.listStore.Write(ctx, b)
}
