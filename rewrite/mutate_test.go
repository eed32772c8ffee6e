package rewrite

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"strings"
)

// mutate changes source as programmers do, where a fuzzer that flips bytes
// would break its syntax. program holds the mutations, three bytes each: which
// one, where, and with what. One that leaves text without syntax is passed over.
func mutate(src, program []byte) []byte {
	const most = 12
	for n := 0; n < most && len(program) >= 3; n++ {
		op, where, what := program[0], int(program[1]), int(program[2])
		program = program[3:]
		m := &mutation{src: src, fset: token.NewFileSet(), where: where, what: what}
		var err error
		m.file, err = parser.ParseFile(m.fset, "m.go", src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return src
		}
		mutations[int(op)%len(mutations)](m)
		out, err := m.edits.apply(src)
		if err != nil {
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), "m.go", out, parser.SkipObjectResolution); err == nil {
			src = out
		}
	}
	return src
}

// mutation is one change of one file.
type mutation struct {
	src         []byte
	fset        *token.FileSet
	file        *ast.File
	where, what int
	edits       edits
}

var mutations = []func(*mutation){
	(*mutation).blankName,
	(*mutation).unnameFields,
	(*mutation).nameFields,
	(*mutation).renameIdent,
	(*mutation).addDirective,
	(*mutation).joinLines,
	(*mutation).addSpace,
	(*mutation).changeLayout,
	(*mutation).changeType,
	(*mutation).addDeclaration,
	(*mutation).addStatement,
	(*mutation).moveDeclaration,
}

func (m *mutation) at(p token.Pos) int { return m.fset.PositionFor(p, false).Offset }

// pick returns the element that the program names; false if there is none.
func pick[T any](list []T, n int) (picked T, ok bool) {
	if len(list) == 0 {
		return picked, false
	}
	return list[n%len(list)], true
}

func (m *mutation) functions() []*ast.FuncDecl {
	var fns []*ast.FuncDecl
	for _, decl := range m.file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok {
			fns = append(fns, fn)
		}
	}
	return fns
}

// fieldLists returns the receivers, parameters and results of all functions.
func (m *mutation) fieldLists() []*ast.FieldList {
	var lists []*ast.FieldList
	for _, fn := range m.functions() {
		for _, list := range []*ast.FieldList{fn.Recv, fn.Type.Params, fn.Type.Results} {
			if list != nil && len(list.List) > 0 {
				lists = append(lists, list)
			}
		}
	}
	return lists
}

func (m *mutation) blankName() {
	var names []*ast.Ident
	for _, list := range m.fieldLists() {
		for _, field := range list.List {
			names = append(names, field.Names...)
		}
	}
	if name, ok := pick(names, m.where); ok {
		m.edits.replace(m.at(name.Pos()), m.at(name.End()), "_")
	}
}

func (m *mutation) unnameFields() {
	list, ok := pick(m.fieldLists(), m.where)
	if !ok {
		return
	}
	for _, field := range list.List {
		if len(field.Names) > 0 {
			m.edits.replace(m.at(field.Names[0].Pos()), m.at(field.Type.Pos()), "")
		}
	}
}

// commonNames are those that generated code, the language and the standard library use.
var commonNames = strings.Fields(`_ e c s n i err a0 a1 r0 r1 ok v k monitor runtime monitorCall monitorPackage monitorR0 monitorP0 monitorV
	monitorF monitorFEnter monitorFEnd monitorFDone monitorEncodeT unsafe autostart embed min len new make append panic recover nil true false iota any error string
	int int64 uint64 float64 bool byte comparable String Error Fmt T K V init main fmt time Call Site É 世 ſ`)

func (m *mutation) nameFields() {
	list, ok := pick(m.fieldLists(), m.where)
	if !ok {
		return
	}
	for i, field := range list.List {
		if len(field.Names) > 0 || !list.Opening.IsValid() {
			return
		}
		name, _ := pick(commonNames, m.what+i)
		m.edits.insert(m.at(field.Type.Pos()), name+" ")
	}
}

func (m *mutation) renameIdent() {
	var names []string
	seen := make(map[string]bool)
	idents := make(map[string][]*ast.Ident)
	ast.Inspect(m.file, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			idents[id.Name] = append(idents[id.Name], id)
			if !seen[id.Name] {
				seen[id.Name] = true
				names = append(names, id.Name)
			}
		}
		return true
	})
	name, ok := pick(names, m.where)
	if !ok {
		return
	}
	other, _ := pick(commonNames, m.what)
	for _, id := range idents[name] {
		m.edits.replace(m.at(id.Pos()), m.at(id.End()), other)
	}
}

