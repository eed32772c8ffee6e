package rewrite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/dave/dst"
	"github.com/dave/dst/decorator"
)

// Change is one file as generate or revert wants it.
type Change struct {
	Path string
	Old  []byte // nil: the file is new
	New  []byte // nil: the file goes
}

// Changes is what generate would do, sorted by path. Nothing is written
// before Commit.
type Changes []Change

// Generate makes the plan of the selection and the changes that bring the
// files on disk in line with it. Files that are as they should be are not
// among them, so a second run has no changes.
func Generate(ctx context.Context, sel Selection) (*Plan, Changes, error) {
	sel.Clean = true
	plan, err := MakePlan(ctx, sel)
	if err != nil {
		return nil, nil, err
	}
	if len(plan.Broken) > 0 {
		var errs []error
		for _, err := range plan.Broken {
			errs = append(errs, err)
		}
		return nil, nil, errors.Join(errs...)
	}
	want := make(map[string][]byte)
	for _, pkg := range plan.Packages {
		if err := writePackage(pkg, want); err != nil {
			return nil, nil, fmt.Errorf("generate %s: %w", pkg.Path, err)
		}
	}
	dirs, err := sel.dirs(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := restOf(dirs, want, sel.Tests); err != nil {
		return nil, nil, err
	}
	changes, err := changesTo(want)
	return plan, changes, err
}

// Revert makes the changes that take everything generated out of the folders
// of the selection, whatever the build constraints.
func Revert(ctx context.Context, sel Selection) (Changes, error) {
	dirs, err := sel.dirs(ctx)
	if err != nil {
		return nil, err
	}
	want := make(map[string][]byte)
	if err := restOf(dirs, want, true); err != nil {
		return nil, err
	}
	return changesTo(want)
}

// restOf adds to want the files of the folders that generate left something
// in and that are not in want: as they were, companions gone.
func restOf(dirs []string, want map[string][]byte, tests bool) error {
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("revert: %w", err)
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if _, planned := want[path]; planned || !strings.HasSuffix(path, ".go") {
				continue
			}
			src, err := os.ReadFile(path)
			if err != nil {
				return fmt.Errorf("revert: %w", err)
			}
			switch {
			case isCompanion(src):
				want[path] = nil
			case isMarked(src):
				if want[path], err = revertSource(path, src); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// changesTo compares what is wanted with what is there.
func changesTo(want map[string][]byte) (Changes, error) {
	var changes Changes
	for path, text := range want {
		old, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			return nil, err
		}
		if err != nil {
			old = nil
		}
		if (old == nil) == (text == nil) && bytes.Equal(old, text) {
			continue
		}
		changes = append(changes, Change{Path: path, Old: old, New: text})
	}
	sort.Slice(changes, func(i, j int) bool { return changes[i].Path < changes[j].Path })
	return changes, nil
}

// Commit writes the changes, each file at once or not at all. Symbolic links
// and other files that are not regular are refused before anything is written.
func (cs Changes) Commit() error {
	modes := make([]os.FileMode, len(cs))
	for i, c := range cs {
		modes[i] = 0o644
		info, err := os.Lstat(c.Path)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is not a regular file; monitorgen does not write through it", c.Path)
		}
		if c.Old != nil && info.Mode().Perm()&0o200 == 0 {
			return fmt.Errorf("%s is read-only", c.Path)
		}
		modes[i] = info.Mode().Perm()
	}
	for i, c := range cs {
		if c.New == nil {
			if err := os.Remove(c.Path); err != nil {
				return err
			}
			continue
		}
		if err := writeFile(c.Path, c.New, modes[i]); err != nil {
			return err
		}
	}
	return nil
}

// writePackage adds the wanted texts of a package's files and companions.
func writePackage(pkg *Package, want map[string][]byte) error {
	if len(pkg.GoVersion) > 0 && olderThan(pkg.GoVersion, 16) {
		return fmt.Errorf("the module's go line is %s; generated code embeds its sources, which needs go 1.16 (monitorgen run, test and build need no such thing)", pkg.GoVersion)
	}
	for _, group := range constraintGroups(pkg.Files) {
		calls := make(map[*Function]*call)
		text, err := writeCompanion(inPlace, pkg, group.files, group.suffix(pkg), calls)
		if err != nil {
			return err
		}
		want[filepath.Join(pkg.Dir, group.fileName(pkg))] = text
		for _, f := range group.files {
			if want[f.Path], err = f.rewriteInPlace(calls); err != nil {
				return err
			}
		}
	}
	return nil
}

// olderThan tells whether a go line such as 1.9 is below 1.minor.
func olderThan(version string, minor int) bool {
	var major, have int
	if n, _ := fmt.Sscanf(version, "%d.%d", &major, &have); n < 2 {
		return false
	}
	return major == 1 && have < minor
}

// constraintGroup is the files of a package that are built under the same
// conditions; their companion is built under these too.
type constraintGroup struct {
	nameTail string // "", "_linux", "_linux_amd64", with "_test" behind
	line     string // the //go:build line, or ""
	files    []*File
}

func constraintGroups(files []*File) []*constraintGroup {
	var groups []*constraintGroup
	for _, f := range files {
		tail, line := nameTail(filepath.Base(f.Path)), f.constraintLine()
		i := slices.IndexFunc(groups, func(g *constraintGroup) bool { return g.nameTail == tail && g.line == line })
		if i < 0 {
			groups = append(groups, &constraintGroup{nameTail: tail, line: line})
			i = len(groups) - 1
		}
		groups[i].files = append(groups[i].files, f)
	}
	return groups
}

// fileName returns monitor_gen.go with what the constraints ask for.
func (g *constraintGroup) fileName(pkg *Package) string {
	name := "monitor_gen"
	if pkg.isExternalTest() {
		name += "_x"
	}
	if g.line != "" {
		name += "_" + constraintWord(g.line)
	}
	return name + g.nameTail + ".go"
}

// suffix tells apart the identifiers of the companions of one package.
func (g *constraintGroup) suffix(pkg *Package) string {
	suffix := identifier(g.nameTail)
	if g.line != "" {
		suffix += identifier(constraintWord(g.line))
	}
	if pkg.isExternalTest() {
		suffix += "X"
	}
	return suffix
}

// constraintWord makes a file name part of a //go:build line. It never ends
// in a word that the go command reads as a constraint.
func constraintWord(line string) string {
	var b strings.Builder
	for _, r := range strings.TrimPrefix(line, "//go:build") {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == '!':
			b.WriteString("not")
		case r == '|':
			b.WriteString("or")
		case r == '&':
			b.WriteString("and")
		}
	}
	return strings.ReplaceAll(b.String(), "oror", "_or_") + "_tags"
}

