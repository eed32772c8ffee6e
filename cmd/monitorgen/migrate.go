package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/monitorgen/monitorgen/rewrite"
	"github.com/rogpeppe/go-internal/diff"
)

const migrateUsage = `usage: monitorgen migrate [flags] [packages]

Migrate turns what other tracers have in the source into //monitor:trace: the
directive //dd:span, the comments of go-instrument, //trace:time, cpu, memory
and closer, and blocks of OpenTelemetry

	ctx, span := tracer.Start(ctx, "price")
	defer span.End()

with what else is done with the span. It takes out what it is sure of; the
rest it names, with the reason, and leaves. No other byte of a file changes,
and a file that would not compile afterwards is left as a whole. Without
packages it works on the package in the current folder. See docs/migration.md.

	monitorgen migrate -diff ./...
	monitorgen migrate -helper trace -helper metrics.Time ./...
`

func runMigrate(ctx context.Context, e *env, args []string) int {
	fs := newFlags(e, "migrate", migrateUsage)
	showDiff := fs.Bool("diff", false, "write nothing; print what would change and exit 1 if anything would")
	asJSON := fs.Bool("json", false, "print what was done, and what was left, as JSON")
	tests := fs.Bool("tests", false, "change _test.go files, too")
	tags := fs.String("tags", "", "comma-separated build `tags`, as for go build")
	var opts rewrite.MigrateOptions
	fs.BoolVar(&opts.Lossy, "lossy", false, "also take out attributes and events of spans that no record will have")
	fs.Func("helper", "a `function`, as its calls spell it, that traces the function that defers it (defer trace()()), or starts its span; may be repeated", func(name string) error {
		if name == "" || strings.ContainsAny(name, " ()") {
			return fmt.Errorf("want a name such as trace or metrics.Time")
		}
		opts.Helpers = append(opts.Helpers, name)
		return nil
	})
	if code, goOn := parseFlags(e, fs, args); !goOn {
		return code
	}
	sel := rewrite.Selection{Dir: e.dir, Patterns: fs.Args(), Tests: *tests}
	if *tags != "" {
		sel.BuildFlags = []string{"-tags=" + *tags}
	}
	m, err := rewrite.Migrate(ctx, sel, opts)
	if err != nil {
		return e.failf("%v", err)
	}
	if !*showDiff {
		if err := m.Changes.Commit(); err != nil {
			return e.failf("%v", err)
		}
	}
	e.reportMigration(m, *showDiff, *asJSON)
	if *showDiff && len(m.Changes) > 0 {
		return exitFindings
	}
	return exitDone
}

// migrationReport is the JSON form of what migrate did or would do.
type migrationReport struct {
	Functions int                  `json:"functions"`
	Changed   []string             `json:"changed"`
	Left      []rewrite.Diagnostic `json:"left"`
}

func (e *env) reportMigration(m *rewrite.Migration, showDiff, asJSON bool) {
	report := migrationReport{Functions: m.Functions, Changed: []string{}, Left: []rewrite.Diagnostic{}}
	for _, c := range m.Changes {
		report.Changed = append(report.Changed, e.shortPath(c.Path))
		if showDiff && !asJSON {
			name := e.shortPath(c.Path)
			e.stdout.Write(diff.Diff(name, c.Old, name+" (monitorgen)", c.New))
		}
	}
	for _, d := range m.Left {
		d.File = e.shortPath(d.File)
		report.Left = append(report.Left, d)
		if !asJSON {
			fmt.Fprintf(e.stderr, "%s:%d:%d: left: %s\n", d.File, d.Line, d.Column, d.Message)
		}
	}
	switch {
	case asJSON:
		e.printJSON(report)
	case showDiff:
	case len(m.Changes) == 0 && len(m.Left) == 0:
		fmt.Fprintln(e.stderr, "monitorgen: nothing to migrate")
	default:
		fmt.Fprintf(e.stdout, "%d functions in %d files; %d places left\n", m.Functions, len(m.Changes), len(m.Left))
	}
}
