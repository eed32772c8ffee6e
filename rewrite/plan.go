package rewrite

import (
	"context"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"regexp"
	"sort"
	"strings"
)

// ModulePath is the import path of this module; generated code imports its
// package runtime.
const ModulePath = "github.com/monitorgen/monitorgen"

const runtimePath = ModulePath + "/runtime"

// Plan is what would be recorded and what not.
type Plan struct {
	Packages   []*Package
	Skipped    []Skipped        // functions that are left alone, with the reason
	Deprecated Diagnostics      // comments of other tools that still work
	Excluded   []string         // files with directives that this build leaves out, by build constraint
	Broken     map[string]error // packages that do not compile, by import path
	Fset       *token.FileSet

	remembered int // functions of packages that Record knows from a build before
}

// Package is the plan for one package.
type Package struct {
	Path      string
	Name      string
	Dir       string
	GoVersion string // of the module, "1.21"; empty: unknown
	Files     []*File

	module   string  // what the module is called, without a version
	config   *config // of the module
	judge    *judge
	types    *types.Package
	sizes    types.Sizes
	taken    map[string]bool // every identifier in any file of the folder
	declared map[string]bool // those that are declared at package level
}

// File is the plan for one source file.
type File struct {
	Path      string
	Functions []*Function

	src    []byte
	syntax *ast.File
	isTest bool
	pkg    *Package
}

// Function is one function that will be recorded.
type Function struct {
	Name     string // Price, (*Desk).Price
	FullName string // import path, dot, Name
	Pos      token.Position
	Options  Options

	Process string
	Group   string
	Decided Decision // what gave it the group
	Key     uint64

	// flush has the sink store what is left when main returns; silent is set
	// where main is in the plan for that alone.
	flush, silent bool

	decl    *ast.FuncDecl // nil for a literal
	literal *ast.FuncLit  // nil for a declaration
	typ     *ast.FuncType
	body    *ast.BlockStmt
	sig     *types.Signature
	params  []*types.TypeParam // that it can name; a literal has those of the function around it
	file    *File
	values  []*value
	spawns  []*spawn
	// handovers are its literals that others run; noted and joins are the
	// statements for them, once there is a companion.
	handovers    []*ast.FuncLit
	noted, joins string
}

// Skipped is a function that is left alone.
type Skipped struct {
	FullName string
	Pos      token.Position
	Reason   string
	Asked    bool // a directive of its own asks for it
}

// Count returns the number of functions that will be recorded.
func (p *Plan) Count() int {
	n := p.remembered
	for _, pkg := range p.Packages {
		for _, f := range pkg.Files {
			for _, fn := range f.Functions {
				if !fn.silent {
					n++
				}
			}
		}
	}
	return n
}

// MakePlan decides what is recorded. It writes nothing. What is wrong with
// directives is returned as Diagnostics; packages that do not compile are in
// Plan.Broken, since only the caller knows whether the compiler will speak of them.
func MakePlan(ctx context.Context, sel Selection) (*Plan, error) {
	l := &loader{sel: sel, fset: token.NewFileSet(), overlay: make(map[string][]byte), text: make(map[string][]byte)}
	pkgs, err := l.load(ctx)
	if err != nil {
		return nil, err
	}
	p := &planner{sel: sel, report: &report{fset: l.fset}, plan: &Plan{Fset: l.fset, Broken: make(map[string]error)}, seen: make(map[string]bool)}
	if p.configs, err = loadConfigs(p.report, rootsOf(sel.Dir, pkgs)); err != nil {
		return nil, err
	}
	if err := p.report.err(); err != nil {
		return nil, err
	}
	for _, pkg := range pkgs {
		p.pkg(pkg)
	}
	if err := p.report.err(); err != nil {
		return nil, err
	}
	sortSkipped(p.plan.Skipped)
	return p.plan, nil
}

func sortSkipped(list []Skipped) {
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i].Pos, list[j].Pos
		if a.Filename != b.Filename {
			return a.Filename < b.Filename
		}
		return a.Offset < b.Offset
	})
}

// planner walks the packages and collects the plan.
type planner struct {
	sel     Selection
	report  *report
	plan    *Plan
	seen    map[string]bool    // files looked at already, in another variant of their package
	listing *listing           // nil unless packages come one by one
	configs map[string]*config // by the folder of their module
}

func (p *planner) pkg(src *sourcePackage) {
	if err := src.typeErrors(); err != nil {
		p.plan.Broken[src.PkgPath] = err
		return
	}
	pkg := &Package{Path: src.PkgPath, Name: src.Name, Dir: src.dir(), judge: newJudge(p.plan.Fset, p.dirOf), types: src.Types, sizes: src.TypesSizes}
	if pkg.config = p.configs[rootOf(p.sel.Dir, src)]; pkg.config == nil {
		pkg.config = &config{}
	}
	if src.Module != nil {
		pkg.module = moduleName(src.Module.Path)
		pkg.GoVersion = cmpOr(src.Module.GoVersion, "1.16") // what a module without a go line means
	}
	for _, path := range src.IgnoredFiles {
		p.excluded(path)
	}
	scope := p.packageScope(src)
	var err error
	if scope.calls, err = assemblyCalls(src); err != nil {
		p.plan.Broken[src.PkgPath] = err
		return
	}
	for _, f := range src.files {
		if p.seen[f.path] {
			continue
		}
		p.seen[f.path] = true
		if file := p.file(pkg, scope, f, src.TypesInfo); len(file.Functions) > 0 {
			pkg.Files = append(pkg.Files, file)
		}
	}
	if len(pkg.Files) == 0 {
		return
	}
	pkg.addIdentifiers(src)
	pkg.freshNames()
	p.plan.Packages = append(p.plan.Packages, pkg)
}

