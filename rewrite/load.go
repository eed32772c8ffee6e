package rewrite

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"

	"golang.org/x/tools/go/packages"
)

// Selection says which functions are recorded. The zero value records those
// with a directive in the packages of the current folder.
type Selection struct {
	Dir        string         // where the patterns are read; empty: the current folder
	Env        []string       // environment of the go command; nil: os.Environ()
	BuildFlags []string       // -tags and others that decide which files are built
	Patterns   []string       // packages; empty: "."
	All        bool           // record every function, whatever directives say, except //monitor:skip
	Include    *regexp.Regexp // only functions whose full name matches; nil: all
	Exclude    *regexp.Regexp // no function whose full name matches; nil: none
	Tests      bool           // record the functions of _test.go files too
	Generated  bool           // record the functions of generated files too
	// Closure adds the packages of the main modules that the patterns depend on:
	// what a build of the patterns compiles.
	Closure bool
	// Clean looks at files generated in place as they were before.
	Clean bool
	// InTests has the closure include what the tests of the patterns import.
	InTests bool
}

// sourcePackage is a type-checked package, its files as they were before
// monitorgen changed anything.
type sourcePackage struct {
	*packages.Package
	files []*sourceFile
}

// sourceFile is one file of a package with the bytes that its positions refer to.
type sourceFile struct {
	path   string
	src    []byte
	syntax *ast.File
	cgo    bool // its functions have types, what is in them has not; see cgo.go
	// marked is set where an overlay build meets a file that was generated in
	// place: its functions with our mark are recorded already.
	marked bool
}

// ErrNoPackages says that the patterns match nothing.
var ErrNoPackages = errors.New("no packages")

const listMode = packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedModule | packages.NeedDeps

const syntaxMode = packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
	packages.NeedModule | packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedTypesSizes | packages.NeedForTest

// loader reads the packages of one selection.
type loader struct {
	sel     Selection
	fset    *token.FileSet
	overlay map[string][]byte
	tests   bool // test files are loaded: all are asked for, or one has a directive

	mu   sync.Mutex
	text map[string][]byte // what was parsed, by path
}

// load returns the packages that may hold functions to record, sorted by
// path. Packages without a directive are listed but never type-checked.
func (l *loader) load(ctx context.Context) ([]*sourcePackage, error) {
	l.tests = l.sel.Tests
	paths, err := l.list(ctx)
	if err != nil || len(paths) == 0 {
		return nil, err
	}
	return l.check(ctx, paths)
}

func (l *loader) config(ctx context.Context, mode packages.LoadMode) *packages.Config {
	return &packages.Config{
		Context:    ctx,
		Mode:       mode,
		Dir:        l.sel.Dir,
		Env:        l.sel.Env,
		BuildFlags: l.sel.BuildFlags,
		Fset:       l.fset,
		Overlay:    l.overlay,
		ParseFile:  l.parse,
	}
}

// list finds the candidates: packages of the main modules that the patterns
// name, or reach, and that have something to record.
func (l *loader) list(ctx context.Context) ([]string, error) {
	cfg := l.config(ctx, listMode)
	cfg.Tests = l.sel.InTests || l.sel.Tests
	patterns := l.sel.Patterns
	if len(patterns) == 0 {
		patterns = []string{"."}
	}
	roots, err := packages.Load(cfg, patterns...)
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("%w match %s", ErrNoPackages, strings.Join(patterns, " "))
	}
	candidates := make(map[string]bool)
	visit := func(p *packages.Package) error {
		if !l.ours(p) {
			return nil
		}
		if strings.Contains(p.ID, ".test]") && !l.sel.Tests {
			return nil // a variant that adds test files only
		}
		found, err := l.candidate(p)
		// A package may come again with its test files.
		candidates[p.PkgPath] = candidates[p.PkgPath] || found
		return err
	}
	if l.sel.Closure {
		packages.Visit(roots, nil, func(p *packages.Package) { err = errors.Join(err, visit(p)) })
	} else {
		for _, p := range roots {
			err = errors.Join(err, visit(p))
		}
	}
	if err != nil {
		return nil, err
	}
	var paths []string
	for path, found := range candidates {
		if found {
			paths = append(paths, path)
		}
	}
	sort.Strings(paths)
	return paths, nil
}

