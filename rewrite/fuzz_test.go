package rewrite

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// fuzzing tells whether this process was asked to fuzz: then every seed is
// worth its time.
func fuzzing() bool {
	f := flag.Lookup("test.fuzz")
	return f != nil && f.Value.String() != ""
}

// FuzzDirective reads any comment above a function: what is not taken as it
// stands has a diagnostic inside its line, and what is taken can be written
// down again.
func FuzzDirective(f *testing.F) {
	for _, text := range append(directiveTexts, "//monitor:package group=a.b", "// monitor:trace", "//monitr:trace group=a", `//monitor:trace "group=a" `+"`max=1`",
		"//monitor:trace group=a.b sample=0.5 rate=10/s slow=1ms args=id result=none mask=card,X max=10 depth=2 deep=id,card iter=off",
		"//monitor:trace gruop=a", "//monitor:trace max=", "//monitor:trace\tmax=1\tmax=2", "/*monitor:trace*/", "//monitor:trace sample=0x1p-2", "//monitor:trace \"", "//monitor:") {
		f.Add(text)
	}
	for _, src := range scriptFiles(f) {
		for _, line := range strings.Split(string(src), "\n") {
			if strings.Contains(line, "monitor:") {
				f.Add(strings.TrimSpace(line))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		src := "package m\n\n" + text + "\nfunc f(id int, card string) {}\n"
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "m.go", src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Skip()
		}
		for _, group := range file.Comments {
			for _, c := range group.List {
				r := &report{fset: fset}
				d := parseComment(r, c)
				if err := checkDirective(c, d, r); err != nil {
					t.Errorf("%q: %v", c.Text, err)
				}
				if err := positionsInside(r.list, src); err != nil {
					t.Errorf("%q: %v", c.Text, err)
				}
			}
		}
	})
}

// checkDirective looks at what became of a comment.
func checkDirective(c *ast.Comment, d *directive, r *report) error {
	if d == nil {
		if strings.HasPrefix(c.Text, "//monitor:") && len(r.list) == 0 {
			if parsed, ok := ast.ParseDirective(c.Slash, c.Text); ok && parsed.Tool == "monitor" {
				return fmt.Errorf("rejected without a diagnostic")
			}
		}
		return nil
	}
	if len(r.list) > 0 {
		return nil
	}
	text := strings.TrimSpace("//monitor:" + d.name + " " + d.options.text())
	again := &report{fset: r.fset}
	back := parseComment(again, &ast.Comment{Slash: c.Slash, Text: text})
	if len(again.list) > 0 {
		return fmt.Errorf("written as %q it is rejected: %v", text, again.list)
	}
	if back == nil || back.name != d.name || !reflect.DeepEqual(back.options, d.options) {
		return fmt.Errorf("written as %q it means something else: %+v, not %+v", text, back, d)
	}
	return nil
}

// positionsInside makes sure that diagnostics point into the lines of a file.
func positionsInside(ds Diagnostics, src string) error {
	lines := strings.Split(src, "\n")
	for _, d := range ds {
		if d.Line < 1 || d.Line > len(lines) || d.Column < 1 || d.Column > len(lines[d.Line-1])+1 {
			return fmt.Errorf("the diagnostic %v points outside of its line", d)
		}
		if strings.ContainsAny(d.Message, "\n") {
			return fmt.Errorf("the diagnostic %q has more than one line", d.Message)
		}
	}
	return nil
}

// languages are the versions of the language that fuzzed files are compiled for.
var languages = []string{"go1.26", "go1.21", "go1.20", "go1.18", "go1.17", "go1.13", "go1.10"}

// FuzzRewrite records every function of a file that type-checks: both forms
// type-check, no line moves, nothing of the original is lost, a second run
// changes nothing, and revert gives the bytes of before. program changes the
// file first, see mutate.
func FuzzRewrite(f *testing.F) {
	for _, src := range scriptFiles(f) {
		f.Add(src, []byte{}, byte(0))
	}
	nth := 11
	if testing.Short() {
		nth = 101
	}
	if *everything || fuzzing() {
		nth = 1
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i, src := range goTestFiles(f, nth) {
		program := make([]byte, 3*(i%4)) // some as they are
		for j := range program {
			program[j] = byte(random.Uint32())
		}
		f.Add(src, program, byte(i))
	}
	f.Fuzz(func(t *testing.T, src, program []byte, language byte) {
		src = mutate(src, program)
		version := languages[int(language)%len(languages)]
		if err := rewriteFidelity(src, version, fuzzImporter(t)); errors.Is(err, errNotGo) {
			t.Skip()
		} else if err != nil {
			t.Errorf("%s\n%v\n-- source --\n%s", version, err, src)
		}
	})
}

// errNotGo says that a file does not compile in the first place.
var errNotGo = errors.New("the file does not compile")

// rewriteFidelity checks what has to hold for one file.
func rewriteFidelity(src []byte, version string, imports types.Importer) error {
	p, err := parseTestPackage("example.com/m", version, imports, map[string][]byte{"/m/m.go": src})
	if err != nil || hidesPredeclared(p.source.Types) {
		return errNotGo
	}
	if back, err := revertSource("m.go", src); err != nil || !bytes.Equal(back, src) {
		return errNotGo // instrumented already
	}
	all := Selection{All: true, Generated: true}
	plan, err := p.plan(all)
	if ds, ok := AsDiagnostics(err); ok {
		return positionsInside(ds, string(src))
	}
	_, err = p.fidelity(plan, all)
	return err
}

// TestFound checks what fuzzing has found before.
func TestFound(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/found.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		t.Run(f.Name, func(t *testing.T) {
			compiles := false
			for _, version := range languages {
				err := rewriteFidelity(f.Data, version, fuzzImporter(t))
				compiles = compiles || !errors.Is(err, errNotGo)
				if err != nil && !errors.Is(err, errNotGo) {
					t.Errorf("%s\n%v", version, err)
				}
			}
			if !compiles {
				t.Error("compiles in no language version")
			}
		})
	}
}

// hidesPredeclared tells whether a package declares a name such as len or uint.
func hidesPredeclared(p *types.Package) bool {
	for _, name := range p.Scope().Names() {
		if types.Universe.Lookup(name) != nil {
			return true
		}
	}
	return false
}
