package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/monitorgen/monitorgen/sink/spool"
	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

const openUsage = `usage: monitorgen open [flags] [FILE]

Open shows the calls that running processes are in at this moment, with their
arguments and for how long, by process and goroutine, outermost first. FILE is a database, monitor.db if not named;
what is read is its spool. Calls that were open when a process ended are in the
view open_calls.

	monitorgen open -over 10s

The JSON is {"processes": [...]}, each with run, pid, program, calls, deeper (open
calls further in than there is room for), unshown (goroutines without room) and
damaged. A call has call (its id), parent, trace, process, group, ts (start, UTC),
open_ns, depth, goroutine and arguments: a list of {name, type, value}.
`

// openEntry is an open call in JSON.
type openEntry struct {
	Call      uint64       `json:"call"`
	Parent    uint64       `json:"parent,omitempty"`
	Trace     uint64       `json:"trace"`
	Process   string       `json:"process"`
	Group     string       `json:"group"`
	TS        string       `json:"ts"`
	OpenNS    int64        `json:"open_ns"`
	Depth     uint16       `json:"depth"`
	Goroutine uint64       `json:"goroutine"`
	Arguments []valueEntry `json:"arguments"`
}

// openProcess is a process in the JSON of open.
type openProcess struct {
	Run     string      `json:"run"`
	PID     int         `json:"pid"`
	Program string      `json:"program"`
	Calls   []openEntry `json:"calls"`
	Deeper  int         `json:"deeper,omitempty"`
	Unshown int         `json:"unshown,omitempty"`
	Damaged int         `json:"damaged,omitempty"`
}

func runOpen(_ context.Context, e *env, args []string) int {
	flags := newFlags(e, "open", openUsage)
	folder := flags.String("spool", "", "the spool `folder`; $MONITOR_SPOOL or FILE-spool if not named")
	over := flags.Duration("over", 0, "only calls that have been open for longer than this `duration`")
	function := flags.String("func", "", "only functions whose name contains this `text`")
	asJSON := flags.Bool("json", false, "print JSON")
	if code, goOn := parseFlags(e, flags, args); !goOn {
		return code
	}
	name, code, goOn := oneFile(e, flags)
	if !goOn {
		return code
	}
	dir := e.spoolOf(e.database(name))
	if *folder != "" {
		dir = e.path(*folder)
		if _, err := spoolRuns(dir); errors.Is(err, fs.ErrNotExist) {
			return e.failf("no spool folder %s", e.shortPath(dir))
		} else if err != nil {
			return e.failf("%v", err)
		}
	}
	runs, err := spool.OpenNow(dir)
	takes := func(c *spool.Call, open time.Duration) bool {
		return open >= *over && (strings.Contains(c.Function.Process, *function) || strings.Contains(c.Function.Package+"."+c.Function.Name, *function))
	}
	processes := openProcesses(runs, time.Now(), takes)
	if *asJSON {
		e.printJSON(map[string]any{"processes": processes})
	} else {
		e.printOpen(processes, dir)
	}
	if err != nil {
		return e.failf("not every process could be read: %v", err)
	}
	return exitDone
}

func openProcesses(runs []spool.OpenRun, now time.Time, takes func(*spool.Call, time.Duration) bool) []openProcess {
	all := []openProcess{}
	for _, r := range runs {
		p := openProcess{Run: r.Info.ID, PID: r.Info.PID, Program: r.Info.Program, Calls: []openEntry{}, Deeper: r.Open.Deeper, Unshown: r.Open.Unshown, Damaged: r.Open.Damaged}
		for i := range r.Open.Calls {
			c := &r.Open.Calls[i]
			if open := max(0, now.Sub(time.Unix(0, c.Start))); takes(c, open) {
				p.Calls = append(p.Calls, newOpenEntry(c, open))
			}
		}
		all = append(all, p)
	}
	return all
}

func newOpenEntry(c *spool.Call, open time.Duration) openEntry {
	entry := openEntry{
		Call: c.ID, Parent: c.Parent, Trace: c.Trace, Process: c.Function.Process, Group: c.Function.Group,
		TS: time.Unix(0, c.Start).UTC().Format(time.RFC3339Nano), OpenNS: int64(open),
		Depth: c.Depth, Goroutine: c.Goroutine, Arguments: []valueEntry{},
	}
	var values []json.RawMessage
	if json.Unmarshal([]byte(c.Data), &values) == nil {
		for i, v := range values {
			if i < len(c.Function.Data) {
				entry.Arguments = append(entry.Arguments, valueEntry{c.Function.Data[i].Name, c.Function.Data[i].Type, v})
			}
		}
	}
	return entry
}

func (e *env) printOpen(processes []openProcess, dir string) {
	if len(processes) == 0 {
		fmt.Fprintf(e.stdout, "no process records into %s\n", e.shortPath(dir))
	}
	for _, p := range processes {
		fmt.Fprintf(e.stdout, "%s, process %d: %s open\n", filepath.Base(p.Program), p.PID, plural(int64(len(p.Calls)), "call"))
		for i, c := range p.Calls {
			if i == 0 || c.Goroutine != p.Calls[i-1].Goroutine {
				fmt.Fprintf(e.stdout, "goroutine %d\n", c.Goroutine)
			}
			fmt.Fprintf(e.stdout, "  %8s  %s%s\n", humanDuration(time.Duration(c.OpenNS)), strings.Repeat("  ", min(int(c.Depth), maxIndent)), c.text())
		}
		if p.Deeper > 0 {
			fmt.Fprintf(e.stdout, "%s further in not shown\n", plural(int64(p.Deeper), "call"))
		}
		if p.Unshown > 0 {
			fmt.Fprintf(e.stdout, "%s without room to show calls\n", plural(int64(p.Unshown), "goroutine"))
		}
	}
}

// maxIndent is how many levels a deep call is moved to the right at most.
const maxIndent = 20

func (c openEntry) text() string {
	values := make([]query.Value, len(c.Arguments))
	for i, a := range c.Arguments {
		text, _ := a.Value.(json.RawMessage)
		values[i] = query.Value{Name: a.Name, Type: a.Type, JSON: text}
	}
	return c.Process + "(" + valuesText(values) + ")"
}
