package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/monitorgen/monitorgen/rewrite"
)

// selectionFlags are the flags that say which functions are recorded. They
// mean the same for every command that has them.
type selectionFlags struct {
	all       bool
	tests     bool
	generated bool
	include   string
	exclude   string
}

func (f *selectionFlags) register(fs *flag.FlagSet) {
	fs.BoolVar(&f.all, "all", false, "record every function, not only those with a directive")
	fs.BoolVar(&f.tests, "tests", false, "record the functions of _test.go files, too; without it, those with a directive")
	fs.BoolVar(&f.generated, "generated", false, "record the functions of generated files too")
	fs.StringVar(&f.include, "include", "", "record only functions whose full name, import/path.(*Type).Method, matches this `regexp`")
	fs.StringVar(&f.exclude, "exclude", "", "record no function whose full name matches this `regexp`")
}

// selection compiles the flags.
func (f *selectionFlags) selection() (rewrite.Selection, error) {
	sel := rewrite.Selection{All: f.all, Tests: f.tests, Generated: f.generated}
	var err error
	if f.include != "" {
		if sel.Include, err = regexp.Compile(f.include); err != nil {
			return sel, fmt.Errorf("-include: %w", err)
		}
	}
	if f.exclude != "" {
		if sel.Exclude, err = regexp.Compile(f.exclude); err != nil {
			return sel, fmt.Errorf("-exclude: %w", err)
		}
	}
	return sel, nil
}

// reportPlanError prints diagnostics with paths as seen from the current
// folder and returns the exit code: findings for diagnostics, failure for the rest.
func (e *env) reportPlanError(err error, asJSON bool) int {
	ds, ok := rewrite.AsDiagnostics(err)
	if !ok {
		return e.failf("%v", err)
	}
	for i := range ds {
		ds[i].File = e.shortPath(ds[i].File)
		ds[i].Pos.Filename = ds[i].File
	}
	if asJSON {
		e.printJSON(map[string]any{"diagnostics": ds})
		return exitFindings
	}
	for _, d := range ds {
		fmt.Fprintln(e.stderr, d)
	}
	return exitFindings
}

// shortPath returns the path relative to the current folder if it lies below it.
func (e *env) shortPath(path string) string {
	if rel, err := filepath.Rel(e.dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// printJSON writes one indented JSON document to standard output.
func (e *env) printJSON(v any) {
	enc := json.NewEncoder(e.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	enc.Encode(v) // an error here is a closed pipe: nobody is left to tell
}
