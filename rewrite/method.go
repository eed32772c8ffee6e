package rewrite

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The recorder calls a method of a value for its text or shape where its parts
// say less: an enumeration, an address, a matrix. It does so while the program may
// hold any lock, and the program must not notice. So the source of the method is
// read first, and of all functions of its package that it calls: nothing in it
// may wait (locks, channels, goroutines), write what it has not made itself, or
// leave the package other than to a few of the standard library. A method that
// cannot be read is not called. Those of the standard library's types are trusted.

// judge says which methods are harmless.
type judge struct {
	fset     *token.FileSet
	dirOf    func(importPath string) string // "" where the position of a function says it
	dirs     map[string]*judgedPackage
	verdicts map[*ast.FuncDecl]bool
	read     map[string]string // hash of each file that a verdict rests on, by path
}

func newJudge(fset *token.FileSet, dirOf func(importPath string) string) *judge {
	return &judge{fset: fset, dirOf: dirOf, dirs: make(map[string]*judgedPackage), verdicts: make(map[*ast.FuncDecl]bool), read: make(map[string]string)}
}

// judgedPackage is the functions and methods of a folder, by their name.
type judgedPackage struct {
	functions, methods map[string][]judgedFunction
}

type judgedFunction struct {
	decl *ast.FuncDecl
	file *ast.File
}

// harmless tells whether the recorder may call a method.
func (j *judge) harmless(fn *types.Func) bool {
	if fn.Pkg() == nil || isStandard(fn.Pkg().Path()) {
		return true
	}
	dir := j.dirOf(fn.Pkg().Path())
	if path := j.fset.PositionFor(fn.Pos(), false).Filename; dir == "" && filepath.IsAbs(path) {
		dir = filepath.Dir(path)
	}
	if dir == "" {
		return false
	}
	pkg := j.dir(dir)
	return pkg != nil && j.all(pkg, pkg.methodsOf(receiverName(fn), fn.Name()))
}

// receiverName returns the name of a method's type.
func receiverName(fn *types.Func) string {
	t := fn.Signature().Recv().Type()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if named, ok := types.Unalias(t).(*types.Named); ok {
		return named.Obj().Name()
	}
	return ""
}

// isStandard tells whether an import path is the standard library's: the others
// begin with a domain or are of a module that is not there.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return standardRoots[first] && !strings.Contains(first, ".")
}

var standardRoots = map[string]bool{
	"bytes": true, "crypto": true, "encoding": true, "errors": true, "flag": true, "fmt": true, "go": true, "io": true,
	"log": true, "math": true, "net": true, "os": true, "reflect": true, "regexp": true, "strconv": true, "strings": true, "syscall": true,
	"text": true, "time": true, "unicode": true, "html": true, "mime": true, "runtime": true, "debug": true, "archive": true,
	"compress": true, "database": true, "image": true, "sort": true, "slices": true, "maps": true, "hash": true, "path": true,
	"testing": true, "unique": true,
}

// plainPackages are those that a harmless method may call into.
var plainPackages = map[string]bool{
	"fmt": true, "strconv": true, "strings": true, "bytes": true, "math": true, "math/bits": true, "unicode": true,
	"unicode/utf8": true, "encoding/hex": true, "encoding/base64": true, "encoding/binary": true, "errors": true,
}

// plainMethods are those of the standard library's buffers and values, by name, that one may call.
var plainMethods = map[string]bool{
	"String": true, "Error": true, "WriteString": true, "WriteByte": true, "WriteRune": true, "Write": true, "Len": true,
	"Grow": true, "Bytes": true, "Format": true, "AppendFormat": true, "Unix": true, "IsZero": true,
}

// dir reads the functions of a folder, or returns nil.
func (j *judge) dir(path string) *judgedPackage {
	if pkg, ok := j.dirs[path]; ok {
		return pkg
	}
	j.dirs[path] = nil
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil
	}
	pkg := &judgedPackage{make(map[string][]judgedFunction), make(map[string][]judgedFunction)}
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		if filepath.Ext(name) != ".go" || isTestFile(name) {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return nil
		}
		j.read[name] = textHash(src)
		if isMarked(src) {
			if src, err = revertSource(name, src); err != nil {
				return nil
			}
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
		if err != nil {
			return nil
		}
		pkg.add(file)
	}
	j.dirs[path] = pkg
	return pkg
}

// methodsOf returns the methods of that name that a type has.
func (p *judgedPackage) methodsOf(typeName, name string) []judgedFunction {
	return slices.DeleteFunc(slices.Clone(p.methods[name]), func(fn judgedFunction) bool { return receiverType(fn.decl) != typeName })
}

func (p *judgedPackage) add(file *ast.File) {
	for _, decl := range file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok {
			into := p.functions
			if fn.Recv != nil {
				into = p.methods
			}
			into[fn.Name.Name] = append(into[fn.Name.Name], judgedFunction{fn, file})
		}
	}
}

// all tells whether there are functions and all of them are harmless.
func (j *judge) all(pkg *judgedPackage, functions []judgedFunction) bool {
	for _, fn := range functions {
		verdict, known := j.verdicts[fn.decl]
		if !known {
			j.verdicts[fn.decl] = true // while it is looked at: it may call itself
			verdict = fn.decl.Body != nil && j.look(pkg, fn)
			j.verdicts[fn.decl] = verdict
		}
		if !verdict {
			return false
		}
	}
	return len(functions) > 0
}

