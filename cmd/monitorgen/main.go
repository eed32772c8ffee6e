package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/monitorgen/monitorgen/rewrite"
)

// Exit codes of every command.
const (
	exitDone     = 0 // did what was asked
	exitFindings = 1 // stale files, diagnostics
	exitFailure  = 2 // usage, or could not be done
)

// env is what a command sees of the world around it.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	dir            string // the current folder
}

// path makes a file name given on the command line absolute.
func (e *env) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(e.dir, name)
}

// failf prints one line of what went wrong and returns the exit code for it.
func (e *env) failf(format string, args ...any) int {
	fmt.Fprintf(e.stderr, "monitorgen: "+format+"\n", args...)
	return exitFailure
}

// command is one subcommand.
type command struct {
	name    string
	summary string
	run     func(ctx context.Context, e *env, args []string) int
}

// commands in the order of the help text. It is a function because help
// itself reads it.
func commands() []command {
	return []command{
		{"generate", "record in place: one marked line per function, the rest in a companion", runGenerate},
		{"run", "go run, recorded; the source is not touched", runGoRun},
		{"test", "go test, recorded; the source is not touched", runGoTest},
		{"build", "go build with recording compiled in; the source is not touched", runGoBuild},
		{"install", "go install with recording compiled in; the source is not touched", runGoInstall},
		{"list", "what would be recorded, and what not and why", runList},
		{"migrate", "directives, comments and statements of other tracers into ours", runMigrate},
		{"stats", "calls, errors and durations per function", runStats},
		{"errors", "the newest errors and panics", runErrors},
		{"tree", "one call with all that it called, arguments and results inline", runTree},
		{"tail", "calls as they end", runTail},
		{"top", "the functions of the last minute, live", runTop},
		{"compare", "two databases or runs, function by function; for CI too", runCompare},
		{"export", "calls in the formats of others: JSON lines, CSV, Perfetto, pprof, OpenTelemetry", runExport},
		{"serve", "the dashboard: a live page, and JSON", runServe},
		{"sql", "one SQL statement, read-only", runSQL},
		{"retention", "what a database keeps and what goes; -now takes it away", runRetention},
		{"control", "what running programs record, shown and changed", runControl},
		{"open", "the calls that running programs are in at this moment", runOpen},
		{"agent", "store what all recorded processes of this host record", runAgent},
		{"recover", "bring in what a killed process left in its spool", runRecover},
		{"archive", "calls as Parquet files, in a folder or an S3 bucket, and back", runArchive},
		{"help", "this text, or that of a command", runHelp},
	}
}

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintf(os.Stderr, "monitorgen: %v\n", err)
		return exitFailure
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	e := &env{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, dir: dir}
	return dispatch(ctx, e, args)
}

// dispatch runs the command that the first argument names. Without one, or
// with flags or package patterns, it is generate: what //go:generate runs.
func dispatch(ctx context.Context, e *env, args []string) int {
	if len(args) == 0 {
		return runGenerate(ctx, e, nil)
	}
	switch args[0] {
	case "-h", "-help", "--help":
		return runHelp(ctx, e, nil)
	case toolexecCommand:
		return runToolexec(ctx, e, args[1:])
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, e, args[1:])
		}
	}
	if strings.HasPrefix(args[0], "-") || looksLikePattern(args[0]) {
		return runGenerate(ctx, e, args)
	}
	return e.failf("unknown command %q%s\nRun 'monitorgen help' for the list.", args[0], nearestCommand(args[0]))
}

// looksLikePattern tells a package pattern from a misspelt command.
func looksLikePattern(arg string) bool { return strings.ContainsAny(arg, "./\\") }

func nearestCommand(name string) string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return rewrite.DidYouMean(name, names)
}

func runHelp(ctx context.Context, e *env, args []string) int {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.name == args[0] && c.name != "help" {
				return c.run(ctx, e, []string{"-h"})
			}
		}
		return e.failf("no help for unknown command %q%s", args[0], nearestCommand(args[0]))
	}
	fmt.Fprint(e.stdout, `Monitorgen records what Go functions did.

Put //monitor:trace above a function (or pass -all) and run

	monitorgen run .        like go run, every call recorded into monitor.db
	monitorgen stats        what the functions did

Commands:

`)
	for _, c := range commands() {
		fmt.Fprintf(e.stdout, "\t%-10s %s\n", c.name, c.summary)
	}
	fmt.Fprint(e.stdout, `
Without a command it is generate. Run 'monitorgen help COMMAND' for flags and examples.
`)
	return exitDone
}

// newFlags returns the flag set of a command. usage is the whole text of -h
// up to the flags.
func newFlags(e *env, name, usage string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(e.stderr)
	fs.Usage = func() {
		fmt.Fprint(fs.Output(), usage)
		any := false
		fs.VisitAll(func(*flag.Flag) { any = true })
		if any {
			fmt.Fprint(fs.Output(), "\nFlags:\n")
			fs.PrintDefaults()
		}
	}
	return fs
}

// parseFlags parses and tells whether the command is to go on; if not, with
// what code to exit. The text of -h goes to standard output.
func parseFlags(e *env, fs *flag.FlagSet, args []string) (code int, goOn bool) {
	for _, a := range args {
		if a == "-h" || a == "-help" || a == "--help" {
			fs.SetOutput(e.stdout)
		}
		if !strings.HasPrefix(a, "-") {
			break
		}
	}
	switch err := fs.Parse(args); {
	case err == nil:
		return 0, true
	case errors.Is(err, flag.ErrHelp):
		return exitDone, false
	default:
		return exitFailure, false
	}
}
