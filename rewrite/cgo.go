package rewrite

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"regexp"
	"strings"

	"golang.org/x/tools/go/packages"
)

// Of a file that imports "C" the compiler sees what the cgo tool makes of it, and
// so does the type checker. Edits are made in the file as the user wrote it, ahead
// of that tool. What joins the two is names: functions are called the same in both,
// and C.int is the type _Ctype_int of the package, which a companion can name too.
// Inside of function bodies nothing joins them: go statements and function literals
// of such files are left alone.

// addCgoFiles adds the files of a package that cgo has replaced, as the user
// wrote them, and has the package's types know their functions.
func (l *loader) addCgoFiles(pkg *sourcePackage) error {
	known := make(map[string]bool, len(pkg.files))
	for _, f := range pkg.files {
		known[f.path] = true
	}
	for _, path := range pkg.GoFiles {
		if known[path] || !strings.HasSuffix(path, ".go") {
			continue
		}
		src, ok := l.overlay[path]
		if !ok {
			var err error
			if src, err = os.ReadFile(path); err != nil {
				return fmt.Errorf("read a file that uses cgo: %w", err)
			}
		}
		syntax, err := l.parse(l.fset, path, src)
		if err != nil {
			return fmt.Errorf("read a file that uses cgo: %w", err)
		}
		if !imports(syntax, "C") {
			continue
		}
		pkg.files = append(pkg.files, &sourceFile{path: path, src: src, syntax: syntax, marked: isMarked(src), cgo: true})
		defineFunctions(pkg.Package, syntax)
	}
	return nil
}

// defineFunctions notes which functions the declarations of a file define, by
// their names.
func defineFunctions(p *packages.Package, syntax *ast.File) {
	for _, decl := range syntax.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		var obj types.Object
		switch recv := receiverType(fn); {
		case recv != "":
			obj = methodOf(p.Types.Scope().Lookup(recv), fn.Name.Name)
		case fn.Name.Name == "init":
			obj = types.NewFunc(token.NoPos, p.Types, "init", types.NewSignatureType(nil, nil, nil, nil, nil, false))
		default:
			obj = p.Types.Scope().Lookup(fn.Name.Name)
		}
		if obj != nil {
			p.TypesInfo.Defs[fn.Name] = obj
		}
	}
}

// methodOf returns the method that a type itself declares, or nil.
func methodOf(typ types.Object, name string) types.Object {
	if typ == nil {
		return nil
	}
	named, ok := types.Unalias(typ.Type()).(*types.Named)
	if !ok {
		return nil
	}
	for i := range named.NumMethods() {
		if m := named.Method(i); m.Name() == name {
			return m
		}
	}
	return nil
}

// cTypePrefix begins the names of the types that cgo makes of those of C.
const cTypePrefix = "_Ctype_"

// isC tells whether t is a type of C: memory of it may be C's, which ends when C
// says so.
func isC(t types.Type) bool {
	switch t := types.Unalias(t).(type) {
	case *types.Named:
		return strings.HasPrefix(t.Obj().Name(), cTypePrefix) || typeName(t) == "runtime/cgo.Incomplete"
	case *types.Array:
		return isC(t.Elem())
	case *types.Pointer:
		return isC(t.Elem())
	}
	return false
}

var cType = regexp.MustCompile(`\b(?:\w+\.)?_Ctype_(\w+)`)

// typeShown is a type as people read it: with the names of packages, those of C
// as the source has them.
func typeShown(t types.Type) string {
	return cType.ReplaceAllString(types.TypeString(t, packageName), "C.$1")
}
