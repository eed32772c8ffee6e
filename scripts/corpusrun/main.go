// Corpusrun runs the tests of public modules, unmodified, with and without
// recording of every function, and compares the outcome test by test. It also
// generates in place, vets what is generated, and reverts. With -programs it does
// so with the programs of Go's own test suite.
//
// In: names of modules in modules.tsv, or any MODULE@VERSION. Out: a line per module, and a table;
// on standard error, each package that is done;
// exit code 1 if a test behaves differently, nothing was recorded, or revert
// does not give back every byte.
// May import: the standard library and the query package.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed modules.tsv
var moduleList string

// module is one line of modules.tsv.
type module struct {
	path, version string
	packages      []string
	skip          string // tests that are flaky or slow without us
	inlining      string // tests that count allocations and need a function inlined: a recorded one is not
}

// options are what the flags say.
type options struct {
	keep  string // work here, and leave copies and databases
	table bool   // print a table in Markdown at the end
	race  bool   // run the tests under the race detector
	nth   int    // run every nth of Go's own test programs instead
}

func main() {
	var o options
	flag.StringVar(&o.keep, "keep", "", "work in this `folder` and leave copies and databases there")
	flag.BoolVar(&o.table, "table", false, "print the results as a Markdown table, too")
	flag.BoolVar(&o.race, "race", false, "run all tests under the race detector")
	flag.IntVar(&o.nth, "programs", 0, "run every `nth` of the programs of Go's own test suite instead")
	flag.Parse()
	if err := run(context.Background(), o, flag.Args()); err != nil {
		fmt.Fprintf(os.Stderr, "corpus: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, names []string) error {
	if o.nth < 0 || o.nth > 0 && len(names) > 0 {
		return errors.New("-programs takes a number above 0, and no modules")
	}
	modules, err := choose(names)
	if err != nil {
		return err
	}
	root := o.keep
	if root == "" {
		if root, err = os.MkdirTemp("", "monitorgen-corpus-"); err != nil {
			return err
		}
		defer os.RemoveAll(root)
	}
	if root, err = filepath.Abs(root); err != nil {
		return err
	}
	tool := filepath.Join(root, "monitorgen")
	if err := command(ctx, ".", "go", "build", "-o", tool, "./cmd/monitorgen"); err != nil {
		return err
	}
	if o.nth > 0 {
		p, err := newPrograms(ctx, root, tool, o.nth)
		if err != nil {
			return err
		}
		return p.run(ctx)
	}
	return try(ctx, o, root, tool, modules)
}

// try puts the modules on trial, one after the other.
func try(ctx context.Context, o options, root, tool string, modules []module) error {
	var failed []error
	var results []*result
	for _, m := range modules {
		t := &trial{module: m, dir: filepath.Join(root, strings.ReplaceAll(m.path, "/", "_")), tool: tool, race: o.race}
		r, err := t.run(ctx)
		if r != nil {
			r.print()
			results = append(results, r)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", m.path, err))
		}
	}
	if o.table {
		printTable(results)
	}
	return errors.Join(failed...)
}

// choose returns the named modules, or all.
func choose(names []string) ([]module, error) {
	var all []module
	for _, line := range strings.Split(strings.TrimSpace(moduleList), "\n")[1:] {
		f := append(strings.Split(line, "\t"), "", "") // the last columns may be empty
		all = append(all, module{path: f[0], version: f[1], packages: strings.Fields(f[2]), skip: f[3], inlining: f[4]})
	}
	if len(names) == 0 {
		return all, nil
	}
	var chosen []module
	for _, name := range names {
		if path, version, other := strings.Cut(name, "@"); other {
			chosen = append(chosen, module{path: path, version: version, packages: []string{"./..."}})
			continue
		}
		i := slices.IndexFunc(all, func(m module) bool { return m.path == name })
		if i < 0 {
			return nil, fmt.Errorf("no module %s in scripts/corpusrun/modules.tsv; others by MODULE@VERSION", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
