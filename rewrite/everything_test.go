package rewrite

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// TestEverything records every function of a sample of the standard library,
// with -everything of all of it and of the go command: what it makes of them has
// to type-check, see fidelity.
func TestEverything(t *testing.T) {
	patterns, nth := []string{"std"}, 10
	switch {
	case *everything:
		patterns, nth = []string{"std", "cmd"}, 1
	case testing.Short():
		nth = 40
	}
	packages := standardPackages(t, patterns)
	imports, err := newExportData(patterns...)
	if err != nil {
		t.Fatal(err)
	}
	locked := &lockedImporter{exportData: imports}
	for i, pkg := range packages {
		if i%nth != 0 {
			continue
		}
		t.Run(pkg.ImportPath, func(t *testing.T) {
			t.Parallel()
			files := make(map[string][]byte)
			for _, name := range pkg.GoFiles {
				path := filepath.Join(pkg.Dir, name)
				if files[path], err = os.ReadFile(path); err != nil {
					t.Fatal(err)
				}
			}
			p, err := parseTestPackage(pkg.ImportPath, languages[0], mappedImporter{locked, pkg.ImportMap}, files)
			if err != nil {
				t.Fatalf("as it is: %v", err)
			}
			all := Selection{All: true, Generated: true}
			plan, err := p.plan(all)
			if err != nil {
				t.Fatal(err)
			}
			n, err := p.fidelity(plan, all)
			if err != nil {
				t.Fatal(firstLines(err.Error()))
			}
			t.Logf("%d functions recorded, %d left alone", n, len(plan.Skipped))
			for path, src := range files {
				files[path] = directLiterals(src)
			}
			if p, err = parseTestPackage(pkg.ImportPath, languages[0], mappedImporter{locked, pkg.ImportMap}, files); err != nil {
				t.Fatalf("with directives: %v", err)
			}
			if plan, err = p.plan(Selection{}); err != nil {
				t.Fatal(err)
			}
			if n, err = p.fidelity(plan, Selection{}); err != nil {
				t.Fatal(firstLines(err.Error()))
			}
			t.Logf("%d literals recorded, %d left alone", n, len(plan.Skipped))
		})
	}
}

// directLiterals puts a directive above everything that may have one for its literals.
func directLiterals(src []byte) []byte {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "m.go", src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return src
	}
	s := &literalScan{planner: &planner{plan: &Plan{Fset: fset}}, source: &sourceFile{syntax: file, src: src}}
	s.scanLines()
	var e edits
	taken := make(map[*ast.FuncLit]bool)
	for _, line := range slices.Sorted(maps.Keys(s.lines)) {
		n := s.lines[line]
		lits := outermostLiterals(n)
		asked := slices.ContainsFunc(lits, func(lit *ast.FuncLit) bool { return taken[lit] })
		for _, lit := range lits {
			taken[lit] = taken[lit] || holdsLiterals(n)
		}
		if !asked && holdsLiterals(n) {
			e.insert(fset.File(file.FileStart).Offset(fset.File(file.FileStart).LineStart(line)), "//monitor:trace\n")
		}
	}
	out, err := e.apply(src)
	if err != nil {
		return src
	}
	return out
}

// firstLines cuts a message that carries whole files.
func firstLines(text string) string { return text[:min(len(text), 4000)] }

// standardPackage is what go list says.
type standardPackage struct {
	ImportPath, Dir   string
	GoFiles, CgoFiles []string
	ImportMap         map[string]string // vendored packages
}

// standardPackages lists the packages of Go itself that have functions, those
// with cgo left out.
func standardPackages(t *testing.T, patterns []string) []standardPackage {
	t.Helper()
	args := []string{"list", "-json=ImportPath,Dir,GoFiles,CgoFiles,ImportMap"}
	out, err := exec.Command("go", append(args, patterns...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []standardPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p standardPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 && len(p.CgoFiles) == 0 && !oddPackages[p.ImportPath] {
			found = append(found, p)
		}
	}
}

// oddPackages cannot be recorded in this way; none can be a user's.
var oddPackages = map[string]bool{
	"unsafe":      true, // has no code
	"time":        true, // whose types the runtime knows by this name
	"cmd/compile": true, // built with a profile, its imports too
}
