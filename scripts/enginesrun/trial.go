//go:build unix

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/status"
)

// batchSize makes batches enough for one to be at work when the engine is killed.
const batchSize = 2_000

// engine is one that can be killed.
type engine interface {
	name() string
	Version(ctx context.Context) (string, error)
	URL() string
	Kill()
	Start(ctx context.Context) error
	// count returns the calls and failed calls that the engine has, and how many
	// more copies of them; exact says that there must be none.
	count(ctx context.Context) (calls, failed, again int64, exact bool, err error)
}

// trial sends calls to one engine.
type trial struct {
	engine
	victim, dir string
	calls       int
	down        time.Duration
}

// run measures an undisturbed engine, then kills it, and prints a line. It reports
// whether every call is there, and once.
func (t *trial) run(ctx context.Context) (good bool, err error) {
	version, err := t.Version(ctx)
	if err != nil {
		return false, err
	}
	rate, err := t.rate(ctx)
	if err != nil {
		return false, fmt.Errorf("undisturbed: %w", err)
	}
	killedAt, opened, err := t.kill(ctx)
	if err != nil {
		return false, fmt.Errorf("killed: %w", err)
	}
	calls, failed, again, exact, err := t.count(ctx)
	if err != nil {
		return false, err
	}
	sent := int64(2 * t.calls)
	printLine(t.name(), version, sent, killedAt, calls, failed, again, strconv.FormatInt(opened, 10), rate)
	return calls == sent && failed == sent/100 && (again == 0 || !exact), nil
}

func printHeader() {
	fmt.Printf("%-12s %-28s %9s %9s %9s %9s %6s %8s %9s\n", "engine", "version", "sent", "killed at", "found", "errors", "twice", "breaker", "rows/s")
}

// printLine prints what became of the calls that were sent to an engine.
func printLine(name, version string, sent, killedAt, found, failed, again int64, opened string, rate float64) {
	fmt.Printf("%-12s %-28s %9d %9d %9d %9d %6d %8s %9.0f\n", name, version, sent, killedAt, found, failed, again, opened, rate)
}

// rate stores calls in an engine that nobody disturbs, and returns how many a second.
func (t *trial) rate(ctx context.Context) (float64, error) {
	folder := filepath.Join(t.dir, "first-spool")
	if err := record(ctx, t.victim, folder, t.calls); err != nil {
		return 0, err
	}
	store, err := sink.OpenStore(t.URL())
	if err != nil {
		return 0, err
	}
	defer store.Close()
	began := time.Now()
	_, err = sink.NewDrainer(sink.DrainerOptions{Spool: folder, Store: store, Logger: quiet}).Once(ctx)
	return float64(t.calls) / time.Since(began).Seconds(), err
}

// kill stores calls while the engine is killed when it has acknowledged a third of
// them, and down for a while. It returns how many those were, and how often the
// circuit breaker had opened.
func (t *trial) kill(ctx context.Context) (killedAt, opened int64, err error) {
	folder := filepath.Join(t.dir, "second-spool")
	if err := record(ctx, t.victim, folder, t.calls); err != nil {
		return 0, 0, err
	}
	store, err := sink.OpenStore(t.URL())
	if err != nil {
		return 0, 0, err
	}
	defer store.Close()
	third := make(chan struct{}, 1)
	var stored atomic.Int64
	drainer := sink.NewDrainer(sink.DrainerOptions{
		Spool: folder, Store: store, BatchSize: batchSize, Logger: quiet,
		Breaker: sink.BreakerOptions{Failures: 3, Timeout: time.Second},
		Progress: func(s sink.Stats) {
			if stored.Store(s.Calls); s.Calls >= int64(t.calls/3) {
				select {
				case third <- struct{}{}:
				default:
				}
			}
		},
	})
	draining, stop := context.WithCancel(ctx)
	drained := make(chan error, 1)
	go func() { drained <- drainer.Run(draining) }()
	defer func() {
		stop()
		if e := <-drained; err == nil {
			err = e
		}
	}()
	select {
	case <-third:
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
	t.Kill()
	killedAt = stored.Load()
	select {
	case <-time.After(t.down):
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
	shown, err := status.Read(folder)
	if err != nil {
		return 0, 0, err
	}
	for _, s := range shown {
		opened += s.Opened
	}
	if err := t.Start(ctx); err != nil {
		return 0, 0, err
	}
	return killedAt, opened, t.await(ctx, folder)
}

// await returns when the drainer has removed the run: all of it is acknowledged.
func (t *trial) await(ctx context.Context, folder string) error {
	for {
		ids, err := spool.List(folder)
		if err != nil || len(ids) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