// ours tells whether a package belongs to the user and may be changed.
// The runtime never records itself.
func (l *loader) ours(p *packages.Package) bool {
	if p.Module == nil || !p.Module.Main {
		// Files named on the command line have no module in some modes.
		return p.PkgPath == commandLine
	}
	return !strings.HasSuffix(p.PkgPath, ".test") && !runtimePackages[p.PkgPath]
}

// runtimePackages are linked into every instrumented program.
var runtimePackages = map[string]bool{
	runtimePath:                   true,
	ModulePath + "/internal/wire": true,
}

// directiveLike matches what parseComment has to look at: directives and near misses.
var directiveLike = regexp.MustCompile(`(?im)(?://|/\*)[ \t]*mo[a-z]+[ \t]*[:.-]|^[ \t]*//` + legacyLike + `\b`)

// testDirective matches fewer near misses: for it the tests of a package are loaded.
var testDirective = regexp.MustCompile(`(?im)//[ \t]*monitor[ \t]*:|^[ \t]*//` + legacyLike + `\b`)

// candidate tells whether a package can have anything to record, and lays
// the text of files generated in place over those on disk.
func (l *loader) candidate(p *packages.Package) (bool, error) {
	found := l.sel.All || p.Name == "main" && p.Imports[autostartPath] != nil
	for _, path := range p.GoFiles {
		here, err := l.look(path, directiveLike)
		if err != nil {
			return false, err
		}
		found = found || here
	}
	if l.sel.Tests || l.sel.Closure && !l.sel.InTests {
		return found, nil // there already, or not part of the build
	}
	names, err := goFileNames(p.Dir)
	if err != nil {
		return false, fmt.Errorf("look for directives in tests: %w", err)
	}
	for _, name := range names {
		if !isTestFile(name) {
			continue
		}
		here, err := l.look(filepath.Join(p.Dir, name), testDirective)
		if err != nil {
			return false, err
		}
		l.tests = l.tests || here
		found = found || here
	}
	return found, nil
}

// look tells whether a file has what may be a directive, or was generated in
// place; then the text of before is laid over it.
func (l *loader) look(path string, directive *regexp.Regexp) (bool, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return false, nil // the go command will say it better
	}
	switch {
	case l.sel.Clean && isCompanion(src):
		l.overlay[path] = emptyFile(src)
		return true, nil
	case l.sel.Clean && isMarked(src):
		clean, err := revertSource(path, src)
		if err != nil {
			return false, err
		}
		l.overlay[path] = clean
		return true, nil
	}
	return directive.Match(src), nil
}

