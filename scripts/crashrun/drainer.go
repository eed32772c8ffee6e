//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/sqlite"
)

// ready is what a drainer prints when it has opened its database.
const ready = "ready"

// drainCommand is the first argument of this program as a drainer.
const drainCommand = "drain"

// drain is what monitorgen run does beside a program, until it is killed or
// terminated. Its batches are small: so there are more moments between them.
func drain(ctx context.Context, spool, database string) error {
	draining, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	store, err := sqlite.Open(ctx, database)
	if err != nil {
		return err
	}
	defer store.Close()
	fmt.Println(ready)
	return sink.NewDrainer(sink.DrainerOptions{Spool: spool, Store: store, Interval: 5 * time.Millisecond, BatchSize: 500}).Run(draining)
}

// startDrainer has the spool drained while the victim lives. stop ends that.
func (d *death) startDrainer(ctx context.Context) (stop func() error, err error) {
	switch d.drained {
	case byAnother:
		cmd, err := d.drainer(ctx, true)
		if err != nil {
			return nil, err
		}
		return func() error {
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				return err
			}
			return cmd.Wait()
		}, nil
	case byTheKilled:
		return d.startKilling(ctx)
	default:
		return func() error { return nil }, nil
	}
}

// drainer starts a drainer, and waits until it is at work.
func (d *death) drainer(ctx context.Context, wait bool) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, drainCommand, d.spool(), d.database())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a drainer: %w", err)
	}
	if !wait {
		return cmd, nil
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		cmd.Wait()
		return nil, fmt.Errorf("a drainer that was started says %q: %w", line, err)
	}
	return cmd, nil
}

// startKilling starts a drainer, kills it at a random moment, starts the next
// one, and so on.
func (d *death) startKilling(ctx context.Context) (stop func() error, err error) {
	random := rand.New(rand.NewPCG(d.random.Uint64(), 0)) // d.random is the other goroutine's
	ended := make(chan struct{})
	var failed error
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		for {
			// Some are killed while they open the database.
			cmd, err := d.drainer(ctx, random.IntN(4) > 0)
			if err != nil {
				failed = err
				return
			}
			select {
			case <-ended:
			case <-time.After(time.Duration(random.IntN(60)) * time.Millisecond):
			}
			cmd.Process.Kill()
			cmd.Wait()
			select {
			case <-ended:
				return
			default:
			}
		}
	}()
	return func() error {
		close(ended)
		done.Wait()
		return failed
	}, nil
}
