package rewrite

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// What has to hold for every package that type-checks, whatever is in it. The
// fuzz target asks it of single files, TestEverything of the standard library.

// testPackage is a package in memory, as the loader would hand it to the planner.
type testPackage struct {
	path      string
	goVersion string // of go/types: go1.21; empty: the newest
	imports   types.Importer
	fset      *token.FileSet
	source    *sourcePackage
}

// parseTestPackage returns the package of the files, or why it does not compile.
func parseTestPackage(path, goVersion string, imports types.Importer, files map[string][]byte) (*testPackage, error) {
	p := &testPackage{path: path, goVersion: goVersion, imports: imports, fset: token.NewFileSet()}
	loaded := &packages.Package{PkgPath: path, ID: path, Module: &packages.Module{Main: true, GoVersion: strings.TrimPrefix(goVersion, "go")}}
	p.source = &sourcePackage{Package: loaded}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file, err := parser.ParseFile(p.fset, name, files[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		loaded.Name = file.Name.Name
		loaded.GoFiles = append(loaded.GoFiles, name)
		loaded.Syntax = append(loaded.Syntax, file)
		p.source.files = append(p.source.files, &sourceFile{path: name, src: files[name], syntax: file})
	}
	var err error
	loaded.TypesInfo = &types.Info{Defs: make(map[*ast.Ident]types.Object), Uses: make(map[*ast.Ident]types.Object), Types: make(map[ast.Expr]types.TypeAndValue), Scopes: make(map[ast.Node]*types.Scope)}
	loaded.TypesSizes = types.SizesFor("gc", "amd64")
	loaded.Types, err = p.check(p.fset, loaded.Syntax, loaded.TypesInfo)
	return p, err
}

// check type-checks a form of the package as the compiler would.
func (p *testPackage) check(fset *token.FileSet, files []*ast.File, info *types.Info) (checked *types.Package, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("go/types panics: %v", r) // as it does on some code that does not compile
		}
	}()
	cfg := types.Config{GoVersion: p.goVersion, Importer: p.imports, Sizes: types.SizesFor("gc", "amd64")}
	return cfg.Check(p.path, fset, files, info)
}

