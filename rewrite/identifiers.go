package rewrite

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// addIdentifiers notes the identifiers of every Go file of the package's
// folder, whatever its build constraints: generated names must not meet one.
func (p *Package) addIdentifiers(src *sourcePackage) {
	p.taken, p.declared = make(map[string]bool), make(map[string]bool)
	loaded := make(map[string]bool)
	for _, f := range src.files {
		loaded[f.path] = true
		p.addSyntax(f.syntax)
	}
	entries, err := os.ReadDir(p.Dir)
	if err != nil {
		return // a folder that only an overlay knows
	}
	for _, e := range entries {
		path := filepath.Join(p.Dir, e.Name())
		if !loaded[path] && strings.HasSuffix(path, ".go") {
			p.addUnloaded(path)
		}
	}
}

// addUnloaded adds the identifiers of a file that this build leaves out, as it
// was before generate. What does not parse is the compiler's to report.
func (p *Package) addUnloaded(path string) {
	src, err := os.ReadFile(path)
	if err != nil || isCompanion(src) {
		return
	}
	if clean, err := revertSource(path, src); err == nil {
		src = clean
	}
	if file, _ := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution); file != nil {
		p.addSyntax(file)
	}
}

func (p *Package) addSyntax(file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			p.taken[id.Name] = true
		}
		return true
	})
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Recv == nil { // a method hides nothing
				p.declared[decl.Name.Name] = true
			}
			p.declareTypeParams(decl.Type.TypeParams)
			for _, id := range receiverTypeParams(decl) {
				p.declared[id.Name] = true
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					p.declared[spec.Name.Name] = true
					p.declareTypeParams(spec.TypeParams)
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						p.declared[name.Name] = true
					}
				}
			}
		}
	}
}

// declareTypeParams counts type parameters among the declared names: generated
// functions have them too, and what they hide cannot be named there.
func (p *Package) declareTypeParams(list *ast.FieldList) {
	if list == nil {
		return
	}
	for _, field := range list.List {
		for _, name := range field.Names {
			p.declared[name.Name] = true
		}
	}
}

// freshNames changes the names that values get until they meet no identifier
// of the package: in a body they would hide it.
func (p *Package) freshNames() {
	for _, f := range p.Files {
		for _, fn := range f.Functions {
			for _, v := range fn.values {
				for v.rename != renameNone && p.taken[v.ident] {
					v.ident += "_"
				}
			}
		}
	}
}

// hasGeneratedName tells whether a function as the user wrote it has a name
// that revert would take out.
func hasGeneratedName(lists ...*ast.FieldList) bool {
	for _, list := range lists {
		if list == nil {
			continue
		}
		for _, field := range list.List {
			for _, name := range field.Names {
				if unnamedName.MatchString(name.Name) || blankName.MatchString(name.Name) {
					return true
				}
			}
		}
	}
	return false
}
