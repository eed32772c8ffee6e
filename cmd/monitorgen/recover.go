package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite"
)

const recoverUsage = `usage: monitorgen recover [flags] [FILE]

Recover stores what instrumented processes left in their spool: those that were
killed, those that nobody drained, and of those that still run what they have
recorded so far. What is stored is taken out of the spool, so nothing comes in
twice. FILE is a database, monitor.db if not named; it is made if there is none.

	monitorgen recover -spool /var/tmp/desk-spool desk.db
`

func runRecover(ctx context.Context, e *env, args []string) int {
	flags := newFlags(e, "recover", recoverUsage)
	var named list
	flags.Var(&named, "store", storeFlagText)
	folder := flags.String("spool", "", "the spool `folder`; $MONITOR_SPOOL or FILE-spool if not named")
	if code, goOn := parseFlags(e, flags, args); !goOn {
		return code
	}
	name, code, goOn := oneFile(e, flags)
	if !goOn {
		return code
	}
	stores, err := e.stores(named)
	if err != nil {
		return e.failf("recover: %v", err)
	}
	defer closeAll(stores)
	db := e.database(name)
	dir := e.spoolOf(db)
	if *folder != "" {
		dir = e.path(*folder)
	}
	runs, err := spoolRuns(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && *folder != "":
		return e.failf("no spool folder %s", e.shortPath(dir))
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return e.failf("%v", err)
	case len(runs) == 0:
		fmt.Fprintf(e.stdout, "nothing to recover in %s\n", e.shortPath(dir))
		return exitDone
	}
	if len(stores) == 0 || name != "" || e.getenv("MONITOR_DB") != "" {
		store, err := sqlite.Keep(ctx, db, sqlite.KeeperOptions{Options: sqlite.Options{Retention: sqlite.KeepAll}}) // what comes in may be old
		if err != nil {
			return e.failQuery(db, err)
		}
		defer store.Close()
		stores = append([]sink.Store{store}, stores...)
	}
	return e.recover(ctx, stores, e.shortPath(db), dir, runs)
}

// spoolRuns returns the ids of the runs in a spool folder.
func spoolRuns(dir string) ([]string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a spool folder", dir)
	}
	return spool.List(dir)
}

// recover drains the runs once and says what came of it.
func (e *env) recover(ctx context.Context, stores []sink.Store, db, dir string, runs []string) int {
	shown := e.progress()
	options := sink.DrainerOptions{Spool: dir, Store: stores[0], Progress: func(s sink.Stats) {
		shown.say("%s of %s, %s MiB of the spool", plural(s.Calls, "call"), plural(int64(s.Runs), "process"), withCommas(s.Bytes>>20))
	}}
	alive := living(dir, runs)
	stats, err := sink.NewDrainers(options, stores[1:]...).Once(ctx)
	shown.end()
	e.printRecovered(strings.Join(storeNames(stores, db), ", "), dir, stats)
	for _, id := range alive {
		fmt.Fprintf(e.stdout, "run %s is still running: what it records from now on stays in %s\n", id, e.shortPath(dir))
	}
	if err != nil {
		return e.failf("not everything is stored: %v", err)
	}
	return exitDone
}

func (e *env) printRecovered(into, dir string, s sink.Stats) {
	if s.Runs == 0 {
		fmt.Fprintf(e.stdout, "nothing to recover in %s\n", e.shortPath(dir))
	} else {
		fmt.Fprintf(e.stdout, "%s of %s recovered into %s\n", plural(s.Calls, "call"), plural(int64(s.Runs), "process"), into)
	}
	if s.Drops > 0 {
		fmt.Fprintf(e.stdout, "%s not kept: the spool was full\n", plural(s.Drops, "call"))
	}
	if s.Quarantined > 0 {
		fmt.Fprintf(e.stdout, "%s damaged and set aside in %s\n", plural(int64(s.Quarantined), "segment"), e.shortPath(dir))
	}
	if s.Busy > 0 {
		fmt.Fprintf(e.stdout, "%s left to who else drains: %s\n", plural(int64(s.Busy), "process"), e.shortPath(dir))
	}
}

// living returns the runs whose process is alive.
func living(dir string, runs []string) []string {
	var alive []string
	for _, id := range runs {
		if ok, err := spool.Alive(dir, id); err == nil && ok {
			alive = append(alive, id)
		}
	}
	return alive
}
