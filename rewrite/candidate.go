package rewrite

import (
	"go/ast"
	"go/types"
	"hash/fnv"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

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
		asked = c.sel.All && c.reached(nil)
		for _, d := range []*directive{c.scope.pkg, c.typeDirective(directiveTrace)} {
			asked = asked || d != nil && c.reached(d)
		}
	}
	full := c.file.pkg.Path + "." + c.name
	if c.sel.Include != nil && !c.sel.Include.MatchString(full) || c.sel.Exclude != nil && c.sel.Exclude.MatchString(full) {
		return false
	}
	return asked
}

// reached tells whether a directive for many functions, or the flag -all, which
// is nil here, means those of this file: those of tests only where they are asked
// for, or the directive is a test's, too.
func (c *candidate) reached(d *directive) bool {
	return !c.file.isTest || c.sel.Tests || d != nil && isTestFile(c.plan.Fset.PositionFor(d.pos, false).Filename)
}

func isTestFile(name string) bool { return strings.HasSuffix(name, "_test.go") }

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
	fn.Group, fn.Decided = c.groupOf(fn)
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

// options merges what the module, the package, the type and the function say.
func (c *candidate) options() Options {
	o := c.file.pkg.config.options
	if c.scope.pkg != nil {
		o = c.scope.pkg.options.over(o)
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