// nameTail returns the part of a file name that constrains the build.
func nameTail(base string) string {
	name := strings.TrimSuffix(base, ".go")
	tail := ""
	if rest, ok := strings.CutSuffix(name, "_test"); ok {
		name, tail = rest, "_test"
	}
	parts := strings.Split(name, "_")
	n := len(parts)
	switch {
	case n >= 3 && knownOS[parts[n-2]] && knownArch[parts[n-1]]:
		return "_" + parts[n-2] + "_" + parts[n-1] + tail
	case n >= 2 && (knownOS[parts[n-1]] || knownArch[parts[n-1]]):
		return "_" + parts[n-1] + tail
	}
	return tail
}

// The words that the go command reads in file names (go help buildconstraint).
var (
	knownOS   = words("aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris wasip1 windows zos")
	knownArch = words("386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm")
)

func words(s string) map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.Fields(s) {
		set[w] = true
	}
	return set
}

// rewriteInPlace returns the file with one marked line in each recorded
// function. The result is checked: reverting it gives the bytes it was made
// from. Where dst cannot promise that (source that gofmt would change), the
// same edits are made byte by byte.
func (f *File) rewriteInPlace(calls map[*Function]*call) ([]byte, error) {
	writers := []func(map[*Function]*call) ([]byte, error){f.rewriteTree, f.rewriteBytes}
	if lineComment.Match(f.src) {
		// dst lays lines out by their adjusted numbers, a gigabyte of them if they are far apart.
		writers = writers[1:]
	}
	for _, write := range writers {
		text, err := write(calls)
		if err != nil {
			continue
		}
		if back, err := revertSource(f.Path, text); err == nil && bytes.Equal(back, f.src) {
			return text, nil
		}
	}
	return nil, fmt.Errorf("%s: cannot be changed such that -revert would restore it; please report this file", f.Path)
}

// lineComment matches what gives lines other numbers.
var lineComment = regexp.MustCompile(`(?m)^//line |/\*line `)

