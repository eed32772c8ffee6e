package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/monitorgen/monitorgen/internal/filter"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

const tailUsage = `usage: monitorgen tail [flags] [FILE | URL]

Tail shows the newest calls, and then calls as they are stored, until it is
interrupted. FILE is a database, monitor.db if not named;
` + serverText + `

	monitorgen tail -errors -func desk.
	monitorgen tail -q 'under:Checkout dur:>5ms'

With -json it prints one call per line.
` + callNames

// tailInterval is how often tail looks whether the database has changed.
const tailInterval = 100 * time.Millisecond

func runTail(ctx context.Context, e *env, args []string) int {
	fs := newFlags(e, "tail", tailUsage)
	n := fs.Int("n", 10, "begin with the newest `N` calls")
	follow := fs.Bool("f", true, "go on with calls as they are stored; -f=false ends after the newest")
	onlyErrors := fs.Bool("errors", false, "only calls that ended in an error or a panic")
	function := fs.String("func", "", "only functions whose name contains this `text`")
	var q queryFlag
	q.register(fs)
	asJSON := fs.Bool("json", false, "print JSON, a call per line")
	if code, goOn := parseFlags(e, fs, args); !goOn {
		return code
	}
	name, code, goOn := oneSource(e, fs)
	switch {
	case !goOn:
		return code
	case *n < 0:
		return e.failf("-n: %d calls cannot be shown", *n)
	}
	db := e.openReader(ctx, name)
	if db == nil {
		return exitFailure
	}
	defer db.Close()
	t := &tailing{env: e, db: db, filter: query.Filter{Function: *function, Query: q.Query}, asJSON: *asJSON, newest: db.Newest}
	if *onlyErrors {
		t.newest = db.Errors
		t.filter.Query.Terms = append(t.filter.Query.Terms, failed)
	}
	switch err := t.run(ctx, *n, *follow); {
	case err == nil, ctx.Err() != nil, errors.Is(err, syscall.EPIPE):
		return exitDone // an interrupt or a closed pipe is how a tail ends
	default:
		return e.failQuery(db.Path(), err)
	}
}

// failed takes calls that ended in an error or a panic.
var failed = filter.Term{Field: filter.Status, Op: filter.Is, Values: []filter.Value{{Text: "err"}}}

// tailing is a tail at work.
type tailing struct {
	env    *env
	db     reader
	filter query.Filter
	newest func(context.Context, query.Filter, int) ([]*query.Call, error)
	asJSON bool
	shown  map[query.CallID]bool // what it began with: tail.Next may have it too
}

func (t *tailing) run(ctx context.Context, n int, follow bool) error {
	// A closed pipe is then an error of the write, not the end of the process.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	defer signal.Stop(pipe)

	tail, err := t.db.Follow(ctx)
	if err != nil {
		return err
	}
	defer tail.Close()
	if err := t.printNewest(ctx, n); err != nil || !follow {
		return err
	}
	tick := time.NewTicker(tailInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if changed, err := tail.Changed(ctx); err != nil {
			return err
		} else if changed {
			if err := t.printStored(ctx, tail); err != nil {
				return err
			}
		}
	}
}

// printNewest prints the calls that tail begins with, the oldest first.
func (t *tailing) printNewest(ctx context.Context, n int) error {
	if n == 0 {
		return nil
	}
	calls, err := t.newest(ctx, t.filter, n)
	if err != nil {
		return err
	}
	slices.Reverse(calls)
	t.shown = map[query.CallID]bool{}
	for _, c := range calls {
		t.shown[c.ID] = true
	}
	return t.print(calls)
}

// printStored prints what came since.
func (t *tailing) printStored(ctx context.Context, tail query.Follower) error {
	for {
		calls, err := tail.Next(ctx)
		if err != nil || len(calls) == 0 {
			return err
		}
		if calls, err = t.db.Taken(ctx, t.filter, calls); err != nil {
			return err
		}
		calls = slices.DeleteFunc(calls, func(c *query.Call) bool { return t.shown[c.ID] })
		if err := t.print(calls); err != nil {
			return err
		}
	}
}

func (t *tailing) print(calls []*query.Call) error {
	var text bytes.Buffer
	lines := json.NewEncoder(&text)
	lines.SetEscapeHTML(false)
	for _, c := range calls {
		if !t.asJSON {
			text.WriteString(t.line(c))
		} else if err := lines.Encode(newCallEntry(c)); err != nil {
			return err
		}
	}
	_, err := t.env.stdout.Write(text.Bytes())
	return err
}

func (t *tailing) line(c *query.Call) string {
	line := clockTime(c.Start) + "  " + callText(c) + "  " + humanDuration(c.Duration)
	if c.Failed {
		line += "  " + t.env.statusText(true)
	}
	return line + "\n"
}