// look reads one function.
func (j *judge) look(pkg *judgedPackage, fn judgedFunction) bool {
	l := &methodLook{judge: j, pkg: pkg, own: ownNames(fn.decl), buffers: bufferNames(fn.decl), imports: make(map[string]string), fine: true}
	for _, spec := range fn.file.Imports {
		path := strings.Trim(spec.Path.Value, "`\"")
		name := path[strings.LastIndexByte(path, '/')+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		l.imports[name] = path
	}
	ast.Inspect(fn.decl.Body, l.visit)
	return l.fine
}

// ownNames returns the names that a function makes itself, without its receiver
// and parameters: what these lead to is not its own.
func ownNames(fn *ast.FuncDecl) map[string]bool {
	own := make(map[string]bool)
	if fn.Type.Results != nil {
		for _, field := range fn.Type.Results.List {
			for _, name := range field.Names {
				own[name.Name] = true
			}
		}
	}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, x := range n.Lhs {
					own[x.(*ast.Ident).Name] = true
				}
			}
		case *ast.ValueSpec:
			for _, name := range n.Names {
				own[name.Name] = true
			}
		case *ast.RangeStmt:
			for _, x := range []ast.Expr{n.Key, n.Value} {
				if name, ok := x.(*ast.Ident); ok && n.Tok == token.DEFINE {
					own[name.Name] = true
				}
			}
		}
		return true
	})
	return own
}

// bufferNames returns the variables of a function that are buffers of the
// standard library.
func bufferNames(fn *ast.FuncDecl) map[string]bool {
	buffers := make(map[string]bool)
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Type != nil {
			if text := types.ExprString(spec.Type); text == "strings.Builder" || text == "bytes.Buffer" {
				for _, name := range spec.Names {
					buffers[name.Name] = true
				}
			}
		}
		return true
	})
	return buffers
}

// methodLook is the reading of one function.
type methodLook struct {
	*judge
	pkg     *judgedPackage
	own     map[string]bool
	buffers map[string]bool
	imports map[string]string
	fine    bool
}

func (l *methodLook) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt, *ast.SelectStmt, *ast.SendStmt, *ast.FuncLit:
		l.fine = false
	case *ast.UnaryExpr:
		l.fine = l.fine && n.Op != token.ARROW
	case *ast.AssignStmt:
		for _, x := range n.Lhs {
			l.fine = l.fine && (n.Tok == token.DEFINE || l.mayWrite(x))
		}
	case *ast.IncDecStmt:
		l.fine = l.fine && l.mayWrite(n.X)
	case *ast.CallExpr:
		l.fine = l.fine && l.mayCall(n.Fun)
	}
	return l.fine
}

// mayWrite tells whether what is assigned to is the function's own. A parameter
// that is a plain variable is.
func (l *methodLook) mayWrite(x ast.Expr) bool {
	for {
		switch y := x.(type) {
		case *ast.Ident:
			return y.Name == "_" || l.own[y.Name]
		case *ast.ParenExpr:
			x = y.X
		case *ast.IndexExpr:
			x = y.X
		case *ast.SelectorExpr:
			x = y.X
		default:
			return false
		}
	}
}

func (l *methodLook) mayCall(fun ast.Expr) bool {
	switch x := ast.Unparen(fun).(type) {
	case *ast.Ident:
		if functions := l.pkg.functions[x.Name]; len(functions) > 0 {
			return l.all(l.pkg, functions)
		}
		return !l.own[x.Name] && x.Name != "close" // a conversion, or a function of the language
	case *ast.SelectorExpr:
		if name, ok := x.X.(*ast.Ident); ok && !l.own[name.Name] && l.imports[name.Name] != "" {
			return plainPackages[l.imports[name.Name]]
		}
		if name, ok := x.X.(*ast.Ident); ok && l.buffers[name.Name] {
			return true
		}
		if methods := l.pkg.methods[x.Sel.Name]; len(methods) > 0 {
			return l.all(l.pkg, methods)
		}
		return plainMethods[x.Sel.Name]
	case *ast.ArrayType, *ast.InterfaceType:
		return true
	}
	return false
}

// method returns the method of that name in the method set of values of type t.
func method(t types.Type, name string) *types.Func {
	obj, _, _ := types.LookupFieldOrMethod(t, false, nil, name)
	fn, ok := obj.(*types.Func)
	if !ok {
		return nil
	}
	recv := fn.Signature().Recv()
	if _, pointer := recv.Type().(*types.Pointer); pointer {
		if _, isPointer := t.Underlying().(*types.Pointer); !isPointer {
			return nil
		}
	}
	if types.IsInterface(recv.Type()) {
		return nil // which method that is, nobody knows yet
	}
	return fn
}

// hasShape tells whether a method takes and returns values of these types.
func hasShape(fn *types.Func, params, results []types.Type) bool {
	same := func(tuple *types.Tuple, want []types.Type) bool {
		return tuple.Len() == len(want) && slices.EqualFunc(slices.Collect(tuple.Variables()), want, func(v *types.Var, t types.Type) bool {
			return types.Identical(v.Type(), t)
		})
	}
	return fn != nil && same(fn.Signature().Params(), params) && same(fn.Signature().Results(), results)
}
