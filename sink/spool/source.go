package spool

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

// sourceFile is the text of a source file; it is parsed when the first of its
// functions is asked for.
type sourceFile struct {
	text   string
	set    *token.FileSet
	byName map[string]*ast.FuncDecl
}

// find returns the text of the function that is called name in a manifest, doc
// comment included, and its line. An empty text and line 0 mean that it is not
// there.
func (s *sourceFile) find(name string) (text string, line int) {
	if s.byName == nil {
		s.parse()
	}
	name = withoutBrackets(name)
	f := s.byName[name]
	if at := strings.LastIndex(name, iterationSuffix); f == nil && at > 0 {
		f = s.byName[name[:at]]
	}
	if f == nil {
		return "", 0
	}
	from := f.Pos()
	if f.Doc != nil {
		from = f.Doc.Pos()
	}
	file := s.set.File(f.Pos())
	start, end := file.Offset(from), file.Offset(f.End())
	if start > end || end > len(s.text) {
		return "", 0 // the function is cut off
	}
	return s.text[start:end], file.PositionFor(f.Pos(), false).Line
}

// iterationSuffix is behind the name of a function where the iteration of a
// sequence that it returns is meant.
const iterationSuffix = ".iter"

func (s *sourceFile) parse() {
	s.set, s.byName = token.NewFileSet(), map[string]*ast.FuncDecl{}
	// A file that does not parse to its end still gives what came before.
	parsed, _ := parser.ParseFile(s.set, "", s.text, parser.ParseComments|parser.SkipObjectResolution)
	if parsed == nil {
		return
	}
	for _, decl := range parsed.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok {
			s.byName[declaredName(f)] = f
		}
	}
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

// withoutBrackets takes type parameters out of a name: Set[T].Add is Set.Add.
func withoutBrackets(name string) string {
	if !strings.Contains(name, "[") {
		return name
	}
	depth := 0
	return strings.Map(func(c rune) rune {
		switch {
		case c == '[':
			depth++
			return -1
		case c == ']' && depth > 0:
			depth--
			return -1
		case depth > 0:
			return -1
		}
		return c
	}, name)
}
