//go:build unix

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/sqlite"
)

// clockJumps drains a program by a clock that is set forward and back, by less
// than what is kept and by a year, and has what is due be done by each.
func clockJumps(t *trial) error {
	v, err := t.spooled()
	if err != nil {
		return err
	}
	var ahead time.Duration
	clock := func() time.Time { return time.Now().Add(ahead) }
	store, err := sqlite.Keep(t.ctx, t.db, sqlite.KeeperOptions{Options: sqlite.Options{Now: clock}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer store.Close()
	drainer := sink.NewDrainer(sink.DrainerOptions{Spool: t.spool, Store: store, Logger: slog.New(slog.DiscardHandler)})
	jumps := []time.Duration{0, 5 * time.Hour, -365 * 24 * time.Hour, 0, -time.Hour, 5 * time.Hour}
	for _, ahead = range jumps {
		if err := v.call(some); err != nil {
			return err
		}
		if _, err := drainer.Once(t.ctx); err != nil {
			return fmt.Errorf("the clock is %v ahead: %w", ahead, err)
		}
	}
	ahead = 0
	if err := errors.Join(v.end(), store.Close(), t.recover()); err != nil {
		return err
	}
	if err := t.complete(1, v.made); err != nil {
		return err
	}
	t.found += fmt.Sprintf("; %d jumps", len(jumps)-1)
	return nil
}