var directiveTexts = []string{
	"//monitor:trace", "//monitor:skip", "//monitor:trace args=none", "//monitor:trace result=none", "//monitor:trace args=none result=none",
	"//monitor:trace depth=1", "//monitor:trace name=f", "//monitor:trace sample=0.5 slow=1ms max=10", "//monitor:trace iter=on",
	"//go:noinline", "//go:nosplit", "//go:norace", "// Doc.", "/* Doc */", "//line other.go:100", "//go:build linux\n", "//monitor:trace // why",
}

func (m *mutation) addDirective() {
	decl, ok := pick(m.file.Decls, m.where)
	if !ok {
		return
	}
	text, _ := pick(directiveTexts, m.what)
	m.edits.insert(m.at(decl.Pos()), text+"\n")
}

// joinLines takes a line break out, or puts a semicolon in its place.
func (m *mutation) joinLines() {
	var breaks []int
	for i, b := range m.src {
		if b == '\n' {
			breaks = append(breaks, i)
		}
	}
	n := m.where + m.what/2*256
	if at, ok := pick(breaks, n); ok {
		with := []string{" ", "; "}[m.what%2]
		m.edits.replace(at, at+1, with)
	}
}

var spaceTexts = []string{" ", "\t", "\n", "\n\n", "/* c */", "/*\n*/", " // c\n", "\n//line l.go:7\n", "/*line l.go:7:3*/", ";", "(", ")", "\r", "\f", "\n//monitor:trace\n", "/*monitor:generated*/"}

// addSpace puts what means nothing to the compiler between two tokens.
func (m *mutation) addSpace() {
	var offsets []int
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(m.src))
	var s scanner.Scanner
	s.Init(file, m.src, nil, scanner.ScanComments)
	for {
		pos, tok, _ := s.Scan()
		if tok == token.EOF {
			break
		}
		offsets = append(offsets, file.Offset(pos))
	}
	if at, ok := pick(offsets, m.where+m.what/len(spaceTexts)*256); ok {
		text, _ := pick(spaceTexts, m.what)
		m.edits.insert(at, text)
	}
}

// changeLayout changes bytes all over the file.
func (m *mutation) changeLayout() {
	all := func(from, to string) {
		m.edits.replace(0, len(m.src), string(bytes.ReplaceAll(m.src, []byte(from), []byte(to))))
	}
	switch m.what % 8 {
	case 0:
		all("\n", "\r\n")
	case 1:
		all("\t", "  ")
	case 2:
		all("{\n", "{ // c\n")
	case 3:
		all("{\n", "{ /* c */\n")
	case 4:
		all(") {", "){")
	case 5:
		m.edits.insert(0, "\ufeff")
	case 6:
		m.edits.replace(0, len(m.src), strings.TrimRight(string(m.src), "\n"))
	case 7:
		m.edits.insert(0, "//go:build linux || !linux\n\n// Remark.\n\n")
	}
}

var typeTexts = []string{
	"int", "string", "error", "any", "[]byte", "*int", "func()", "func() (int, error)", "chan int", "<-chan int", "map[string]int", "struct{}",
	"struct{ A, B int }", "struct{ s struct{ p *int } }", "interface{}", "interface{ M() }", "[3]int", "[]error", "*error", "func(yield func(int) bool)",
	"unsafe.Pointer", "time.Time", "*strings.Builder", "sync.Mutex", "[8]struct{ x [100]int }", "(int)", "((error))", "*(int)", "func(func(int) bool)", "uintptr", "complex128", "rune",
	"[1 << 2]int", "[len(\"abc\")]int", "struct{ error }", "struct{ _ int; X int `monitor:\"-\"` }", "map[struct{ x int }]func()", "chan<- (<-chan int)",
}

// changeType gives a field of a signature the type of another, or a common one.
func (m *mutation) changeType() {
	var fields []*ast.Field
	for _, list := range m.fieldLists() {
		fields = append(fields, list.List...)
	}
	field, ok := pick(fields, m.where)
	if !ok {
		return
	}
	texts := typeTexts
	for _, other := range fields {
		texts = append(texts[:len(texts):len(texts)], string(m.src[m.at(other.Type.Pos()):m.at(other.Type.End())]))
	}
	text, _ := pick(texts, m.what)
	m.edits.replace(m.at(field.Type.Pos()), m.at(field.Type.End()), text)
	for _, path := range []string{"unsafe", "time", "strings", "sync"} {
		if strings.Contains(text, path+".") && !imports(m.file, path) {
			m.edits.insert(m.at(m.file.Name.End()), "; import \""+path+"\"")
		}
	}
}

