package rewrite

import (
	"context"
	"errors"
	"fmt"
	"go/token"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// What an overlay build costs on top of go build is mostly finding out what
// need not be done. So Record remembers, in the overlay's folder:
//
//	listing.go   which packages and files the build has, as long as no name, import or setting changes
//	recorded.go  what became of a package, by its text and what it imports
//	export.go    the types of packages, so that those they import need not be read again
//
// A package that changed is type-checked against the export data of what it
// imports, its own is written anew, and only if that is other data do the
// packages that import it follow: the rule by which the go command builds.

// errSlow says that this build is planned without what was remembered: the
// packages do not compile, have cgo, or are asked for in a way that is not worth it.
var errSlow = errors.New("planned from the start")

// Record makes the plan of a build and adds all of it to the overlay. It is
// MakePlan and AddPlan in one and remembers what they found out, so that the
// next build does nothing for packages that are as they were. AddRuntime comes
// first. The plan has no Packages, only what is to be said about them.
func (o *Overlay) Record(ctx context.Context, sel Selection, build *Build) (*Plan, error) {
	b := &recordedBuild{overlay: o, sel: sel, build: build, fset: token.NewFileSet()}
	b.common = b.commonKey()
	plan, err := b.record(ctx)
	if !errors.Is(err, errSlow) {
		return plan, err
	}
	if plan, err = MakePlan(ctx, sel); err != nil {
		return nil, err
	}
	return plan, o.AddPlan(plan)
}

// recordedBuild is one Record.
type recordedBuild struct {
	overlay *Overlay
	sel     Selection
	build   *Build
	fset    *token.FileSet
	listing *listing
	common  string // commonKey
	imports *exportImporter
	configs map[string]*config // by the folder of their module
	report  *report
	mu      sync.Mutex // of report
}

func (b *recordedBuild) record(ctx context.Context) (*Plan, error) {
	if b.sel.Tests || b.sel.Clean || slices.ContainsFunc(b.sel.Patterns, func(p string) bool { return strings.HasSuffix(p, ".go") }) {
		return nil, errSlow
	}
	var err error
	if b.listing, err = b.list(ctx); err != nil {
		return nil, err
	}
	if b.sel.InTests && b.listing.testsAsk() {
		return nil, errSlow
	}
	b.report = &report{fset: b.fset}
	tasks := b.tasks()
	if b.configs, err = loadConfigs(b.report, rootsOfTasks(tasks)); err != nil {
		return nil, err
	}
	if err := b.report.err(); err != nil {
		return nil, err
	}
	if err := b.listing.compileImports(ctx, b, tasks); err != nil {
		return nil, err
	}
	b.imports = newExportImporter(b.fset, b.listing.Exports)
	if err := b.run(ctx, tasks); err != nil {
		return nil, err
	}
	if err := b.report.err(); err != nil {
		return nil, err
	}
	plan := &Plan{Fset: b.fset, Broken: make(map[string]error)}
	for _, t := range tasks {
		t.result.addTo(plan, b.overlay)
	}
	sortSkipped(plan.Skipped)
	return plan, nil
}

// packageTask is one package on its way through a build.
type packageTask struct {
	pkg       *listedPackage
	candidate bool           // it may have something to record
	needs     []*packageTask // what it imports from the user's modules
	done      chan struct{}
	result    *recordedPackage
	err       error
}

// tasks returns the packages that may have something to record and those that
// these import, each behind what it imports.
func (b *recordedBuild) tasks() []*packageTask {
	byPath := make(map[string]*packageTask)
	var tasks []*packageTask
	var add func(path string) *packageTask
	add = func(path string) *packageTask {
		if t, ok := byPath[path]; ok {
			return t
		}
		pkg := b.listing.byPath[path]
		if pkg == nil {
			return nil
		}
		t := &packageTask{pkg: pkg, candidate: b.candidate(pkg), done: make(chan struct{})}
		byPath[path] = t
		for _, imported := range pkg.Imports {
			if need := add(imported); need != nil {
				t.needs = append(t.needs, need)
			}
		}
		tasks = append(tasks, t)
		return t
	}
	for _, pkg := range b.listing.Packages {
		if b.candidate(pkg) {
			add(pkg.ImportPath)
		}
	}
	return tasks
}

func rootsOfTasks(tasks []*packageTask) []string {
	var roots []string
	for _, t := range tasks {
		roots = append(roots, t.pkg.Module.Dir)
	}
	return roots
}

// candidate tells whether a package can have anything to record.
func (b *recordedBuild) candidate(pkg *listedPackage) bool {
	return b.sel.All || pkg.Name == "main" && slices.Contains(pkg.Imports, autostartPath) ||
		slices.ContainsFunc(pkg.GoFiles, func(name string) bool { return b.listing.Files[pkg.path(name)].Directive })
}

// run does all tasks, as many at once as there are processors.
func (b *recordedBuild) run(ctx context.Context, tasks []*packageTask) error {
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, t := range tasks {
		go func() {
			defer close(t.done)
			for _, need := range t.needs {
				<-need.done
				if need.err != nil {
					t.err = need.err
					return
				}
			}
			slots <- struct{}{}
			defer func() { <-slots }()
			if t.err = ctx.Err(); t.err == nil {
				t.err = b.do(t)
			}
		}()
	}
	var first error
	for _, t := range tasks {
		<-t.done
		if first == nil {
			first = t.err
		}
	}
	return first
}

// do finds or makes what becomes of one package.
func (b *recordedBuild) do(t *packageTask) error {
	key := b.key(t)
	if t.result = b.overlay.loadRecorded(key); t.result == nil || !b.stillJudged(t.result.Judged) {
		var err error
		if t.result, err = b.rewrite(t); err != nil {
			return err
		}
		if t.result.diagnosed {
			return nil
		}
		if err := b.overlay.saveRecorded(key, t.result); err != nil {
			return fmt.Errorf("remember %s: %w", t.pkg.ImportPath, err)
		}
	}
	b.imports.add(t.pkg.ImportPath, b.overlay.exportPath(t.result.Export))
	return nil
}
