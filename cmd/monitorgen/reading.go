package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/internal/filter"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

// openDatabase opens the database that the first argument names for reading.
// When it cannot, it says why and returns nil.
func (e *env) openDatabase(ctx context.Context, name string) *query.DB {
	path := e.database(name)
	db, err := query.Open(ctx, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.failf("no database %s: monitorgen run or monitorgen test makes one", e.shortPath(path))
	case err != nil:
		e.failQuery(path, err)
	}
	return db
}

// failQuery prints an error of package query with the path of the database as
// seen from the current folder.
func (e *env) failQuery(path string, err error) int {
	return e.failf("%s", strings.ReplaceAll(err.Error(), path, e.shortPath(path)))
}

// oneFile returns the [FILE] argument of a command, "" for none. What is on a server
// is the business of others.
func oneFile(e *env, fs *flag.FlagSet) (name string, code int, goOn bool) {
	name, code, goOn = oneSource(e, fs)
	if goOn && isURL(name) {
		return "", e.notOnServers(fs.Name(), name), false
	}
	return name, code, goOn
}

// oneSource returns the [FILE | URL] argument of a command, "" for none.
func oneSource(e *env, fs *flag.FlagSet) (name string, code int, goOn bool) {
	if fs.NArg() > 1 {
		return "", e.failf("%s takes one database, not %q; flags come first", fs.Name(), namesOf(fs.Args())), false
	}
	return fs.Arg(0), 0, true
}

// notOnServers says that a command is for files.
func (e *env) notOnServers(command, url string) int {
	return e.failf("%s is for a SQLite file, and %s is on a server: what is kept there is said by retention= in the URL of its agents, and what programs record beside their spool (docs/scale.md)", command, nameOf(url))
}

// filterFlags choose calls. They mean the same for every command that has them.
type filterFlags struct {
	since    time.Duration
	function string
	query    queryFlag
}

// queryFlag is a query in the language of docs/api.md.
type queryFlag struct{ filter.Query }

func (q *queryFlag) String() string { return q.Text }

func (q *queryFlag) Set(text string) (err error) {
	q.Query, err = filter.Parse(text)
	return err
}

// register adds -q. All commands that choose calls have it.
func (q *queryFlag) register(fs *flag.FlagSet) {
	fs.Var(q, "q", "only calls that this `query` takes, as 'fn:store.* status:err dur:>5ms arg.id=42 under:Checkout run:last'; docs/api.md has its terms")
}

func (f *filterFlags) register(fs *flag.FlagSet) {
	fs.DurationVar(&f.since, "since", 0, "only calls that started within this `duration` before now, as 10m or 1h30m")
	fs.StringVar(&f.function, "func", "", "only functions whose name contains this `text`")
	f.query.register(fs)
}

func (f *filterFlags) filter() query.Filter {
	filter := query.Filter{Function: f.function, Query: f.query.Query}
	if f.since != 0 {
		filter.Since = time.Now().Add(-f.since)
	}
	return filter
}

// terminal reports whether w is a terminal, or behaves like one.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// statusText returns ERR, red where that can be seen.
func (e *env) statusText(failed bool) string {
	switch {
	case !failed:
		return "OK"
	case terminal(e.stdout) && e.getenv("NO_COLOR") == "":
		return "\x1b[31mERR\x1b[0m"
	}
	return "ERR"
}

// callEntry is a call in JSON. The names are documented in the help texts.
type callEntry struct {
	Call       string       `json:"call"`
	Parent     string       `json:"parent,omitempty"`
	Trace      string       `json:"trace"`
	Process    string       `json:"process"`
	Group      string       `json:"group"`
	TS         string       `json:"ts"`
	DurationNS int64        `json:"duration_ns"`
	Status     string       `json:"status"`
	Exception  string       `json:"exception,omitempty"`
	Stack      string       `json:"stack,omitempty"`
	Depth      int64        `json:"depth"`
	Goroutine  int64        `json:"goroutine"`
	Arguments  []valueEntry `json:"arguments"`
	Results    []valueEntry `json:"results"`
}

// valueEntry is an argument or a result in JSON.
type valueEntry struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// callNames documents callEntry in help texts.
const callNames = `A call in JSON has call (RUN:CALL), parent, trace, process, group, ts (start, UTC),
duration_ns, status (OK or ERR), exception, stack (in errors: where one surfaced), depth, goroutine, and arguments and
results: lists of {name, type, value}.
`

func newCallEntry(c *query.Call) callEntry {
	entry := callEntry{
		Call: c.ID.String(), Trace: query.CallID{Run: c.ID.Run, Call: c.Trace}.String(),
		Process: c.Process, Group: c.Group, TS: c.Start.Format(time.RFC3339Nano), DurationNS: int64(c.Duration),
		Status: "OK", Exception: c.Exception, Stack: c.Stack, Depth: c.Depth, Goroutine: c.Goroutine,
		Arguments: valueEntries(c.Arguments), Results: valueEntries(c.Results),
	}
	if c.Parent != 0 {
		entry.Parent = query.CallID{Run: c.ID.Run, Call: c.Parent}.String()
	}
	if c.Failed {
		entry.Status = "ERR"
	}
	return entry
}

func valueEntries(values []query.Value) []valueEntry {
	entries := []valueEntry{}
	for _, v := range values {
		entries = append(entries, valueEntry{v.Name, v.Type, v.JSON})
	}
	return entries
}

func callEntries(calls []*query.Call) []callEntry {
	entries := []callEntry{}
	for _, c := range calls {
		entries = append(entries, newCallEntry(c))
	}
	return entries
}

// clockTime is how a call's start is shown: with its date, to the millisecond,
// in local time.
func clockTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05.000") }

// nothingFound says that a filter took no call.
func (e *env) nothingFound(what, path string) {
	fmt.Fprintf(e.stdout, "no %s in %s\n", what, e.shortPath(path))
}
