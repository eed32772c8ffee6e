package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/sink"
	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite"
)

const agentUsage = `usage: monitorgen agent [flags]

Agent stores what all recorded processes of this host record, in one database,
until it gets SIGINT or SIGTERM: then it stores what is there and ends. Start
the programs with MONITOR_SPOOL=DIR, each user's in a folder of that user's own.

	monitorgen agent -db /var/lib/monitorgen/monitor.db -spool /var/lib/monitorgen/spool
	monitorgen agent -db all.db -watch /srv/services -log-json
	monitorgen agent -once -spool /var/tmp/desk-spool
	monitorgen agent -store otlp+http://localhost:4318 -spool /var/lib/monitorgen/spool

Of several agents on one spool, each run is drained by one; when that dies
another takes over. Several agents may write one database, too. A folder that
belongs to another user, or is a symbolic link, is named and left alone.
`

// agentFlags are what the command line says.
type agentFlags struct {
	db       string
	stores   list
	spools   list
	parents  list
	interval time.Duration
	batch    int
	breaker  sink.BreakerOptions
	once     bool
	level    slog.Level
	json     bool
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }
func (l *list) Set(v string) error {
	if v == "" {
		return errors.New("it is empty")
	}
	*l = append(*l, v)
	return nil
}

func (a *agentFlags) register(fs *flag.FlagSet) {
	fs.StringVar(&a.db, "db", "", "the database `file`, made with its folder if there is none; $MONITOR_DB or monitor.db if not named")
	fs.Var(&a.stores, "store", storeFlagText)
	fs.Var(&a.spools, "spool", "drain this spool `folder`, which need not exist yet; may be repeated; without it and -watch, $MONITOR_SPOOL or FILE-spool")
	fs.Var(&a.parents, "watch", "drain every spool in this `folder`, also those that come later: folders whose names end in spool, or with runs in them; may be repeated")
	fs.DurationVar(&a.interval, "interval", sink.DefaultInterval, "`time` between two passes")
	fs.IntVar(&a.batch, "batch", sink.DefaultBatchSize, "`calls` per transaction at most")
	fs.IntVar(&a.breaker.Failures, "failures", sink.DefaultBreakerFailures, "`writes` that fail in a row until the database is left alone for a while")
	fs.DurationVar(&a.breaker.Timeout, "retry", sink.DefaultBreakerTimeout, "how much `time` that while takes")
	fs.BoolVar(&a.once, "once", false, "store what is there now, and end")
	fs.TextVar(&a.level, "log", slog.LevelInfo, "log this `level` and above: debug, info, warn or error")
	fs.BoolVar(&a.json, "log-json", false, "log in JSON, a line each")
}

func runAgent(ctx context.Context, e *env, args []string) int {
	var a agentFlags
	flags := newFlags(e, "agent", agentUsage)
	a.register(flags)
	if code, goOn := parseFlags(e, flags, args); !goOn {
		return code
	}
	if flags.NArg() > 0 {
		return e.failf("agent takes flags alone, not %q; the database is -db FILE", namesOf(flags.Args()))
	}
	if isURL(a.db) {
		return e.failf("agent: -db is a file, and %s a store: -store URL", nameOf(a.db))
	}
	if a.interval <= 0 || a.batch <= 0 || a.breaker.Failures <= 0 || a.breaker.Timeout <= 0 {
		return e.failf("agent: -interval, -batch, -failures and -retry are above 0")
	}
	return e.agent(ctx, &a)
}

