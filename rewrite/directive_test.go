package rewrite

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// planOf makes the plan of one file.
func planOf(t *testing.T, sel Selection, src string) (*Plan, error) {
	t.Helper()
	dir := t.TempDir()
	writeTestFile(t, filepath.Join(dir, "go.mod"), []byte("module example.com/m\n\ngo 1.21\n"))
	writeTestFile(t, filepath.Join(dir, "m.go"), []byte(src))
	sel.Dir = dir
	return MakePlan(context.Background(), sel)
}

func TestDiagnostics(t *testing.T) {
	const f = "\nfunc f(id int, card string) {}\n"
	tests := []struct {
		name string
		src  string
		want string // line:col: start of the message; empty: none
	}{
		{"well formed", "package m\n\n//monitor:trace group=a.b sample=0.5 rate=10/s slow=1ms args=id result=none mask=card max=10 depth=2 deep=id" + f, ""},
		{"quoted", "package m\n\n//monitor:trace \"group=a.b\"" + f, ""},
		{"remark", "package m\n\n//monitor:trace group=a // because" + f, ""},
		{"unknown option", "package m\n\n//monitor:trace gruop=a" + f, `3:17: unknown option "gruop"; did you mean "group"?`},
		{"no pair", "package m\n\n//monitor:trace fast" + f, `3:17: option "fast" is not of the form key=value`},
		{"second position", "package m\n\n//monitor:trace group=a sample=2" + f, `3:25: bad value "2" for option sample: want a share from 0 to 1`},
		{"NaN", "package m\n\n//monitor:trace sample=NaN" + f, `3:17: bad value "NaN" for option sample`},
		{"rate", "package m\n\n//monitor:trace rate=10" + f, `3:17: bad value "10" for option rate: want calls per second`},
		{"slow", "package m\n\n//monitor:trace slow=10" + f, `3:17: bad value "10" for option slow: want a duration`},
		{"result", "package m\n\n//monitor:trace result=some" + f, `3:17: bad value "some" for option result: want all or none`},
		{"max", "package m\n\n//monitor:trace max=0" + f, `3:17: bad value "0" for option max: want a whole number`},
		{"iter", "package m\n\n//monitor:trace iter=maybe" + f, `3:17: bad value "maybe" for option iter`},
		{"iter without sequence", "package m\n\n//monitor:trace iter=on" + f, `3:1: option iter=on: f has no result of an iter.Seq type`},
		{"twice", "package m\n\n//monitor:trace max=1 max=2" + f, `3:23: option "max" is given twice`},
		{"empty", "package m\n\n//monitor:trace max=" + f, `3:17: option "max" has no value`},
		{"no such parameter", "package m\n\n//monitor:trace args=idd" + f, `3:1: option args=idd: f has no parameter "idd"; did you mean "id"?`},
		{"no such field", "package m\n\n//monitor:trace mask=Crd" + f, `3:1: option mask=Crd: f has no parameter, result or field "Crd"; did you mean "card"?`},
		{"space", "package m\n\n// monitor:trace" + f, `3:1: this comment is not a directive; did you mean //monitor:trace?`},
		{"space and option", "package m\n\n// monitor:trace group=a" + f, `3:1: this comment is not a directive; did you mean //monitor:trace group=a?`},
		{"capital", "package m\n\n//monitor:Trace" + f, `3:1: this comment is not a directive; did you mean //monitor:trace?`},
		{"capital tool", "package m\n\n//Monitor:trace" + f, `3:1: this comment is not a directive; did you mean //monitor:trace?`},
		{"misspelt tool", "package m\n\n//monitr:trace" + f, `3:1: this comment is not a directive; did you mean //monitor:trace?`},
		{"misspelt name", "package m\n\n//monitor:trcae" + f, `3:1: unknown directive //monitor:trcae; did you mean "trace"?`},
		{"block comment", "package m\n\n/*monitor:trace*/" + f, `3:1: this comment is not a directive`},
		{"prose", "package m\n\n// monitor:trace above a function records it." + f, ""},
		{"other tool", "package m\n\n//nolint:trace" + f, ""},
		{"above a variable", "package m\n\n//monitor:trace\nvar x = 1\n", `3:1: misplaced //monitor:trace`},
		{"blank line between", "package m\n\n//monitor:trace\n" + f, `3:1: misplaced //monitor:trace`},
		{"inside a function", "package m\n\nfunc f() {\n\t//monitor:trace\n\tx := 1\n\t_ = x\n}\n", `4:2: misplaced //monitor:trace`},
		{"above a literal", "package m\n\nfunc f() {\n\t//monitor:trace\n\tx := func() {}\n\tx()\n}\n", ``},
		{"not right above a literal", "package m\n\nfunc f() {\n\t//monitor:trace\n\n\tx := func() {}\n\tx()\n}\n", `4:2: misplaced //monitor:trace`},
		{"above a block with a literal", "package m\n\nfunc f() {\n\t//monitor:trace\n\tif true {\n\t\tfunc() {}()\n\t}\n}\n", `4:2: misplaced //monitor:trace`},
		{"no such parameter of a literal", "package m\n\n//monitor:trace args=y\nvar f = func(x int) {}\n", `3:1: option args=y: f has no parameter "y"; did you mean "x"?`},
		{"name for two literals", "package m\n\n//monitor:trace name=x\nvar f, g = func() {}, func() {}\n", `3:1: option name is for one function; the statement has 2 function literals`},
		{"two traces of a literal", "package m\n\nfunc f() {\n\t//monitor:trace\n\t//monitor:trace\n\tfunc() {}()\n}\n", `5:2: a second //monitor:trace for the same function literal`},
		{"skip above a literal", "package m\n\n//monitor:skip\nvar f = func() {}\n", `3:1: misplaced //monitor:skip`},
		{"package below", "package m\n\n//monitor:package" + f, `3:1: misplaced //monitor:package`},
		{"trace above the clause", "//monitor:trace\npackage m\n" + f, `1:1: misplaced //monitor:trace`},
		{"skip with options", "package m\n\n//monitor:skip now" + f, `3:16: //monitor:skip takes no options`},
		{"skip and trace", "package m\n\n//monitor:skip\n//monitor:trace" + f, `4:1: //monitor:trace and //monitor:skip`},
		{"two traces", "package m\n\n//monitor:trace\n//monitor:trace" + f, `4:1: a second //monitor:trace`},
		{"name for a package", "//monitor:package name=x\npackage m\n" + f, `1:1: option name is for one function`},
		{"name for a type", "package m\n\n//monitor:trace name=x\ntype T int\n", `3:1: option name is for one function`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := planOf(t, Selection{}, tt.src)
			if tt.want == "" {
				if err != nil {
					t.Fatalf("got %v, want no diagnostic", err)
				}
				return
			}
			ds, ok := AsDiagnostics(err)
			if !ok || len(ds) == 0 {
				t.Fatalf("got %v, want a diagnostic %s", err, tt.want)
			}
			got := fmt.Sprintf("%d:%d: %s", ds[0].Line, ds[0].Column, ds[0].Message)
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestSelection(t *testing.T) {
	const src = `package m

//monitor:trace
func traced() {}

func plain() {}

//monitor:skip
func skipped() {}

//monitor:trace
type T struct{}

func (T) Method() {}

//monitor:skip
type S struct{}

func (S) Method() {}

//go:nosplit
func nosplit() {}

func _() {}
`
	tests := []struct {
		name string
		sel  Selection
		src  string
		want string
	}{
		{"directives", Selection{}, src, "traced T.Method"},
		{"all", Selection{All: true}, src, "traced plain T.Method"},
		{"include", Selection{All: true, Include: regexp.MustCompile(`m\.T\.`)}, src, "T.Method"},
		{"exclude", Selection{All: true, Exclude: regexp.MustCompile(`plain|Method`)}, src, "traced"},
		{"package", Selection{}, "//monitor:package\n" + src, "traced plain T.Method"},
		{"package, comment between", Selection{}, "//monitor:package\n\n// Package m.\n" + src, "traced plain T.Method"},
		{"skipped file", Selection{All: true}, "//monitor:skip\n" + src, ""},
		{"generated file", Selection{All: true}, "// Code generated by hand. DO NOT EDIT.\n\n" + src, "traced"},
		{"generated file, asked", Selection{All: true, Generated: true}, "// Code generated by hand. DO NOT EDIT.\n\n" + src, "traced plain T.Method"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan, err := planOf(t, tt.sel, tt.src)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, pkg := range plan.Packages {
				for _, f := range pkg.Files {
					for _, fn := range f.Functions {
						names = append(names, fn.Name)
					}
				}
			}
			if got := strings.Join(names, " "); got != tt.want {
				t.Errorf("recorded %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSkippedReasons(t *testing.T) {
	plan, err := planOf(t, Selection{All: true}, "package m\n\n//go:nosplit\nfunc a() {}\n\nfunc _() {}\n\n//monitor:trace\n//go:nosplit\nfunc b() {}\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range plan.Skipped {
		got = append(got, fmt.Sprintf("%s:%d:%v", s.FullName, s.Pos.Line, s.Asked))
	}
	if want := "example.com/m.a:4:false example.com/m._:6:false example.com/m.b:10:true"; strings.Join(got, " ") != want {
		t.Errorf("skipped %s, want %s", got, want)
	}
}

func TestOptionsMerge(t *testing.T) {
	plan, err := planOf(t, Selection{}, `//monitor:package group=g max=10 mask=secretField
package m

//monitor:trace depth=1 max=20
type T struct{ secretField, id string }

//monitor:trace mask=id depth=2
func (t T) M(id string) {}
`)
	if err != nil {
		t.Fatal(err)
	}
	fn := plan.Packages[0].Files[0].Functions[0]
	if got, want := fn.OptionText(), "depth=2 group=g mask=secretField,id max=20"; got != want {
		t.Errorf("options %q, want %q", got, want)
	}
}
