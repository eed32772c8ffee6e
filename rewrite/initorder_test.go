package rewrite

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// TestNoPackageVariables makes sure that the functions of a companion refer to
// no package-level variable, its own included: one reference inside a
// function changes the order in which the user's variables are initialised.
func TestNoPackageVariables(t *testing.T) {
	plan, err := planOf(t, Selection{All: true}, `package m

type T struct{ A int; B []T }

var First = Make(1)
var Second = Make(2)

func Make(n int) *T { return &T{A: n} }
func (t *T) Method(x map[string]T, f func()) (T, error) { return *t, nil }
`)
	if err != nil {
		t.Fatal(err)
	}
	pkg := plan.Packages[0]
	for _, form := range []form{inPlace, overlay} {
		text, err := writeCompanion(form, pkg, pkg.Files, "", make(map[*Function]*call))
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), "", text, 0)
		if err != nil {
			t.Fatal(err)
		}
		variables := map[string]bool{"First": true, "Second": true}
		for _, decl := range file.Decls {
			if gen, ok := decl.(*ast.GenDecl); ok && gen.Tok == token.VAR {
				for _, spec := range gen.Specs {
					for _, name := range spec.(*ast.ValueSpec).Names {
						variables[name.Name] = true
					}
				}
			}
		}
		functions := 0
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Name.Name == "init" { // nothing can refer to init
				continue
			}
			functions++
			ast.Inspect(fn, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && variables[id.Name] {
					t.Errorf("form %d: %s refers to the variable %s", form, fn.Name.Name, id.Name)
				}
				return true
			})
		}
		if functions < 4 || !strings.Contains(string(text), "monitorEncode") {
			t.Errorf("form %d: the companion has only %d functions", form, functions)
		}
	}
}
