package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/sqlite"
)

// runSpoolMax is the size of a process's normal lane under run and test,
// where the drainer is beside it and a burst is better kept than dropped. A
// larger lane keeps more of a burst, but a program that makes calls by the
// hundred million then spends seconds on filling it (docs/limits.md).
const runSpoolMax = "256MiB"

// database returns the file to work on: the argument, or $MONITOR_DB, or monitor.db.
func (e *env) database(name string) string {
	return e.path(cmp.Or(name, e.getenv("MONITOR_DB"), "monitor.db"))
}

// spoolOf returns the spool folder that goes with a database.
func (e *env) spoolOf(db string) string {
	if dir := e.getenv("MONITOR_SPOOL"); dir != "" {
		return e.path(dir)
	}
	return db + "-spool"
}

// record runs user code by run, with an environment in which it records, and
// stores what it records, until all that its processes left is stored. The
// exit code is that of run, unless records could not be stored.
func (e *env) record(ctx context.Context, g *goLine, run func(environ []string) int) int {
	if isURL(g.db) {
		return e.failf("-db is a file, and %s a store: monitorgen agent -store URL sends calls there", nameOf(g.db))
	}
	db := e.database(g.db)
	options, err := e.keeping(nil)
	if err != nil {
		return e.failf("%v", err)
	}
	store, err := sqlite.Keep(ctx, db, sqlite.KeeperOptions{Options: options})
	if err != nil {
		return e.failf("%v", err)
	}
	defer store.Close()
	session, err := newSession()
	if err != nil {
		return e.failf("%v", err)
	}
	spool := e.spoolOf(db)
	if err := os.MkdirAll(spool, 0o700); err != nil {
		return e.failf("make the spool folder: %v", err)
	}
	drainer := sink.NewDrainer(sink.DrainerOptions{Spool: spool, Store: store})
	draining, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	drained := make(chan error, 1)
	go func() { drained <- drainer.Run(draining) }()

	var page *serving
	if g.serve {
		if page, err = e.servePage(ctx, db); err != nil {
			stop()
			<-drained
			return e.failf("-serve: %v", err)
		}
		defer page.close()
	}

	code := run(environWith(os.Environ(),
		"!MONITOR_SPOOL", spool, "!MONITOR_SESSION", session, "!MONITOR_DB", db, "MONITOR_SPOOL_MAX", runSpoolMax))

	stop()
	if err := <-drained; err != nil {
		fmt.Fprintf(e.stderr, "monitorgen: not everything is stored: %v\nmonitorgen: what is left is in %s; try monitorgen recover %s\n", err, spool, e.shortPath(db))
		code = cmp.Or(code, exitFailure)
	}
	// Gone if it is empty; processes that still run keep theirs.
	_ = os.Remove(spool)
	// Also after an interrupt: what was recorded until then is there.
	e.printSummary(context.WithoutCancel(ctx), db, session, drainer.Stats().Sessions[session])
	if page != nil && ctx.Err() == nil {
		fmt.Fprintf(e.stderr, "monitorgen: the page stays at %s until an interrupt\n", page.url)
		<-ctx.Done()
	}
	return code
}

func newSession() (string, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("make a session id: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// printSummary says on standard error what was recorded and how to see it.
func (e *env) printSummary(ctx context.Context, db, session string, c sink.Counts) {
	name := e.shortPath(db)
	if c.Calls == 0 {
		fmt.Fprintf(e.stderr, "monitorgen: no call was recorded\n")
		return
	}
	fmt.Fprintf(e.stderr, "\nmonitorgen: %s in %s (%s, %s)\n", plural(c.Calls, "call"), filepath.ToSlash(name), plural(c.Errors, "error"), plural(int64(c.Runs), "process"))
	if c.Drops > 0 {
		fmt.Fprintf(e.stderr, "monitorgen: %s not kept: the spool was full (MONITOR_SPOOL_MAX, MONITOR_OVERFLOW=wait)\n", plural(c.Drops, "call"))
	}
	if c.Quarantined > 0 {
		fmt.Fprintf(e.stderr, "monitorgen: %s of the spool damaged and set aside\n", plural(int64(c.Quarantined), "segment"))
	}
	if c.Calls > maxSummarised {
		fmt.Fprintln(e.stderr, "monitorgen stats shows them by function (so many take a while)")
		return
	}
	e.printSessionStats(ctx, db, session)
}

// maxSummarised is how many calls are read again for the summary without
// being asked: about a second's worth.
const maxSummarised = 2_000_000

// plural returns "1 call" or "2,345 calls".
func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	ending := "s"
	if what[len(what)-1] == 's' {
		ending = "es"
	}
	return withCommas(n) + " " + what + ending
}

// withCommas groups the digits of a number by three.
func withCommas(n int64) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
