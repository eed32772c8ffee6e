//go:build unix

package sink_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/monitorgen/monitorgen/internal/wire"
	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/internal/spooltest"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/status"
)

// faulty is a memory that fails as long as it is told to, and keeps what it is
// told of the breaker.
type faulty struct {
	memory
	mu    sync.Mutex
	err   error // under mu; nil: it works
	tries int
	told  []sink.Breaker
}

func (f *faulty) Write(ctx context.Context, b *sink.Batch) error {
	f.tries++
	f.mu.Lock()
	err := f.err
	f.mu.Unlock()
	if err != nil {
		return err
	}
	if b.Breaker.State != "" {
		f.told = append(f.told, b.Breaker)
	}
	return f.memory.Write(ctx, b)
}

// works ends the failures.
func (f *faulty) works() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = nil
}

// leaveRuns writes three dead runs, each with two calls and then a failed one.
func leaveRuns(t *testing.T, folder string) {
	for n := range uint64(3) {
		w := spooltest.New(t, folder, byte(n+1))
		w.Define(spooltest.Desk(), "")
		w.Segment(wire.LaneNormal, 0, 1, prices(10*n+1, 10*n+2)...)
		w.Segment(wire.LaneError, 0, 1, spooltest.Fail(10*n+3, 1).Record())
		w.Die()
	}
}

func stateOf(t *testing.T, folder string) status.State {
	t.Helper()
	all, err := status.Read(folder)
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	return all[0].State()
}

// A store that fails is tried a few times, then once in a while; when it works
// again the failed calls of all runs come first, and nothing is lost or twice.
func TestBreaker(t *testing.T) {
	folder := t.TempDir()
	leaveRuns(t, folder)
	log := &record{}
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{err: errors.New("disk full")}
		d := sink.NewDrainer(sink.DrainerOptions{
			Spool: folder, Store: store, Interval: 100 * time.Millisecond, Logger: slog.New(log),
			Breaker: sink.BreakerOptions{Failures: 4, Timeout: 10 * time.Second},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		wait := func(d time.Duration) { time.Sleep(d); synctest.Wait() }

		wait(5 * time.Second)
		if store.tries != 4 || stateOf(t, folder) != status.CircuitOpen {
			t.Errorf("%d tries, %s; want 4, open", store.tries, stateOf(t, folder))
		}
		wait(10 * time.Second) // half open meanwhile
		if store.tries != 5 || stateOf(t, folder) != status.CircuitOpen {
			t.Errorf("%d tries, %s; want 5, open", store.tries, stateOf(t, folder))
		}
		store.works()
		wait(10 * time.Second)
		if want := []uint64{3, 13, 23, 1, 2, 11, 12, 21, 22}; !slices.Equal(store.ids, want) {
			t.Errorf("stored in the order %v, want %v", store.ids, want)
		}
		if got := stateOf(t, folder); got != status.OK {
			t.Error(got)
		}
		wantBreaker(t, store.told, sink.Breaker{State: status.HalfOpen, Opened: 2, Failures: 5}, sink.Breaker{State: status.Closed, Open: 20 * time.Second})
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	wantEmpty(t, folder)
	if states := log.lines; !slices.ContainsFunc(states, func(l string) bool { return strings.HasPrefix(l, "WARN circuit breaker") }) {
		t.Errorf("logged %q", states)
	}
}

// wantBreaker compares to the second: passes have their interval.
func wantBreaker(t *testing.T, got []sink.Breaker, want ...sink.Breaker) {
	t.Helper()
	got = slices.Clone(got)
	for i := range got {
		got[i].Open = got[i].Open.Truncate(time.Second)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the store was told %+v, want %+v", got, want)
	}
}

// A drainer that ends tries once more, whatever the circuit says.
func TestBreakerAtTheEnd(t *testing.T) {
	for _, works := range []bool{true, false} {
		folder := t.TempDir()
		leaveRuns(t, folder)
		synctest.Test(t, func(t *testing.T) {
			store := &faulty{err: errors.New("disk full")}
			d := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: store, Breaker: sink.BreakerOptions{Failures: 1, Timeout: time.Hour}})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- d.Run(ctx) }()
			synctest.Wait()
			if works {
				store.works()
			}
			cancel()
			if err := <-done; (err == nil) != works || store.tries == 1 {
				t.Errorf("works %v: %v, %d tries", works, err, store.tries)
			}
			if works != (len(store.ids) == 9) {
				t.Errorf("works %v: stored %v", works, store.ids)
			}
		})
	}
}

