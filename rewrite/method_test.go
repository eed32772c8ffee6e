package rewrite

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"testing"
)

func TestHarmless(t *testing.T) {
	fset := token.NewFileSet()
	cfg := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	for name, c := range map[string]struct {
		body string
		want bool
	}{
		"conversion":          {`return string(rune(v))`, true},
		"table":               {`return [...]string{"a", "b"}[v]`, true},
		"of the language":     {`if len(names) > 3 { panic("x") }; return string(append([]byte(nil), 'a'))`, true},
		"fmt":                 {`return fmt.Sprintf("%d", int(v))`, true},
		"builder":             {`var b strings.Builder; b.WriteString("x"); return b.String()`, true},
		"own variable":        {`n := 0; n++; list := []int{1}; list[0] = n; return fmt.Sprint(list)`, true},
		"named result":        {`s = "a"; return s`, true},
		"harmless function":   {`return plain(v)`, true},
		"calls itself":        {`if v > 0 { return (v - 1).text() }; return ""`, true},
		"lock":                {`mu.Lock(); defer mu.Unlock(); return ""`, false},
		"lock further in":     {`return locks()`, false},
		"method with a lock":  {`return other(0).name()`, false},
		"writes a variable":   {`count++; return ""`, false},
		"writes an element":   {`names[0] = "x"; return ""`, false},
		"writes by a pointer": {`p := &count; *p = 1; return ""`, false},
		"receives":            {`return <-channel`, false},
		"starts a goroutine":  {`go plain(v); return ""`, false},
		"another package":     {`return os.Getenv("X")`, false},
		"function value":      {`f := plain; return f(v)`, false},
		"unknown method":      {`return wg.Go()`, false},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "a.go")
		src := `package p

import ("fmt"; "os"; "strings"; "sync")

var (
	mu      sync.Mutex
	count   int
	names   []string
	channel chan string
	wg      interface{ Go() string }
	_, _, _ = fmt.Sprint, os.Getenv, strings.Cut
)

type value int

func (v value) String() (s string) { ` + c.body + ` }

func (v value) text() string { return (v - 1).text() }

func plain(v value) string { return "plain" }

func locks() string { mu.Lock(); return "" }

type other int

func (o other) name() string { mu.Lock(); return "" }

// String of another type, which says nothing about value's.
func (o other) String() string { mu.Lock(); return "" }
`
		if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		pkg, err := cfg.Check("example.com/p", fset, []*ast.File{file}, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		fn := method(pkg.Scope().Lookup("value").Type(), "String")
		if got := newJudge(fset, func(string) string { return "" }).harmless(fn); got != c.want {
			t.Errorf("%s: harmless %t", name, got)
		}
	}
}
