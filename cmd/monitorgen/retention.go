package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/sink/sqlite"
)

const retentionUsage = `usage: monitorgen retention [flags] [FILE]

Retention says what a database keeps, and what would go now: calls that ended
longer ago than an age, and the oldest while the database takes more than a
size. With -now they go. FILE is a database, monitor.db if not named.

	monitorgen retention -age 24h desk.db
	monitorgen retention -age 1h -now desk.db

Whoever stores calls into a database applies its retention every minute, by
$MONITOR_RETENTION (6h if not set) and $MONITOR_RETENTION_SIZE (10GiB); the word
off sets no bound. What goes is overwritten in the file; the file does not
shrink, its free space is used again.

The JSON has age_ns and size_bytes (-1: no bound), used_bytes, free_bytes,
partitions (table, rows, first, last, open, and why it goes: age or size) and
rows_going; with -now also rows_gone and partitions_gone.
`

func runRetention(ctx context.Context, e *env, args []string) int {
	fs := newFlags(e, "retention", retentionUsage)
	age := fs.String("age", "", "keep calls for this `duration`, or off")
	size := fs.String("size", "", "keep as many as fit into this `size`, as 500MiB, or off")
	now := fs.Bool("now", false, "take away what has expired")
	asJSON := fs.Bool("json", false, "print JSON")
	if code, goOn := parseFlags(e, fs, args); !goOn {
		return code
	}
	name, code, goOn := oneFile(e, fs)
	if !goOn {
		return code
	}
	retention, err := e.retention(*age, *size)
	if err != nil {
		return e.failf("%v", err)
	}
	store := e.openStore(ctx, name, retention)
	if store == nil {
		return exitFailure
	}
	defer store.Close()
	plan, err := store.Plan(ctx)
	if err != nil {
		return e.failQuery(e.database(name), err)
	}
	if !*now {
		e.printPlan(e.database(name), plan, *asJSON)
		return exitDone
	}
	gone, err := store.Retain(ctx)
	if err != nil {
		return e.failQuery(e.database(name), err)
	}
	e.printGone(ctx, e.database(name), store, gone, *asJSON)
	return exitDone
}

// retention is that of the environment, and of flags where they are not empty.
func (e *env) retention(age, size string) (r sqlite.Retention, err error) {
	if r, err = sqlite.RetentionFromEnv(e.getenv); err != nil {
		return r, err
	}
	if age != "" {
		if r.Age, err = sqlite.ParseAge(age); err != nil {
			return r, fmt.Errorf("-age: %w", err)
		}
	}
	if size != "" {
		if r.Size, err = sqlite.ParseSize(size); err != nil {
			return r, fmt.Errorf("-size: %w", err)
		}
	}
	return r, nil
}

// openStore opens a database that there is for writing. When it cannot, it says
// why and returns nil.
func (e *env) openStore(ctx context.Context, name string, r sqlite.Retention) *sqlite.Store {
	path := e.database(name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		e.failf("no database %s: monitorgen run or monitorgen test makes one", e.shortPath(path))
		return nil
	}
	options, err := e.keeping(nil)
	if err != nil {
		e.failf("%v", err)
		return nil
	}
	options.Retention = r
	store, err := sqlite.OpenWith(ctx, path, options)
	if err != nil {
		e.failQuery(path, err)
		return nil
	}
	return store
}

// planEntry is a plan in JSON.
type planEntry struct {
	AgeNS          int64            `json:"age_ns"`
	SizeBytes      int64            `json:"size_bytes"`
	UsedBytes      int64            `json:"used_bytes"`
	FreeBytes      int64            `json:"free_bytes"`
	Partitions     []partitionEntry `json:"partitions"`
	RowsGoing      int64            `json:"rows_going"`
	RowsGone       *int64           `json:"rows_gone,omitempty"`
	PartitionsGone *int             `json:"partitions_gone,omitempty"`
}

type partitionEntry struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
	First string `json:"first,omitempty"`
	Last  string `json:"last,omitempty"`
	Open  bool   `json:"open,omitempty"`
	Why   string `json:"why,omitempty"`
}

func newPlanEntry(plan *sqlite.Plan) planEntry {
	entry := planEntry{AgeNS: int64(plan.Retention.Age), SizeBytes: plan.Retention.Size,
		UsedBytes: plan.Used, FreeBytes: plan.Free, Partitions: []partitionEntry{}}
	_, entry.RowsGoing = plan.Going()
	for _, p := range plan.Partitions {
		one := partitionEntry{Table: p.Table(), Rows: p.Rows, Open: p.Open, Why: p.Reason}
		if !p.First.IsZero() {
			one.First, one.Last = p.First.Format(time.RFC3339Nano), p.Last.Format(time.RFC3339Nano)
		}
		entry.Partitions = append(entry.Partitions, one)
	}
	return entry
}

func (e *env) printPlan(path string, plan *sqlite.Plan, asJSON bool) {
	if asJSON {
		e.printJSON(newPlanEntry(plan))
		return
	}
	fmt.Fprintf(e.stdout, "%s keeps calls %s; %s in use, %s free\n", e.shortPath(path), keeps(plan.Retention), humanBytes(plan.Used), humanBytes(plan.Free))
	t := textTable{head: strings.Fields("ROWS FIRST LAST STATE"), right: []bool{true}}
	for _, p := range plan.Partitions {
		state := "stays"
		switch {
		case p.Reason == sqlite.ReasonAge:
			state = "goes: too old"
		case p.Reason == sqlite.ReasonSize:
			state = "goes: too large"
		case p.Open:
			state = "takes new calls"
		}
		first, last := "", ""
		if !p.First.IsZero() {
			first, last = p.First.Format(time.DateTime), p.Last.Format(time.DateTime)
		}
		t.add(withCommas(p.Rows), first, last, state)
	}
	t.print(e.stdout)
	if going, rows := plan.Going(); len(going) > 0 {
		fmt.Fprintf(e.stdout, "%s would go: monitorgen retention -now takes them away\n", plural(rows, "call"))
	}
}

// keeps says in words how long calls are kept.
func keeps(r sqlite.Retention) string {
	var bounds []string
	if r.Age > 0 {
		bounds = append(bounds, "for "+shortDuration(r.Age))
	}
	if r.Size > 0 {
		bounds = append(bounds, "up to "+humanBytes(r.Size))
	}
	if len(bounds) == 0 {
		return "without bound"
	}
	return strings.Join(bounds, ", ")
}

// shortDuration shows a duration of whole minutes or hours as it would be typed.
func shortDuration(d time.Duration) string {
	text := d.String()
	for _, zero := range []struct{ unit, rest string }{{"m", "0s"}, {"h", "0m"}} {
		if strings.HasSuffix(text, zero.unit+zero.rest) {
			text = strings.TrimSuffix(text, zero.rest)
		}
	}
	return text
}

func (e *env) printGone(ctx context.Context, path string, store *sqlite.Store, gone sqlite.Gone, asJSON bool) {
	plan, err := store.Plan(ctx)
	if err != nil {
		e.failQuery(path, err)
		return
	}
	if asJSON {
		entry := newPlanEntry(plan)
		entry.RowsGone, entry.PartitionsGone = &gone.Rows, &gone.Partitions
		e.printJSON(entry)
		return
	}
	if gone.Rows == 0 {
		fmt.Fprintf(e.stdout, "nothing in %s has expired\n", e.shortPath(path))
		return
	}
	fmt.Fprintf(e.stdout, "%s gone from %s; %s in use, %s free\n", plural(gone.Rows, "call"), e.shortPath(path), humanBytes(plan.Used), humanBytes(plan.Free))
}
