package rewrite

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"sort"
	"strings"

	"golang.org/x/tools/go/packages"
)

// MigrateOptions say what Migrate takes for a trace beside what it knows.
type MigrateOptions struct {
	// Helpers are functions, as their calls spell them, that trace the function
	// that defers them, or start its span: trace, metrics.Time.
	Helpers []string
	// Lossy takes out attributes and events that no record will have, too.
	Lossy bool
}

// Migration is what Migrate would do.
type Migration struct {
	Changes   Changes
	Functions int         // that will be recorded by a new directive
	Left      Diagnostics // what is left as it is, with the reason
}

// Migrate makes the changes that turn the directives, comments and statements of
// other tracers into //monitor:trace. It writes nothing. It changes what it is
// sure of: the edited files have to compile, or they are left.
func Migrate(ctx context.Context, sel Selection, opts MigrateOptions) (*Migration, error) {
	m := &migrator{sel: sel, opts: opts, fset: token.NewFileSet(), text: make(map[string][]byte), found: make(map[string]*migratedFile)}
	m.left.fset = m.fset
	pkgs, err := m.load(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, pkg := range pkgs {
		m.pkg(pkg)
	}
	if err := m.leaveBroken(ctx); err != nil {
		return nil, err
	}
	result := &Migration{}
	for _, path := range slices.Sorted(maps.Keys(m.found)) {
		f := m.found[path]
		result.Changes = append(result.Changes, Change{Path: path, Old: m.text[path], New: f.text})
		result.Functions += f.functions
	}
	_ = m.left.err() // sorts
	result.Left = m.left.list
	return result, nil
}

// migrator is one Migrate.
type migrator struct {
	sel   Selection
	opts  MigrateOptions
	fset  *token.FileSet
	left  report
	text  map[string][]byte // as read, by path
	found map[string]*migratedFile
}

// migratedFile is a file that changes.
type migratedFile struct {
	text      []byte
	functions int
	at        token.Position // of the first change
}

// load type-checks the packages of the selection with their tests, with other
// texts in the place of some files.
func (m *migrator) load(ctx context.Context, overlay map[string][]byte) ([]*packages.Package, error) {
	patterns := m.sel.Patterns
	if len(patterns) == 0 {
		patterns = []string{"."}
	}
	cfg := &packages.Config{Context: ctx, Mode: syntaxMode, Dir: m.sel.Dir, Env: m.sel.Env, BuildFlags: m.sel.BuildFlags, Fset: m.fset, Tests: true, Overlay: overlay}
	pkgs, err := packages.Load(cfg, patterns...)
	if err != nil {
		return nil, fmt.Errorf("load packages: %w", err)
	}
	if len(pkgs) == 0 {
		return nil, fmt.Errorf("%w match %s", ErrNoPackages, strings.Join(patterns, " "))
	}
	return preferTestVariants(pkgs), nil
}

// foreign matches files that may have something to migrate; the helpers are
// looked for besides.
var foreign = regexp.MustCompile(`go\.opentelemetry\.io/otel|(?m)^[ \t]*//(dd:span|instrument:(include|exclude)|` + legacyLike + `)\b`)

func (m *migrator) isForeign(src []byte) bool {
	return foreign.Match(src) || slices.ContainsFunc(m.opts.Helpers, func(h string) bool { return bytes.Contains(src, []byte(h+"(")) })
}

func (m *migrator) pkg(pkg *packages.Package) {
	for _, path := range pkg.IgnoredFiles {
		if src, err := os.ReadFile(path); err == nil && strings.HasSuffix(path, ".go") && m.isForeign(src) {
			m.leave(token.Position{Filename: path, Line: 1, Column: 1}, "the file is left out by its build constraints; run with the -tags, GOOS or GOARCH it needs")
		}
	}
	for _, syntax := range pkg.Syntax {
		path := m.fset.PositionFor(syntax.FileStart, false).Filename
		if m.text[path] != nil || !slices.Contains(pkg.GoFiles, path) {
			continue
		}
		src, err := os.ReadFile(path)
		if err != nil || !m.isForeign(src) && !bytes.Contains(src, []byte(".Start(")) {
			continue
		}
		m.text[path] = src
		at := m.fset.PositionFor(syntax.Package, false)
		switch {
		case isTestFile(path) && !m.sel.Tests:
		case isCompanion(src) || isMarked(src):
			m.leave(at, "the file is generated in place; run monitorgen -revert first")
		case ast.IsGenerated(syntax):
			m.leave(at, "the file is generated; change what generates it")
		case len(pkg.Errors) > 0:
			m.leave(at, "the package does not compile: %s", typeErrorsFirst(pkg)[0].Msg)
		default:
			m.file(pkg, path, src, syntax)
		}
	}
}

// typeErrorsFirst returns the errors of a package that say where they are, or all
// if none does: the go command repeats what the compiler says of a copy.
func typeErrorsFirst(pkg *packages.Package) []packages.Error {
	placed := slices.DeleteFunc(slices.Clone(pkg.Errors), func(e packages.Error) bool { return e.Kind != packages.TypeError && e.Kind != packages.ParseError })
	if len(placed) > 0 {
		return placed
	}
	return pkg.Errors
}

func (m *migrator) leave(at token.Position, format string, args ...any) {
	m.left.addAt(at, format, args...)
}

// file finds what to change in one file.
func (m *migrator) file(pkg *packages.Package, path string, src []byte, syntax *ast.File) {
	f := &migration{migrator: m, pkg: pkg, path: path, src: src, syntax: syntax, doc: make(map[*ast.FuncDecl]*newDirective)}
	f.comments()
	for _, decl := range syntax.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
			f.function(fn)
		}
	}
	text, err := f.apply()
	if err != nil {
		m.leave(m.fset.PositionFor(syntax.Package, false), "%v", err)
		return
	}
	if !bytes.Equal(text, src) {
		m.found[path] = &migratedFile{text: text, functions: f.added, at: m.fset.PositionFor(syntax.Package, false)}
	}
}