var declarationTexts = []string{
	"type monitor struct{}", "func monitorCall() {}", "var min, len = 1, 2", "type error interface{ Other() }", "type string int", "const nil = 1",
	"type int struct{ p *int }", "type any = struct{}", "func init() {}", "func init() { }; func init() {\n}", "func _() {}", "func _[T any](x T) T { return x }",
	"type G[K comparable, V any] struct { k K; v []V; next *G[K, V] }\nfunc (g *G[K, _]) M(g2 G[K, int]) (_ K) { return }", "type A[P any] = []P\nfunc useA[P any](a A[P]) A[P] { return a }",
	"func (int) bad() {}", "func lit() (f func() error) { f = func() error { return nil }; return f }",
	"type E int\nfunc (e E) Error() string { return \"\" }\nfunc mayFail() (E, *E) { return 0, nil }", "func seq(n int) func(func(int) bool) { return func(yield func(int) bool) { yield(n) } }",
	"type S struct { a, b int; _ [0]func(); s *S; e error; m map[S2]*S; f func(S); c chan S; i interface{ N(S) } }\ntype S2 struct{ x int }\nfunc (S) M(s S, p *S, l []S) (S, []*S) { return s, l2(p) }\nfunc l2(s *S) []*S { return nil }",
	"func named() (x, y int, err error) { defer func() { recover() }(); return 1, 2, nil }", "func v(a ...int) {}; func vv(_ ...interface{}) {}",
	"//monitor:trace\nvar hvar = func(x int) (int, error) { return x, nil }", "//monitor:trace args=none\nvar hmap, hother = map[string]func(error) error{\"a\": func(err error) error { return err }}, 1",
	"type L struct{ next *L }\nfunc (l *L) String() string { return \"\" }", "type I interface{ ~int | ~string }\nfunc sum[T I](xs ...T) (t T) { return }", "func over8(a [300]int, b struct{ x [9]int }) [300]int { return a }",
	"func deep(a [][][][]map[string][]*struct{ x, y *[]int }) {}", "func secret(password string, token []byte, apiKey *string) {}",
}

func (m *mutation) addDeclaration() {
	text, _ := pick(declarationTexts, m.what)
	at := len(m.src)
	if m.where%2 == 0 {
		if fns := m.functions(); len(fns) > 0 {
			at = m.at(fns[m.where/2%len(fns)].Pos())
		}
	}
	m.edits.insert(at, "\n"+text+"\n")
}

var statementTexts = []string{
	"defer func() { recover() }()", "if false { return }", "goto end; end:", "for { break }", "panic(1)", "type monitorT int; var _ monitorT", "var monitorCall int; _ = monitorCall",
	"L: for range 3 { continue L }", "_ = func() (int, error) { return 1, nil }", "defer func() {}(); defer func() {}(); defer func() {}()", "{ }", ";", "const monitorR0 = 1; _ = monitorR0", "var a0, r0 = 1, 2; _, _ = a0, r0",
	"\n//monitor:trace\nhl := func(a int, _ string) error { return nil }; _ = hl", "\n//monitor:trace\ngo func(int) {\n\tgo print(1)\n\thc := make(chan func(), 1); hv := 2; hc <- func() { print(hv) }\n}(1)",
	"\n//monitor:trace\ndefer func() { recover() }()", "hc, hv := make(chan func(), 1), 1\n//monitor:trace\nhc <- func() { print(hv) }", "type ht struct{ error }\n//monitor:trace\n_ = func(ha ht, hb ...*ht) (ht, int, error) { return ha, 1, nil }",
	"\n//monitor:trace\nhl := [...]func(int) int{ func(int) int { return 1 }, func(hx int) int { //monitor:trace\nreturn func() int { return hx }() } }; _ = hl",
	"var hg interface{ Go(func()) }; hv := 1; if hg != nil { hg.Go(func() { print(hv) }) }",
	"hc, hv := make(chan func(), 1), 1; hf := func() {\n\tprint(hv)\n}; hc <- hf; hc <- func() { // c\nfunc() { hc <- func() { print(hv) } }() }",
}

func (m *mutation) addStatement() {
	var bodies []*ast.BlockStmt
	ast.Inspect(m.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Body != nil {
				bodies = append(bodies, n.Body)
			}
		case *ast.FuncLit:
			bodies = append(bodies, n.Body)
		}
		return true
	})
	if body, ok := pick(bodies, m.where); ok {
		text, _ := pick(statementTexts, m.what)
		m.edits.insert(m.at(body.Lbrace)+1, []string{" ", "\n"}[m.where%2]+text+"; ")
	}
}

// moveDeclaration puts a declaration behind another, on its line if asked.
func (m *mutation) moveDeclaration() {
	from, ok := pick(m.file.Decls, m.where)
	if !ok {
		return
	}
	to, _ := pick(m.file.Decls, m.what/2)
	text := string(m.src[m.at(from.Pos()):m.at(from.End())])
	m.edits.replace(m.at(from.Pos()), m.at(from.End()), "")
	m.edits.insert(m.at(to.End()), []string{"\n", "; "}[m.what%2]+text)
}
