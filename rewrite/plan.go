package rewrite

import (
	"context"
	"go/ast"
	"go/token"
	"go/types"
	"hash/fnv"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// ModulePath is the import path of this module; generated code imports its
// package runtime.
const ModulePath = "github.com/monitorgen/monitorgen"

const runtimePath = ModulePath + "/runtime"

// Plan is what would be recorded and what not.
type Plan struct {
	Packages []*Package
	Skipped  []Skipped        // functions that are left alone, with the reason
	Excluded []string         // files with directives that this build leaves out, by build constraint
	Broken   map[string]error // packages that do not compile, by import path
	Fset     *token.FileSet

	remembered int // functions of packages that Record knows from a build before
}

// Package is the plan for one package.
type Package struct {
	Path      string
	Name      string
	Dir       string
	GoVersion string // of the module, "1.21"; empty: unknown
	Files     []*File

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
	seen    map[string]bool // files looked at already, in another variant of their package
	listing *listing        // nil unless packages come one by one
}

func (p *planner) pkg(src *sourcePackage) {
	if err := src.typeErrors(); err != nil {
		p.plan.Broken[src.PkgPath] = err
		return
	}
	pkg := &Package{Path: src.PkgPath, Name: src.Name, Dir: src.dir(), judge: newJudge(p.plan.Fset, p.dirOf), types: src.Types, sizes: src.TypesSizes}
	if src.Module != nil {
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

var directiveLine = regexp.MustCompile(`(?m)^\s*//monitor:(trace|package)\b`)

func (p *planner) file(pkg *Package, scope *packageScope, f *sourceFile, info *types.Info) *File {
	file := &File{Path: f.path, src: f.src, syntax: f.syntax, pkg: pkg, isTest: strings.HasSuffix(f.path, "_test.go")}
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
	file.planGoroutines(info)
	ds.reportUnused()
	return file
}

// candidate is one function declaration on its way into the plan.
type candidate struct {
	*planner
	file   *File
	source *sourceFile
	scope  *packageScope
	decl   *ast.FuncDecl // for a literal, what it is in, or nil
	found  map[string]*directive
	name   string
}

// typeDirective returns the directive of the receiver's type, if any.
func (c *candidate) typeDirective(name string) *directive {
	if c.decl == nil {
		return nil
	}
	d := c.scope.types[receiverType(c.decl)]
	if d != nil && d.name == name {
		return d
	}
	return nil
}

// wanted tells whether something asks for this function and nothing forbids it.
func (c *candidate) wanted() bool {
	if c.found[directiveSkip] != nil || c.scope.headers[c.source][directiveSkip] != nil || c.typeDirective(directiveSkip) != nil {
		return false
	}
	asked := c.found[directiveTrace] != nil
	if !asked && c.flushesSink() {
		return true
	}
	if !asked {
		asked = c.sel.All || c.scope.pkg != nil || c.typeDirective(directiveTrace) != nil
		if c.file.isTest && !c.sel.Tests {
			return false
		}
	}
	full := c.file.pkg.Path + "." + c.name
	if c.sel.Include != nil && !c.sel.Include.MatchString(full) || c.sel.Exclude != nil && c.sel.Exclude.MatchString(full) {
		return false
	}
	return asked
}

// flushesSink tells whether this is the main function of a program that links
// the sink by a blank import: Go runs nothing of ours when main has returned.
func (c *candidate) flushesSink() bool {
	return c.scope.autostart && c.name == "main"
}

// recorded tells whether a directive or flag asks for records of this function.
func (c *candidate) recorded() bool {
	return c.found[directiveTrace] != nil || c.sel.All || c.scope.pkg != nil
}

// leaveAlone returns why a wanted function is not recorded, or "".
func (c *candidate) leaveAlone() string {
	switch {
	case c.decl.Body == nil:
		return "it has no body"
	case c.decl.Name.Name == "_":
		return "a function named _ is never called"
	case hasPragma(c.decl, "go:nosplit"):
		return "//go:nosplit: there may be no room on the stack for a deferred call"
	case c.calledByAssembly() != "":
		return "assembly calls it, in " + c.calledByAssembly()
	case unsafePragma(c.decl) != "":
		return unsafePragma(c.decl) + ": a deferred call may not be safe in it"
	case isCompanion(c.source.src):
		return "it is monitorgen's own code"
	case ast.IsGenerated(c.source.syntax) && c.found[directiveTrace] == nil && !c.sel.Generated:
		return "the file is generated (use -generated to record it)"
	case imports(c.source.syntax, "C"):
		return "the file uses cgo"
	case c.source.marked && c.isMarked():
		return "it is recorded already (generated in place)"
	case hasGeneratedName(c.decl.Recv, c.decl.Type.Params, c.decl.Type.Results):
		return "a parameter or result has a name that -revert would take for monitorgen's, such as monitorR0"
	}
	return ""
}

// calledByAssembly returns the file of assembly that calls the function, or "".
func (c *candidate) calledByAssembly() string {
	if len(c.scope.calls) == 0 || c.decl.Recv != nil {
		return ""
	}
	if file := c.scope.calls[linkerName(c.file.pkg.Path, c.file.pkg.Name, c.name)]; file != "" {
		return file
	}
	return c.scope.calls[linkname(c.source.syntax, c.name)]
}

func (c *candidate) isMarked() bool {
	return markOf(marksOf(c.source.syntax), c.decl) != nil
}

// hides returns why the package's own names leave no way to write code for the
// function, or "".
func (c *candidate) hides(sig *types.Signature) string {
	if name := c.file.pkg.hiddenBy(sig); name != "" {
		return "the package declares another " + name + ", and generated code needs Go's"
	}
	return ""
}

// unsafePragma returns a pragma of the function under which the compiler does
// not expect what recording inserts, or "".
func unsafePragma(fn *ast.FuncDecl) string {
	for _, pragma := range []string{
		"go:systemstack", "go:nowritebarrier", "go:nowritebarrierrec", "go:yeswritebarrierrec",
		"go:cgo_unsafe_args", "go:uintptrescapes", "go:uintptrkeepalive",
	} {
		if hasPragma(fn, pragma) {
			return "//" + pragma
		}
	}
	return ""
}

func hasPragma(fn *ast.FuncDecl, name string) bool {
	if fn.Doc == nil {
		return false
	}
	for _, comment := range fn.Doc.List {
		if comment.Text == "//"+name || strings.HasPrefix(comment.Text, "//"+name+" ") {
			return true
		}
	}
	return false
}

// autostartPath is the package that links the sink into a program.
const autostartPath = ModulePath + "/sink/autostart"

func imports(file *ast.File, path string) bool {
	return slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == strconv.Quote(path) })
}

// function makes the plan of one function from the options in force.
func (c *candidate) function(info *types.Info, inits int) *Function {
	obj, ok := info.Defs[c.decl.Name].(*types.Func)
	if !ok {
		return nil
	}
	pkg := c.file.pkg
	fn := &Function{
		Name:     c.name,
		FullName: pkg.Path + "." + c.name,
		Pos:      c.plan.Fset.PositionFor(c.decl.Name.Pos(), false),
		Options:  c.options(),
		decl:     c.decl,
		typ:      c.decl.Type,
		body:     c.decl.Body,
		sig:      obj.Signature(),
		params:   typeParams(obj.Signature()),
		file:     c.file,
	}
	fn.Process = cmpOr(fn.Options.Name, path.Base(pkg.Path)+"."+c.name)
	fn.Group = cmpOr(fn.Options.Group, pkg.Path)
	fn.Key = functionKey(fn, inits)
	fn.flush = c.flushesSink()
	fn.silent = fn.flush && !c.recorded()
	fn.values = c.values(fn)
	return fn
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// options merges what the package, the type and the function say.
func (c *candidate) options() Options {
	var o Options
	if c.scope.pkg != nil {
		o = c.scope.pkg.options
	}
	if d := c.typeDirective(directiveTrace); d != nil {
		o = d.options.over(o)
	}
	if d := c.found[directiveTrace]; d != nil {
		o = d.options.over(o)
	}
	return o
}

// functionKey is what generated code calls the function by: a hash of the
// package path and the name, with the file and number for init functions, of
// which a package may have many, and for literals, which may be in these.
func functionKey(fn *Function, inits int) uint64 {
	h := fnv.New64a()
	h.Write([]byte(fn.file.pkg.Path + "\x00" + fn.Name))
	if fn.Name == "init" || fn.literal != nil {
		h.Write([]byte("\x00" + filepath.Base(fn.file.Path) + "\x00" + strconv.Itoa(inits)))
	}
	return h.Sum64()
}

// functionName returns Name, Type.Name or (*Type).Name, with [T] for the
// methods of generic types as written.
func functionName(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	name := receiverType(fn)
	if ids := receiverTypeParams(fn); len(ids) > 0 {
		names := make([]string, len(ids))
		for i, id := range ids {
			names[i] = id.Name
		}
		name += "[" + strings.Join(names, ",") + "]"
	}
	if _, pointer := ast.Unparen(fn.Recv.List[0].Type).(*ast.StarExpr); pointer {
		name = "(*" + name + ")"
	}
	return name + "." + fn.Name.Name
}

// receiverType returns the name of the type a method belongs to, or "".
func receiverType(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return ""
	}
	t := ast.Unparen(fn.Recv.List[0].Type)
	if star, ok := t.(*ast.StarExpr); ok {
		t = ast.Unparen(star.X)
	}
	switch x := t.(type) {
	case *ast.IndexExpr:
		t = x.X
	case *ast.IndexListExpr:
		t = x.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// value is a receiver, parameter or result.
type value struct {
	name   string // as people call it: the source's name, or p0, r0
	ident  string // the identifier in the function's body after the edits
	typ    types.Type
	output bool
	record bool // false: needed only to see an error
	deep   bool
	// iterated is set for a sequence whose iteration is recorded.
	iterated bool
	// inferred stands for a type that only the function around a literal can
	// name, and text says which.
	inferred *types.TypeParam
	text     string

	isReceiver bool
	isError    bool
	// rename is set where the source has no usable name.
	rename rename
	fields *ast.FieldList
	field  *ast.Field
	at     int // index of the name in the field; -1: the field has none
}

type rename int

const (
	renameNone    rename = iota
	renameUnnamed        // the field has no name
	renameBlank          // the name is _
)

// values lists the receiver, the parameters and the results, with the names
// they will have and whether they are recorded. Options that name something
// the function does not have are reported.
func (c *candidate) values(fn *Function) []*value {
	var vs []*value
	if recv := fn.receiver(); recv != nil {
		vs = append(vs, listValues(recv, types.NewTuple(fn.sig.Recv()), "V", "recv")...)
		vs[0].isReceiver = true
	}
	vs = append(vs, listValues(fn.typ.Params, fn.sig.Params(), "P", "p")...)
	inputs := len(vs)
	vs = append(vs, listValues(fn.typ.Results, fn.sig.Results(), "R", "r")...)
	o := fn.Options
	for i, v := range vs {
		v.output = i >= inputs
		v.isError = v.output && implementsError(v.typ) && !hasBlankTypeArgs(v.typ)
		v.deep = slices.Contains(o.Deep, v.name)
		v.iterated = fn.isIterated(v)
		if v.output {
			v.record = !o.NoRes
		} else {
			v.record = !o.NoArgs && (o.Args == nil || slices.Contains(o.Args, v.name))
		}
	}
	if d := c.found[directiveTrace]; d != nil {
		c.checkNames(d, "args", d.options.Args, vs[:inputs], "parameter")
		c.checkNames(d, "deep", d.options.Deep, vs, "parameter or result")
		c.checkNames(d, "mask", d.options.Mask, append(fieldValues(vs), vs...), "parameter, result or field")
		if d.options.Iter && !slices.ContainsFunc(vs[inputs:], func(v *value) bool { return isSequence(v.typ) }) {
			c.report.add(d.pos, "option iter=on: %s has no result of an iter.Seq type", fn.Name)
		}
	}
	return vs
}

func (c *candidate) checkNames(d *directive, option string, names []string, vs []*value, what string) {
	for _, name := range names {
		if slices.ContainsFunc(vs, func(v *value) bool { return v.name == name }) {
			continue
		}
		var known []string
		for _, v := range vs {
			known = append(known, v.name)
		}
		c.report.add(d.pos, "option %s=%s: %s has no %s %q%s", option, name, c.name, what, name, DidYouMean(name, known))
	}
}

// fieldValues lists the struct fields that recording the values can reach.
func fieldValues(vs []*value) []*value {
	var found []*value
	seen := make(map[types.Type]bool)
	var walk func(t types.Type)
	walk = func(t types.Type) {
		if seen[t] {
			return
		}
		seen[t] = true
		switch u := t.Underlying().(type) {
		case *types.Pointer:
			walk(u.Elem())
		case *types.Slice:
			walk(u.Elem())
		case *types.Array:
			walk(u.Elem())
		case *types.Struct:
			for i := range u.NumFields() {
				found = append(found, &value{name: u.Field(i).Name()})
				walk(u.Field(i).Type())
			}
		}
	}
	for _, v := range vs {
		walk(v.typ)
	}
	return found
}

// listValues returns the values of one field list.
func listValues(list *ast.FieldList, tuple *types.Tuple, letter, label string) []*value {
	if list == nil {
		return nil
	}
	var vs []*value
	add := func(field *ast.Field, at int, given string) {
		i := len(vs)
		v := &value{name: given, ident: given, typ: tuple.At(i).Type(), fields: list, field: field, at: at}
		number := strconv.Itoa(i)
		if letter == "V" {
			number = ""
		}
		switch given {
		case "":
			v.rename, v.name, v.ident = renameUnnamed, label+number, "monitor"+letter+number
		case "_":
			v.rename, v.name, v.ident = renameBlank, label+number, "monitorBlank"+letter+number
		}
		vs = append(vs, v)
	}
	for _, field := range list.List {
		if len(field.Names) == 0 {
			add(field, -1, "")
		}
		for at, name := range field.Names {
			add(field, at, name.Name)
		}
	}
	return vs
}

// isSequence tells whether t is a function of the shape of iter.Seq or iter.Seq2.
func isSequence(t types.Type) bool {
	sig, ok := t.Underlying().(*types.Signature)
	if !ok || sig.Params().Len() != 1 || sig.Results().Len() != 0 {
		return false
	}
	yield, ok := sig.Params().At(0).Type().Underlying().(*types.Signature)
	return ok && yield.Params().Len() <= 2 && yield.Results().Len() == 1 &&
		types.Identical(yield.Results().At(0).Type().Underlying(), types.Typ[types.Bool])
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
