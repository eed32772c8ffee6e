package spool

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

// findSource finds the function that is called name in a manifest in the text
// of its file, and returns its own text, doc comment included, and its line.
// An empty text and line 0 mean that it is not there.
func findSource(file, name string) (text string, line int) {
	if file == "" {
		return "", 0
	}
	set := token.NewFileSet()
	// A file that does not parse to its end still gives what came before.
	parsed, _ := parser.ParseFile(set, "", file, parser.ParseComments|parser.SkipObjectResolution)
	if parsed == nil {
		return "", 0
	}
	for _, decl := range parsed.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || !sameFunction(declaredName(f), name) {
			continue
		}
		from := f.Pos()
		if f.Doc != nil {
			from = f.Doc.Pos()
		}
		start, end := set.Position(from).Offset, set.Position(f.End()).Offset
		if start < 0 || end > len(file) || start > end {
			return "", 0
		}
		return file[start:end], set.Position(f.Pos()).Line
	}
	return "", 0
}

// declaredName is Price, Desk.Price or (*Desk).Price; type parameters are left out.
func declaredName(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return f.Name.Name
	}
	typ, pointer := f.Recv.List[0].Type, false
	for {
		switch t := typ.(type) {
		case *ast.ParenExpr:
			typ = t.X
		case *ast.StarExpr:
			typ, pointer = t.X, true
		case *ast.IndexExpr:
			typ = t.X
		case *ast.IndexListExpr:
			typ = t.X
		case *ast.Ident:
			if pointer {
				return "(*" + t.Name + ")." + f.Name.Name
			}
			return t.Name + "." + f.Name.Name
		default:
			return f.Name.Name
		}
	}
}

// sameFunction compares a declared name with a manifest's, which may carry type
// parameters: Set[T].Add.
func sameFunction(declared, name string) bool {
	for {
		open := strings.IndexByte(name, '[')
		if open < 0 {
			return declared == name
		}
		shut, depth := -1, 0
		for i := open; i < len(name) && shut < 0; i++ {
			switch name[i] {
			case '[':
				depth++
			case ']':
				if depth--; depth == 0 {
					shut = i
				}
			}
		}
		if shut < 0 {
			return false
		}
		name = name[:open] + name[shut+1:]
	}
}