// The end of a context is not the store's fault.
func TestBreakerKnowsInterruption(t *testing.T) {
	folder := t.TempDir()
	leaveRuns(t, folder)
	store := &faulty{err: context.Canceled}
	d := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: store, Breaker: sink.BreakerOptions{Failures: 1}})
	for range 3 {
		if _, err := d.Once(context.Background()); !errors.Is(err, context.Canceled) {
			t.Errorf("Once = %v", err)
		}
	}
	store.works()
	if _, err := d.Once(context.Background()); err != nil {
		t.Error(err)
	}
	wantCalls9(t, store)
}

func wantCalls9(t *testing.T, store *faulty) {
	t.Helper()
	if got := store.sorted(); !slices.Equal(got, []uint64{1, 2, 3, 11, 12, 13, 21, 22, 23}) {
		t.Errorf("stored %v", got)
	}
}

// The store of a pass that takes long is late, not broken.
func TestDelayed(t *testing.T) {
	folder := t.TempDir()
	leaveRuns(t, folder)
	synctest.Test(t, func(t *testing.T) {
		store := &slow{}
		d := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: store})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		for _, want := range []status.State{status.OK, status.Delayed, status.Delayed} {
			time.Sleep(1200 * time.Millisecond)
			synctest.Wait()
			if got := stateOf(t, folder); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := stateOf(t, folder); got != status.OK {
			t.Error(got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// slow takes five seconds for a batch.
type slow struct{ memory }

func (s *slow) Write(ctx context.Context, b *sink.Batch) error {
	time.Sleep(5 * time.Second)
	return s.memory.Write(ctx, b)
}

// One drainer works on the runs of many folders.
func TestFolders(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for n, folder := range []string{first, second} {
		w := spooltest.New(t, folder, byte(n+1))
		w.Define(spooltest.Desk(), "")
		w.Segment(wire.LaneNormal, 0, 1, prices(uint64(n+1), uint64(n+1))...)
		w.Die()
	}
	m := &memory{}
	folders := []string{first}
	d := sink.NewDrainer(sink.DrainerOptions{Spool: t.TempDir(), Store: m, Folders: func() ([]string, error) { return folders, nil }})
	if _, err := d.Once(context.Background()); err != nil {
		t.Fatal(err)
	}
	wantCalls(t, m, 1, 1)
	folders = append(folders, second)
	if _, err := d.Once(context.Background()); err != nil {
		t.Fatal(err)
	}
	wantCalls(t, m, 1, 2)
	for _, folder := range folders {
		if ids, err := spool.List(folder); err != nil || len(ids) > 0 {
			t.Errorf("%v, %v", ids, err)
		}
	}
}

// A store that does not answer has failed; a drainer that is told to end has not.
func TestUnansweredIsAFailure(t *testing.T) {
	folder := t.TempDir()
	leaveRuns(t, folder)
	store := &faulty{err: fmt.Errorf("wait for an answer: %w", context.DeadlineExceeded)}
	d := sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: store, Breaker: sink.BreakerOptions{Failures: 1, Timeout: time.Hour}, Logger: slog.New(&record{})})
	if _, err := d.Once(t.Context()); err == nil || store.tries != 1 {
		t.Errorf("%d tries, %v; want one, after which the circuit is open", store.tries, err)
	}
}