// dirs returns the folders of the packages that the patterns match.
func (sel Selection) dirs(ctx context.Context) ([]string, error) {
	l := &loader{sel: sel}
	cfg := l.config(ctx, packages.NeedName|packages.NeedFiles)
	patterns := sel.Patterns
	if len(patterns) == 0 {
		patterns = []string{"."}
	}
	pkgs, err := packages.Load(cfg, patterns...)
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	var dirs []string
	for _, p := range pkgs {
		for _, f := range append(append([]string(nil), p.GoFiles...), p.IgnoredFiles...) {
			if dir := filepath.Dir(f); !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
		if p.Dir != "" && !slices.Contains(dirs, p.Dir) {
			dirs = append(dirs, p.Dir)
		}
	}
	return dirs, nil
}

// check parses and type-checks the candidates, their imports from export data.
func (l *loader) check(ctx context.Context, paths []string) ([]*sourcePackage, error) {
	cfg := l.config(ctx, syntaxMode)
	cfg.Tests = l.tests
	var loaded []*packages.Package
	for _, patterns := range l.patternGroups(paths) {
		group, err := packages.Load(cfg, patterns...)
		if err != nil {
			return nil, fmt.Errorf("load packages: %w", err)
		}
		loaded = append(loaded, group...)
	}
	var pkgs []*sourcePackage
	for _, p := range preferTestVariants(loaded) {
		pkg, err := l.sourcePackage(p)
		if err != nil {
			return nil, err
		}
		pkgs = append(pkgs, pkg)
	}
	sort.Slice(pkgs, func(i, j int) bool { return pkgs[i].ID < pkgs[j].ID })
	return pkgs, nil
}

// commandLine is the path of a package made of files named on the command line.
const commandLine = "command-line-arguments"

// patternGroups returns what to load together: files that were named on the
// command line cannot be loaded with packages.
func (l *loader) patternGroups(paths []string) [][]string {
	var groups [][]string
	if slices.Contains(paths, commandLine) {
		groups = append(groups, l.sel.Patterns)
	}
	rest := slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return p == commandLine })
	if l.sel.Tests {
		rest = withoutTestSuffix(rest)
	}
	if len(rest) > 0 {
		groups = append(groups, rest)
	}
	return groups
}

// withoutTestSuffix maps external test packages to the packages they test:
// the go command knows them by that name.
func withoutTestSuffix(paths []string) []string {
	var out []string
	seen := make(map[string]bool)
	for _, p := range paths {
		p = strings.TrimSuffix(p, "_test")
		if !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	return out
}

// preferTestVariants drops a package whose variant with its test files is
// there too, and the generated test mains.
func preferTestVariants(loaded []*packages.Package) []*packages.Package {
	hasVariant := make(map[string]bool)
	for _, p := range loaded {
		if p.ForTest != "" && p.PkgPath == p.ForTest {
			hasVariant[p.PkgPath] = true
		}
	}
	var kept []*packages.Package
	for _, p := range loaded {
		isMain := strings.HasSuffix(p.ID, ".test")
		isPlain := p.ForTest == "" && hasVariant[p.PkgPath]
		if !isMain && !isPlain {
			kept = append(kept, p)
		}
	}
	return kept
}

// parse keeps the bytes that were parsed: positions mean nothing without them.
func (l *loader) parse(fset *token.FileSet, path string, src []byte) (*ast.File, error) {
	l.mu.Lock()
	l.text[path] = src
	l.mu.Unlock()
	return parser.ParseFile(fset, path, src, parser.ParseComments|parser.SkipObjectResolution)
}

func (l *loader) sourcePackage(p *packages.Package) (*sourcePackage, error) {
	own := make(map[string]bool, len(p.GoFiles))
	for _, path := range p.GoFiles {
		own[path] = true
	}
	pkg := &sourcePackage{Package: p}
	for _, syntax := range p.Syntax {
		path := l.fset.PositionFor(syntax.FileStart, false).Filename
		if !own[path] {
			continue // written by cgo
		}
		src := l.text[path]
		pkg.files = append(pkg.files, &sourceFile{path: path, src: src, syntax: syntax, marked: isMarked(src)})
	}
	if len(pkg.Errors) == 0 {
		if err := l.addCgoFiles(pkg); err != nil {
			return nil, err
		}
	}
	sort.Slice(pkg.files, func(i, j int) bool { return pkg.files[i].path < pkg.files[j].path })
	return pkg, nil
}

// typeErrors returns what keeps a package from compiling, or nil.
func (p *sourcePackage) typeErrors() error {
	var errs []error
	for _, e := range p.Errors {
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}

// dir returns the folder of a package.
func (p *sourcePackage) dir() string {
	if len(p.GoFiles) > 0 {
		return filepath.Dir(p.GoFiles[0])
	}
	return p.Dir
}