// rewriteTree makes the changes in a decorated syntax tree, so that comments
// stay where they are.
func (f *File) rewriteTree(calls map[*Function]*call) ([]byte, error) {
	// A tree of its own: the plan's tree stays as it was loaded.
	fset := token.NewFileSet()
	text, err := f.startInPlace(calls)
	if err != nil {
		return nil, err
	}
	syntax, err := parser.ParseFile(fset, f.Path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	dec := decorator.NewDecorator(fset)
	tree, err := dec.DecorateFile(syntax)
	if err != nil {
		return nil, err
	}
	// Declarations of both trees correspond one to one.
	for i, decl := range f.syntax.Decls {
		for _, fn := range f.Functions {
			if decl == ast.Decl(fn.decl) {
				if err := insertInTree(fn, calls[fn], syntax.Decls[i].(*ast.FuncDecl), dec); err != nil {
					return nil, err
				}
			}
		}
	}
	var out bytes.Buffer
	if err := decorator.Fprint(&out, tree); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// startInPlace returns the file with its go statements, and the literals that it
// records or hands over, changed.
func (f *File) startInPlace(calls map[*Function]*call) ([]byte, error) {
	var e edits
	for _, fn := range f.Functions {
		fn.editSpawns(&e, markText()+" ")
		if fn.literal != nil {
			fn.markLiteral(&e, calls[fn], true)
		}
		fn.markJoins(&e, true)
	}
	return e.apply(f.src)
}

// insertInTree gives names to the signature and puts the statements first.
func insertInTree(fn *Function, cl *call, decl *ast.FuncDecl, dec *decorator.Decorator) error {
	node := dec.Dst.Nodes[decl].(*dst.FuncDecl)
	var words []string
	if fn.onOneLine() {
		words = append(words, fmt.Sprintf("%s=%d", markOneLine, fn.spacesBeforeBody()))
	}
	for _, n := range fn.namings() {
		field := dec.Dst.Nodes[sameField(fn.decl, decl, n)].(*dst.Field)
		if n.at >= 0 {
			field.Names[n.at].Name = n.ident
			continue
		}
		if n.bare() {
			words = append(words, markParens)
		}
		field.Names = []*dst.Ident{dst.NewIdent(n.ident)}
	}
	texts, marks := []string{cl.statement()}, []string{markText(words...)}
	if fn.noted != "" {
		texts, marks = append(texts, fn.noted), append(marks, markText())
	}
	for _, s := range node.Body.List {
		ownLine(s)
	}
	for i := len(texts) - 1; i >= 0; i-- {
		stmt, err := parseStatement(texts[i])
		if err != nil {
			return err
		}
		ownLine(stmt)
		stmt.Decorations().Start.Append(marks[i])
		node.Body.List = append([]dst.Stmt{stmt}, node.Body.List...)
	}
	return nil
}

// ownLine puts a statement on a line of its own, if it is not on one.
func ownLine(stmt dst.Stmt) {
	if stmt.Decorations().Before == dst.None {
		stmt.Decorations().Before = dst.NewLine
	}
	if stmt.Decorations().After == dst.None {
		stmt.Decorations().After = dst.NewLine
	}
}

// sameField finds in the second declaration the field that a naming means in the first.
func sameField(planned, fresh *ast.FuncDecl, n naming) *ast.Field {
	lists := func(d *ast.FuncDecl) []*ast.FieldList { return []*ast.FieldList{d.Recv, d.Type.Params, d.Type.Results} }
	for i, list := range lists(planned) {
		if list == n.fields {
			return lists(fresh)[i].List[slices.Index(list.List, n.field)]
		}
	}
	return nil
}

// parseStatement returns the decorated form of one statement.
func parseStatement(text string) (dst.Stmt, error) {
	file, err := decorator.Parse("package p\nfunc _() {\n" + text + "\n}\n")
	if err != nil {
		return nil, fmt.Errorf("inserted statement %q: %w", text, err)
	}
	return file.Decls[0].(*dst.FuncDecl).Body.List[0], nil
}

// onOneLine tells whether the function's braces are on one line.
func (fn *Function) onOneLine() bool {
	at := fn.file.offsetOf
	return !bytes.ContainsRune(fn.file.src[at(fn.body.Lbrace):at(fn.body.Rbrace)], '\n')
}

// spacesBeforeBody counts the spaces in front of the opening brace.
func (fn *Function) spacesBeforeBody() int {
	before := fn.file.src[:fn.file.offsetOf(fn.body.Lbrace)]
	return len(before) - len(bytes.TrimRight(before, " "))
}

// rewriteBytes makes the same changes without touching any other byte.
func (f *File) rewriteBytes(calls map[*Function]*call) ([]byte, error) {
	var e edits
	for _, fn := range f.Functions {
		fn.editSpawns(&e, markText()+" ")
		if fn.literal != nil {
			fn.markLiteral(&e, calls[fn], false)
			fn.markJoins(&e, false)
			continue
		}
		var words []string
		if parens := fn.nameSignature(&e); parens {
			words = append(words, markParens)
		}
		open := f.offsetOf(fn.body.Lbrace) + 1
		eol := lineEnd(f.src, open)
		rest := strings.TrimSpace(string(f.src[open:eol]))
		ownLine := !fn.onOneLine() && (rest == "" || strings.HasPrefix(rest, "//"))
		if ownLine {
			lineBreak := "\n"
			if bytes.HasSuffix(f.src[:eol], []byte("\r\n")) {
				lineBreak = "\r\n"
			}
			e.insert(eol, "\t"+markText(words...)+" "+calls[fn].statement()+lineBreak)
		} else {
			e.insert(open, markText(words...)+" "+calls[fn].statement()+";")
		}
		fn.markNote(&e, false)
		fn.markJoins(&e, false)
	}
	return e.apply(f.src)
}