// checkTexts type-checks texts.
func (p *testPackage) checkTexts(texts map[string][]byte) error {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		file, err := parser.ParseFile(fset, name, texts[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	_, err := p.check(fset, files, nil)
	return err
}

// plan makes the plan of the package; what is wrong with its directives is an error.
func (p *testPackage) plan(sel Selection) (*Plan, error) {
	pl := &planner{sel: sel, report: &report{fset: p.fset}, plan: &Plan{Fset: p.fset, Broken: make(map[string]error)}, seen: make(map[string]bool)}
	pl.pkg(p.source)
	return pl.plan, pl.report.err()
}

// fidelity checks both forms of the package and returns the number of
// functions that are recorded. sel is what the plan was made with.
func (p *testPackage) fidelity(plan *Plan, sel Selection) (int, error) {
	if len(plan.Packages) == 0 {
		return 0, nil
	}
	pkg := plan.Packages[0]
	if err := p.overlayFidelity(pkg); err != nil {
		return 0, fmt.Errorf("overlay: %w", err)
	}
	if err := p.inPlaceFidelity(pkg, sel); err != nil {
		return 0, fmt.Errorf("in place: %w", err)
	}
	return plan.Count(), nil
}

// texts returns the texts of all files of the package.
func (p *testPackage) texts() map[string][]byte {
	texts := make(map[string][]byte)
	for _, f := range p.source.files {
		texts[f.path] = f.src
	}
	return texts
}

func (p *testPackage) overlayFidelity(pkg *Package) error {
	companion, changed, err := compiled(pkg, pkg.Files, "")
	if err != nil {
		return err
	}
	texts := p.texts()
	for i, f := range pkg.Files {
		text, err := changed[i].apply(f.src)
		if err != nil {
			return withText(err, f.Path, f.src)
		}
		if err := sameTokens(f.src, text, true); err != nil {
			return withText(err, f.Path, text)
		}
		texts[f.Path] = text
	}
	name := filepath.Join(pkg.Dir, "monitor_overlay.go")
	texts[name] = companion
	if err := p.checkTexts(texts); err != nil {
		return withText(withText(err, name, companion), pkg.Files[0].Path, texts[pkg.Files[0].Path])
	}
	return nil
}

func (p *testPackage) inPlaceFidelity(pkg *Package, sel Selection) error {
	if pkg.GoVersion != "" && olderThan(pkg.GoVersion, 16) {
		return nil // refused
	}
	want := make(map[string][]byte)
	if err := writePackage(pkg, want); err != nil {
		return err
	}
	texts := p.texts()
	for name, text := range want {
		texts[name] = text
	}
	for _, f := range pkg.Files {
		text := texts[f.Path]
		if err := sameTokens(f.src, text, false); err != nil {
			return withText(err, f.Path, text)
		}
		back, err := revertSource(f.Path, text)
		if err != nil {
			return withText(err, f.Path, text)
		}
		if !bytes.Equal(back, f.src) {
			return withText(errors.New("revert gives other bytes"), f.Path, back)
		}
	}
	if err := p.checkTexts(texts); err != nil {
		for _, name := range slices.Sorted(maps.Keys(want)) {
			err = withText(err, name, want[name])
		}
		return err
	}
	return p.generatedTwice(texts, want, sel)
}

// generatedTwice makes sure that a run over what a run has written changes nothing.
func (p *testPackage) generatedTwice(texts, want map[string][]byte, sel Selection) error {
	clean := make(map[string][]byte)
	for name, text := range texts {
		if isCompanion(text) {
			text = emptyFile(text)
		} else if isMarked(text) {
			var err error
			if text, err = revertSource(name, text); err != nil {
				return err
			}
		}
		clean[name] = text
	}
	again, err := parseTestPackage(p.path, p.goVersion, p.imports, clean)
	if err != nil {
		return fmt.Errorf("second run: %w", err)
	}
	plan, err := again.plan(sel)
	if err != nil {
		return fmt.Errorf("second run: %w", err)
	}
	twice := make(map[string][]byte)
	if err := writePackage(plan.Packages[0], twice); err != nil {
		return fmt.Errorf("second run: %w", err)
	}
	for name, text := range want {
		if !bytes.Equal(text, twice[name]) {
			return withText(errors.New("a second run changes the file"), name, twice[name])
		}
	}
	return nil
}

func withText(err error, name string, text []byte) error {
	return fmt.Errorf("%w\n-- %s --\n%s", err, name, text)
}

// scannedToken is a token, or comment, and its line: the one in the file and
// the one that //line comments make of it.
type scannedToken struct {
	tok       token.Token
	text      string
	line      int
	lineNamed string
	offset    int
}

func scanTokens(src []byte) []scannedToken {
	fset := token.NewFileSet()
	file := fset.AddFile("m.go", -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, nil, scanner.ScanComments)
	var tokens []scannedToken
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return tokens
		}
		if tok == token.SEMICOLON {
			continue // written or not
		}
		p := fset.Position(pos)
		tokens = append(tokens, scannedToken{tok, lit, fset.PositionFor(pos, false).Line, fmt.Sprintf("%s:%d", p.Filename, p.Line), file.Offset(pos)})
	}
}

// sameTokens makes sure that every token and comment of before is in after, in
// order and, if asked, on the same line. The names that blank parameters get
// stand for the blank, and the parenthesis behind what a go statement calls
// may become a comma.
func sameTokens(before, after []byte, sameLines bool) error {
	all := scanTokens(after)
	at := 0
	starts := goCalls(before)
	for _, want := range scanTokens(before) {
		if starts[want.offset] {
			continue
		}
		for {
			if at == len(all) {
				return fmt.Errorf("line %d: %s %q is gone, or not where it was", want.line, want.tok, want.text)
			}
			got := all[at]
			at++
			same := got.tok == want.tok && (got.text == want.text || want.text == "_" && blankName.MatchString(got.text))
			if same && (!sameLines || got.line == want.line && got.lineNamed == want.lineNamed) {
				break
			}
		}
	}
	return nil
}

// goCalls returns the offsets of the opening parentheses of all go statements.
func goCalls(src []byte) map[int]bool {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "m.go", src, parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	found := make(map[int]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		if stmt, ok := n.(*ast.GoStmt); ok {
			found[fset.PositionFor(stmt.Call.Lparen, false).Offset] = true
		}
		return true
	})
	return found
}