// agent drains until ctx is done, or once.
func (e *env) agent(ctx context.Context, a *agentFlags) int {
	db := e.database(a.db)
	log := newLogger(e.stderr, a.level, a.json)
	if err := os.MkdirAll(filepath.Dir(db), 0o700); err != nil {
		return e.failf("make the database's folder: %v", err)
	}
	stores, err := e.stores(a.stores)
	if err != nil {
		return e.failf("agent: %v", err)
	}
	defer closeAll(stores)
	if len(stores) == 0 || a.db != "" || e.getenv("MONITOR_DB") != "" {
		options, err := e.keeping(log)
		if err != nil {
			return e.failf("%v", err)
		}
		store, err := sqlite.Keep(ctx, db, sqlite.KeeperOptions{Options: options, Check: thoroughCheck, Logger: log})
		switch {
		case errors.Is(err, context.Canceled):
			return exitDone // told to end before it began
		case err != nil:
			return e.failQuery(db, err)
		}
		defer store.Close()
		stores = append([]sink.Store{store}, stores...)
	}
	shown := sink.SpoolOf(db) // where whoever looks at the database looks for its drainers
	if err := os.Mkdir(shown, 0o700); err == nil {
		defer os.Remove(shown) // gone if it is empty
	} else if !errors.Is(err, fs.ErrExist) {
		log.Warn("how the agent does will not be shown", "error", err)
	}
	watched := e.watched(a, db, log)
	drainer := sink.NewDrainers(sink.DrainerOptions{
		Spool: shown, Folders: watched.folders, Store: stores[0], Interval: a.interval, BatchSize: a.batch, Breaker: a.breaker, Logger: log,
	}, stores[1:]...)
	log.Info("the agent starts", "stores", storeNames(stores, db), "spools", watched.spools, "watch", watched.parents)
	if a.once {
		_, err = drainer.Once(ctx)
	} else {
		err = drainer.Run(ctx)
	}
	stats := drainer.Stats()
	log.Info("the agent ends", "calls", stats.Calls, "errors", stats.Errors, "processes", stats.Runs, "busy", stats.Busy, "quarantined", stats.Quarantined)
	if err != nil {
		log.Error("not everything is stored", "error", err)
		return exitFailure
	}
	return exitDone
}

// thoroughCheck is how long an agent looks for damage in the database when it starts.
const thoroughCheck = time.Minute

// newLogger returns a log of lines, for people or for machines.
func newLogger(w io.Writer, level slog.Level, asJSON bool) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if asJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// watched finds the spools that an agent drains.
type watched struct {
	spools  []string // whatever is in them
	parents []string
	log     *slog.Logger
	said    map[string]bool
}

func (e *env) watched(a *agentFlags, db string, log *slog.Logger) *watched {
	w := &watched{log: log, said: map[string]bool{}}
	for _, dir := range a.spools {
		w.spools = append(w.spools, e.path(dir))
	}
	for _, dir := range a.parents {
		w.parents = append(w.parents, e.path(dir))
	}
	if len(w.spools)+len(w.parents) == 0 {
		w.spools = []string{e.spoolOf(db)}
	}
	return w
}

// folders returns the folders of spools that there are now.
func (w *watched) folders() (found []string, err error) {
	candidates := slices.Clone(w.spools)
	for _, parent := range w.parents {
		candidates = append(candidates, w.spoolsIn(parent)...)
	}
	for _, dir := range candidates {
		if !slices.Contains(found, dir) && w.takes(dir) {
			found = append(found, dir)
		}
	}
	return found, nil
}

// spoolsIn returns what looks like a spool in a folder.
func (w *watched) spoolsIn(parent string) (spools []string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		w.sayOnce(parent, "a watched folder cannot be read", err)
	}
	for _, entry := range entries {
		dir := filepath.Join(parent, entry.Name())
		if !entry.IsDir() {
			continue
		}
		if strings.HasSuffix(entry.Name(), "spool") {
			spools = append(spools, dir)
		} else if ids, err := spool.List(dir); err == nil && len(ids) > 0 {
			spools = append(spools, dir)
		}
	}
	return spools
}

// takes reports whether a spool is to be drained, and says so at first sight.
func (w *watched) takes(dir string) bool {
	err := spool.Check(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false
	case err != nil:
		w.sayOnce(dir, "a spool is left alone", err)
		return false
	}
	w.sayOnce(dir, "draining a spool", nil)
	return true
}

func (w *watched) sayOnce(dir, what string, err error) {
	key := fmt.Sprint(dir, what)
	if w.said[key] {
		return
	}
	w.said[key] = true
	if err != nil {
		w.log.Warn(what, "folder", dir, "error", err)
		return
	}
	w.log.Info(what, "folder", dir)
}
