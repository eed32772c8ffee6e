package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/monitorgen/monitorgen/rewrite"
)

const listUsage = `usage: monitorgen list [flags] [packages]

List shows which functions would be recorded, with their process group, what
decided on it (a directive, a rule of monitor.toml, or nothing: then it is the
package path) and options, and which would be left alone and why. It writes nothing. Without
packages it looks at the package in the current folder.

	monitorgen list -all ./...
`

// functionEntry is one recorded function in JSON.
type functionEntry struct {
	Function string `json:"function"`
	Process  string `json:"process"`
	Group    string `json:"group"`
	Decided  string `json:"group_by"`           // what decided on the group
	At       string `json:"group_at,omitempty"` // where that stands
	Options  string `json:"options"`
	File     string `json:"file"`
	Line     int    `json:"line"`
}

// skippedEntry is one function that is left alone, in JSON.
type skippedEntry struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Reason   string `json:"reason"`
}

func runList(ctx context.Context, e *env, args []string) int {
	var f selectionFlags
	fs := newFlags(e, "list", listUsage)
	f.register(fs)
	asJSON := fs.Bool("json", false, "print JSON")
	tags := fs.String("tags", "", "comma-separated build `tags`, as for go build")
	if code, goOn := parseFlags(e, fs, args); !goOn {
		return code
	}
	sel, err := f.selection()
	if err != nil {
		return e.failf("%v", err)
	}
	sel.Dir, sel.Patterns, sel.Clean = e.dir, fs.Args(), true
	if *tags != "" {
		sel.BuildFlags = []string{"-tags=" + *tags}
	}
	plan, err := rewrite.MakePlan(ctx, sel)
	if err != nil {
		return e.reportPlanError(err, *asJSON)
	}
	for _, broken := range plan.Broken {
		return e.failf("%v", broken)
	}
	if *asJSON {
		e.printJSON(map[string]any{"functions": e.functionEntries(plan), "skipped": e.skippedEntries(plan)})
		return exitDone
	}
	e.printList(plan)
	return exitDone
}

func (e *env) printList(plan *rewrite.Plan) {
	w := tabwriter.NewWriter(e.stdout, 0, 8, 2, ' ', 0)
	entries := e.functionEntries(plan)
	// Without a monitor.toml the directives, in the options, say it all.
	ruled := slices.ContainsFunc(entries, func(f functionEntry) bool { return f.Decided != "directive" && f.At != "" })
	row := func(function, group, decided, options, position string) {
		if !ruled {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", function, group, options, position)
			return
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", function, group, decided, options, position)
	}
	row("FUNCTION", "GROUP", "DECIDED BY", "OPTIONS", "POSITION")
	for _, f := range entries {
		row(f.Function, f.Group, strings.TrimSpace(f.Decided+" "+f.At), f.Options, fmt.Sprintf("%s:%d", f.File, f.Line))
	}
	w.Flush()
	if skipped := e.skippedEntries(plan); len(skipped) > 0 {
		fmt.Fprintln(e.stdout, "\nNot recorded:")
		for _, s := range skipped {
			fmt.Fprintf(e.stdout, "%s:%d: %s: %s\n", s.File, s.Line, s.Function, s.Reason)
		}
	}
	for _, path := range plan.Excluded {
		fmt.Fprintf(e.stdout, "%s: left out by its build constraints\n", e.shortPath(path))
	}
}

func (e *env) functionEntries(plan *rewrite.Plan) []functionEntry {
	entries := []functionEntry{}
	for _, pkg := range plan.Packages {
		for _, file := range pkg.Files {
			for _, fn := range file.Functions {
				if fn.Silent() {
					continue
				}
				entry := functionEntry{Function: fn.FullName, Process: fn.Process, Group: fn.Group, Decided: fn.Decided.By,
					Options: fn.OptionText(), File: e.shortPath(fn.Pos.Filename), Line: fn.Pos.Line}
				if at := fn.Decided.Pos; at.IsValid() {
					entry.At = fmt.Sprintf("%s:%d", e.shortPath(at.Filename), at.Line)
				}
				entries = append(entries, entry)
			}
		}
	}
	return entries
}

func (e *env) skippedEntries(plan *rewrite.Plan) []skippedEntry {
	entries := []skippedEntry{}
	for _, s := range plan.Skipped {
		entries = append(entries, skippedEntry{s.FullName, e.shortPath(s.Pos.Filename), s.Pos.Line, s.Reason})
	}
	return entries
}
