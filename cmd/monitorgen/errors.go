package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/monitorgen/monitorgen/sink/sqlite/query"
)

const errorsUsage = `usage: monitorgen errors [flags] [FILE | URL]

Errors shows the newest calls that ended in an error or a panic, newest first:
when, which call, with what arguments and results, and the error's text or the
panic's value and stack; of an error, where it surfaced. FILE is a database, monitor.db if not named;
` + serverText + `

	monitorgen errors -since 1h -func Submit

"monitorgen tree -call RUN:CALL" shows what one of them called. The JSON is
{"errors": [call, ...]}.
` + callNames

func runErrors(ctx context.Context, e *env, args []string) int {
	var f filterFlags
	fs := newFlags(e, "errors", errorsUsage)
	f.register(fs)
	n := fs.Int("n", 10, "show `N` calls")
	asJSON := fs.Bool("json", false, "print JSON")
	if code, goOn := parseFlags(e, fs, args); !goOn {
		return code
	}
	name, code, goOn := oneSource(e, fs)
	if !goOn {
		return code
	}
	if *n < 1 {
		return e.failf("-n: %d calls cannot be shown", *n)
	}
	db := e.openReader(ctx, name)
	if db == nil {
		return exitFailure
	}
	defer db.Close()
	failed, err := db.Errors(ctx, f.filter(), *n)
	switch {
	case err != nil:
		return e.failQuery(db.Path(), err)
	case *asJSON:
		e.printJSON(map[string]any{"errors": callEntries(failed)})
	case len(failed) == 0:
		e.nothingFound("such error", db.Path())
	}
	if !*asJSON {
		for _, c := range failed {
			e.printError(c)
		}
	}
	return exitDone
}

// printStack prints where an error surfaced, one line for each function.
func (e *env) printStack(stack string) {
	lines := strings.Split(strings.TrimSuffix(stack, "\n"), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		name := strings.TrimSuffix(lines[i], "(...)")
		fmt.Fprintf(e.stdout, "    at %s  %s\n", name[strings.LastIndexByte(name, '/')+1:], e.shortPath(strings.TrimSpace(lines[i+1])))
	}
}

// printError prints a line about the call and below it the whole exception.
func (e *env) printError(c *query.Call) {
	fmt.Fprintf(e.stdout, "%s  %s  %s  %s  call %s\n", clockTime(c.Start), e.statusText(true), oneLine(c.Process), humanDuration(c.Duration), c.ID)
	for line := range strings.Lines(strings.TrimRight(c.Exception, "\n")) {
		line = strings.ReplaceAll(strings.TrimRight(line, "\n"), "\t", "  ")
		fmt.Fprintln(e.stdout, strings.TrimRight("  "+oneLine(line), " "))
	}
	e.printStack(c.Stack)
	for _, v := range c.Arguments {
		fmt.Fprintf(e.stdout, "    %s = %s\n", v.Name, cut(oneLine(v.Text()), 2*valueWidth))
	}
}
