package main

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/monitorgen/monitorgen/rewrite"
	"github.com/rogpeppe/go-internal/diff"
)

const generateUsage = `usage: monitorgen [generate] [flags] [packages]

Generate has every function with a //monitor:trace directive record its calls:
it inserts one marked line into the function and writes the rest into
monitor_gen.go beside it. A second run changes nothing. Without packages it
works on the package in the current folder; ./... names the whole module.

	//go:generate go tool monitorgen

in a file of the package has go generate run it. A
monitor.toml beside go.mod has defaults for the options of directives, and
rules for process groups (docs/groups.md). For records to be kept, the
program imports the sink, in package main:

	import _ "github.com/monitorgen/monitorgen/sink/autostart"
`

// generateFlags are the flags of generate.
type generateFlags struct {
	selectionFlags
	check, diff, revert, json bool
	tags                      string
}

func runGenerate(ctx context.Context, e *env, args []string) int {
	var f generateFlags
	fs := newFlags(e, "generate", generateUsage)
	f.register(fs)
	fs.BoolVar(&f.check, "check", false, "write nothing; list what is stale and exit 1 if anything is")
	fs.BoolVar(&f.diff, "diff", false, "write nothing; print what would change and exit 1 if anything would")
	fs.BoolVar(&f.revert, "revert", false, "take everything generated out again, byte for byte")
	fs.BoolVar(&f.json, "json", false, "print what was done as JSON")
	fs.StringVar(&f.tags, "tags", "", "comma-separated build `tags`, as for go build")
	if code, goOn := parseFlags(e, fs, args); !goOn {
		return code
	}
	if f.check && f.diff {
		return e.failf("-check and -diff exclude each other")
	}
	sel, err := f.selection()
	if err != nil {
		return e.failf("%v", err)
	}
	sel.Dir, sel.Patterns = e.dir, fs.Args()
	if f.tags != "" {
		sel.BuildFlags = []string{"-tags=" + f.tags}
	}
	var plan *rewrite.Plan
	var changes rewrite.Changes
	if f.revert {
		changes, err = rewrite.Revert(ctx, sel)
	} else {
		plan, changes, err = rewrite.Generate(ctx, sel)
	}
	if err != nil {
		return e.reportPlanError(err, f.json)
	}
	return e.finishGenerate(f, sel, plan, changes)
}

// finishGenerate shows or writes the changes.
func (e *env) finishGenerate(f generateFlags, sel rewrite.Selection, plan *rewrite.Plan, changes rewrite.Changes) int {
	readOnly := f.check || f.diff
	if !readOnly {
		if err := changes.Commit(); err != nil {
			return e.failf("%v", err)
		}
	}
	switch {
	case f.json:
		e.printJSON(e.generateReport(plan, changes))
	case f.diff:
		for _, c := range changes {
			name := e.shortPath(c.Path)
			e.stdout.Write(diff.Diff(name, c.Old, name+" (monitorgen)", c.New))
		}
	case f.check:
		for _, c := range changes {
			fmt.Fprintf(e.stdout, "%s: stale; run monitorgen\n", e.shortPath(c.Path))
		}
	}
	if plan != nil && !f.json {
		e.warnPlan(plan)
		if plan.Count() == 0 && len(changes) == 0 {
			e.hintNothing(sel)
		}
	}
	if readOnly && len(changes) > 0 {
		return exitFindings
	}
	return exitDone
}

// hintNothing helps who ran generate and sees nothing happen.
func (e *env) hintNothing(sel rewrite.Selection) {
	where := strings.Join(sel.Patterns, " ")
	hint := "put //monitor:trace above a function, or pass -all"
	if where == "" {
		where = "the current folder"
		hint += "; ./... names the whole module"
	}
	fmt.Fprintf(e.stderr, "monitorgen: nothing to record in %s: %s\n", where, hint)
}

// warnPlan says what was asked for and left alone.
func (e *env) warnPlan(plan *rewrite.Plan) {
	for _, s := range plan.Skipped {
		s.Pos.Filename = e.shortPath(s.Pos.Filename)
		if s.Asked {
			fmt.Fprintf(e.stderr, "%s: %s is not recorded: %s\n", s.Pos, s.FullName, s.Reason)
		}
	}
	for _, d := range plan.Deprecated {
		fmt.Fprintf(e.stderr, "%s:%d:%d: %s\n", e.shortPath(d.File), d.Line, d.Column, d.Message)
	}
	for _, path := range plan.Excluded {
		fmt.Fprintf(e.stderr, "%s: left out by its build constraints; run with the -tags, GOOS or GOARCH it needs\n", e.shortPath(path))
	}
}

// generateReport is the JSON form of what generate did or would do.
type generateReport struct {
	Functions int            `json:"functions"`
	Changed   []string       `json:"changed"`
	Removed   []string       `json:"removed"`
	Skipped   []skippedEntry `json:"skipped"`
	Excluded  []string       `json:"excluded"`
}

func (e *env) generateReport(plan *rewrite.Plan, changes rewrite.Changes) generateReport {
	r := generateReport{Changed: []string{}, Removed: []string{}, Skipped: []skippedEntry{}, Excluded: []string{}}
	for _, c := range changes {
		if c.New == nil {
			r.Removed = append(r.Removed, e.shortPath(c.Path))
		} else {
			r.Changed = append(r.Changed, e.shortPath(c.Path))
		}
	}
	if plan != nil {
		r.Functions = plan.Count()
		r.Skipped = e.skippedEntries(plan)
		for _, path := range plan.Excluded {
			r.Excluded = append(r.Excluded, e.shortPath(path))
		}
	}
	sort.Strings(r.Changed)
	return r
}