// leaveBroken type-checks the packages as they would be, and leaves the files in
// which that does not go well.
func (m *migrator) leaveBroken(ctx context.Context) error {
	for len(m.found) > 0 {
		overlay := make(map[string][]byte)
		for path, f := range m.found {
			overlay[path] = f.text
		}
		pkgs, err := m.load(ctx, overlay)
		if err != nil {
			return err
		}
		broken := false
		for _, pkg := range pkgs {
			for _, e := range typeErrorsFirst(pkg) {
				broken = m.leaveFile(pkg, e) || broken
			}
		}
		if !broken {
			return nil
		}
	}
	return nil
}

// leaveFile leaves the file that an error is in, or, if that is none of those that
// change, all of the package's that do. It tells whether there were any.
func (m *migrator) leaveFile(pkg *packages.Package, e packages.Error) bool {
	path, _, _ := strings.Cut(e.Pos, ":")
	var paths []string
	if m.found[path] != nil {
		paths = []string{path}
	} else {
		for _, path := range pkg.GoFiles {
			if m.found[path] != nil {
				paths = append(paths, path)
			}
		}
	}
	for _, path := range paths {
		m.leave(m.found[path].at, "the file would not compile without what was to be taken out: %s", e.Msg)
		delete(m.found, path)
	}
	return len(paths) > 0
}

// migration is what is to be changed in one file.
type migration struct {
	*migrator
	pkg    *packages.Package
	path   string
	src    []byte
	syntax *ast.File

	doc     map[*ast.FuncDecl]*newDirective
	cuts    []cut // what goes
	inserts edits // what comes
	added   int
}

// newDirective is what a function gets.
type newDirective struct {
	skip    bool
	name    string   // option name
	remarks []string // what has no counterpart
	at      *ast.Comment
}

func (d *newDirective) text() string {
	if d.skip {
		return "//monitor:skip"
	}
	text := "//monitor:trace"
	if d.name != "" {
		text += " name=" + d.name
	}
	if len(d.remarks) > 0 {
		text += " // " + strings.Join(d.remarks, " ")
	}
	return text
}

// directive returns the directive that a function will have.
func (f *migration) directive(fn *ast.FuncDecl) *newDirective {
	if f.doc[fn] == nil {
		f.doc[fn] = &newDirective{}
	}
	return f.doc[fn]
}

// asked tells whether a function has a directive of ours already.
func asked(fn *ast.FuncDecl) bool {
	return fn.Doc != nil && slices.ContainsFunc(fn.Doc.List, func(c *ast.Comment) bool {
		d, ok := ast.ParseDirective(c.Slash, c.Text)
		return ok && d.Tool == "monitor" && (d.Name == directiveTrace || d.Name == directiveSkip)
	})
}

func (f *migration) offset(p token.Pos) int { return int(p - f.syntax.FileStart) }

func (f *migration) position(p token.Pos) token.Position { return f.fset.PositionFor(p, false) }

// apply makes all changes.
func (f *migration) apply() ([]byte, error) {
	fns := slices.Collect(maps.Keys(f.doc))
	sort.Slice(fns, func(i, j int) bool { return fns[i].Pos() < fns[j].Pos() })
	for _, fn := range fns {
		d := f.doc[fn]
		if !d.skip {
			f.added++
		}
		switch {
		case asked(fn):
			f.added--
			if d.at != nil {
				f.cut(d.at)
			}
		case d.at != nil:
			at := f.cutOf(d.at)
			f.inserts.replace(at.from, at.to, d.text())
		default:
			f.insertDirective(fn, d)
		}
	}
	f.unusedImports()
	return f.cutLines()
}

// insertDirective puts a directive under a function's doc comment.
func (f *migration) insertDirective(fn *ast.FuncDecl, d *newDirective) {
	at := f.offset(fn.Pos())
	if fn.Doc != nil {
		at = f.offset(fn.Type.Func)
	}
	lineBreak := "\n"
	if end := lineEnd(f.src, at); bytes.HasSuffix(f.src[:end], []byte("\r\n")) {
		lineBreak = "\r\n"
	}
	text := d.text() + lineBreak
	if fn.Doc != nil {
		last := fn.Doc.List[len(fn.Doc.List)-1]
		if _, isDirective := ast.ParseDirective(last.Slash, last.Text); !isDirective && strings.HasPrefix(last.Text, "//") && !f.isCut(last) {
			text = "//" + lineBreak + text
		}
	}
	f.inserts.insert(at, text)
}