// packageScope is what directives say about a whole package and its types.
type packageScope struct {
	files   map[*sourceFile]*directives
	headers map[*sourceFile]map[string]*directive
	pkg     *directive
	types   map[string]*directive // trace or skip, by type name
	calls   map[string]string     // the symbols that assembly calls, with its file
	// autostart is set in a package main that imports sink/autostart.
	autostart bool
}

// packageScope reads the directives of all files before any function is looked at:
// a //monitor:package or a type's directive may stand in another file.
func (p *planner) packageScope(src *sourcePackage) *packageScope {
	s := &packageScope{
		files:   make(map[*sourceFile]*directives),
		headers: make(map[*sourceFile]map[string]*directive),
		types:   make(map[string]*directive),
	}
	for _, f := range src.files {
		ds := parseDirectives(p.report, f.syntax)
		s.files[f] = ds
		s.headers[f] = ds.header(f.syntax)
		if d := s.headers[f][directivePackage]; d != nil {
			if s.pkg != nil {
				p.report.add(d.pos, "a second //monitor:package for package %s", src.Name)
			}
			if d.options.Name != "" {
				p.report.add(d.pos, "option name is for one function, not for a package")
			}
			s.pkg = d
		}
		s.autostart = s.autostart || src.Name == "main" && imports(f.syntax, autostartPath)
		for _, decl := range f.syntax.Decls {
			if gen, ok := decl.(*ast.GenDecl); ok && gen.Tok == token.TYPE {
				p.typeDirectives(s, ds, gen)
			}
		}
	}
	return s
}

func (p *planner) typeDirectives(s *packageScope, ds *directives, gen *ast.GenDecl) {
	for _, spec := range gen.Specs {
		ts := spec.(*ast.TypeSpec)
		doc := ts.Doc
		if doc == nil && len(gen.Specs) == 1 {
			doc = gen.Doc
		}
		found := ds.of(doc, directiveTrace, directiveSkip)
		d := found[directiveSkip]
		if d == nil {
			d = found[directiveTrace]
		}
		if d == nil {
			continue
		}
		if d.options.Name != "" {
			p.report.add(d.pos, "option name is for one function, not for a type")
		}
		s.types[ts.Name.Name] = d
	}
}

// dirOf returns the folder of a package whose types have no positions, or "".
func (p *planner) dirOf(importPath string) string {
	if p.listing != nil && p.listing.byPath[importPath] != nil {
		return p.listing.byPath[importPath].Dir
	}
	return ""
}

// excluded notes a file that the build leaves out although it has directives.
func (p *planner) excluded(path string) {
	if p.seen[path] || !strings.HasSuffix(path, ".go") {
		return
	}
	p.seen[path] = true
	if src, err := os.ReadFile(path); err == nil && directiveLine.Match(src) {
		p.plan.Excluded = append(p.plan.Excluded, path)
	}
}

var directiveLine = regexp.MustCompile(`(?m)^\s*//(monitor:(trace|package)|` + legacyLike + `)\b`)

func (p *planner) file(pkg *Package, scope *packageScope, f *sourceFile, info *types.Info) *File {
	file := &File{Path: f.path, src: f.src, syntax: f.syntax, pkg: pkg, isTest: isTestFile(f.path)}
	ds := scope.files[f]
	inits := 0
	for _, decl := range f.syntax.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		c := &candidate{planner: p, file: file, source: f, scope: scope, decl: fn, found: ds.of(fn.Doc, directiveTrace, directiveSkip)}
		c.name = functionName(fn)
		if c.name == "init" {
			inits++
		}
		if !c.wanted() {
			continue
		}
		reason := c.leaveAlone()
		if reason == "" {
			if obj, ok := info.Defs[fn.Name].(*types.Func); ok {
				reason = c.hides(obj.Signature())
			}
		}
		if reason != "" {
			p.plan.Skipped = append(p.plan.Skipped, Skipped{FullName: pkg.Path + "." + c.name, Pos: p.plan.Fset.PositionFor(fn.Name.Pos(), false), Reason: reason, Asked: c.found[directiveTrace] != nil})
			continue
		}
		if made := c.function(info, inits); made != nil {
			file.Functions = append(file.Functions, made)
		}
	}
	p.literals(file, f, scope, info)
	if !f.cgo {
		file.planGoroutines(info)
	}
	p.plan.Deprecated = append(p.plan.Deprecated, ds.deprecated()...)
	ds.reportUnused()
	return file
}

// OptionText returns the options in force as a directive would spell them.
func (fn *Function) OptionText() string { return fn.Options.text() }

// Silent tells whether the function is changed without being recorded: main,
// where the sink stores what is left when it returns.
func (fn *Function) Silent() bool { return fn.silent }

// signatureText returns the function's first line as written, without its body.
func (fn *Function) signatureText() string {
	tf := fn.file.offsetOf
	text := string(fn.file.src[tf(fn.typ.Func):tf(fn.body.Lbrace)])
	return strings.Join(strings.Fields(text), " ")
}

// receiver returns the function's receiver as written, or nil.
func (fn *Function) receiver() *ast.FieldList {
	if fn.decl == nil || fn.decl.Recv == nil || len(fn.decl.Recv.List) == 0 {
		return nil
	}
	return fn.decl.Recv
}

// sourceText returns the function with its doc comment as written.
func (fn *Function) sourceText() string {
	from := fn.typ.Func
	if fn.decl != nil && fn.decl.Doc != nil {
		from = fn.decl.Doc.Pos()
	}
	return string(fn.file.src[fn.file.offsetOf(from):fn.file.offsetOf(fn.body.End())])
}

// offsetOf returns the byte offset of a position in the file's text.
func (f *File) offsetOf(p token.Pos) int { return int(p - f.syntax.FileStart) }
