package rewrite

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"regexp"
	"slices"
	"strconv"
)

// A directive directly above a statement records the function literals in it,
// the outermost ones, which are named by what they are assigned to, or by where
// they stand:
//
//	//monitor:trace
//	handle := func(o Order) error { ... } // Serve.handle
//
//	//monitor:trace
//	return each(func(o Order) { ... })    // Serve.func2
//
// Unlike for a function, all edits are made in bytes: a literal may be anywhere.

// literalScan finds the literals of one file that directives ask for.
type literalScan struct {
	*planner
	file   *File
	source *sourceFile
	scope  *packageScope
	info   *types.Info

	lines map[int]ast.Node // what begins on a line: the outermost
	names map[string]bool  // that are given to literals of this file
}

// literals adds the literals with directives that are left over in a file.
func (p *planner) literals(file *File, f *sourceFile, scope *packageScope, info *types.Info) {
	s := &literalScan{planner: p, file: file, source: f, scope: scope, info: info, names: make(map[string]bool)}
	var above []*directive
	ends := make(map[*directive]int)
	for _, group := range f.syntax.Comments {
		for _, comment := range group.List {
			if d := scope.files[f].byPos[comment.Slash]; d != nil && !d.used && d.name == directiveTrace && d.legacy == "" {
				above = append(above, d)
				ends[d] = s.line(group.End())
			}
		}
	}
	if len(above) == 0 {
		return
	}
	s.scanLines()
	taken := make(map[*ast.FuncLit]bool)
	for _, d := range above {
		below := s.lines[ends[d]+1]
		if !holdsLiterals(below) {
			continue
		}
		d.used = true
		lits := outermostLiterals(below)
		if slices.ContainsFunc(lits, func(lit *ast.FuncLit) bool { return taken[lit] }) {
			p.report.add(d.pos, "a second //monitor:trace for the same function literal")
			continue
		}
		for _, lit := range lits {
			taken[lit] = true
		}
		s.add(d, below, lits)
	}
}

func (s *literalScan) line(p token.Pos) int { return s.plan.Fset.PositionFor(p, false).Line }

func (s *literalScan) scanLines() {
	s.lines = make(map[int]ast.Node)
	ast.Inspect(s.source.syntax, func(n ast.Node) bool {
		switch n.(type) {
		case nil, *ast.File, *ast.CommentGroup, *ast.Comment:
			return n != nil && n == ast.Node(s.source.syntax)
		}
		if line := s.line(n.Pos()); s.lines[line] == nil && s.isFirst(n) {
			s.lines[line] = n
		}
		return true
	})
}

// isFirst tells whether a node has nothing in front of it on its line.
func (s *literalScan) isFirst(n ast.Node) bool {
	before := s.source.src[:n.Pos()-s.source.syntax.FileStart]
	return len(bytes.TrimSpace(before[bytes.LastIndexByte(before, '\n')+1:])) == 0
}

// holdsLiterals tells whether a directive may stand above n: a statement
// without statements of its own, a declaration of variables, an element of a
// list, if there is a literal in it.
func holdsLiterals(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.LabeledStmt:
		return holdsLiterals(n.Stmt)
	case *ast.GenDecl:
		return n.Tok == token.VAR && len(outermostLiterals(n)) > 0
	case *ast.ValueSpec, *ast.DeclStmt, *ast.AssignStmt, *ast.ReturnStmt, *ast.GoStmt, *ast.DeferStmt, *ast.ExprStmt, *ast.SendStmt, ast.Expr:
		return len(outermostLiterals(n)) > 0
	}
	return false
}

func outermostLiterals(n ast.Node) (found []*ast.FuncLit) {
	ast.Inspect(n, func(n ast.Node) bool {
		lit, ok := n.(*ast.FuncLit)
		if ok {
			found = append(found, lit)
		}
		return !ok
	})
	return found
}

// add puts the literals of a statement into the plan.
func (s *literalScan) add(d *directive, below ast.Node, lits []*ast.FuncLit) {
	if len(lits) > 1 && d.options.Name != "" {
		s.report.add(d.pos, "option name is for one function; the statement has %d function literals", len(lits))
	}
	place := s.place(lits[0])
	numbers, targets := literalNumbers(place.body), assignedTo(below)
	for _, lit := range lits {
		c := &candidate{planner: s.planner, file: s.file, source: s.source, scope: s.scope, decl: place.decl, found: map[string]*directive{directiveTrace: d}}
		if place.decl != nil && s.isSkipped(place.decl.Doc) {
			return
		}
		c.name = s.name(place, lit, targets[lit], numbers[lit])
		s.literal(c, lit)
	}
}

// isSkipped tells whether the function around literals is not to be recorded,
// whatever is in it.
func (s *literalScan) isSkipped(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool {
		d := s.scope.files[s.source].byPos[c.Slash]
		return d != nil && d.name == directiveSkip
	})
}

// literalPlace is what a literal is in.
type literalPlace struct {
	name string        // of the function, or the variable of the package
	body ast.Node      // what its literals are counted in
	decl *ast.FuncDecl // nil for a variable
}

func (s *literalScan) place(lit *ast.FuncLit) literalPlace {
	within := func(n ast.Node) bool { return n.Pos() <= lit.Pos() && lit.End() <= n.End() }
	for _, decl := range s.source.syntax.Decls {
		if !within(decl) {
			continue
		}
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			return literalPlace{functionName(decl), decl.Body, decl}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				v, ok := spec.(*ast.ValueSpec)
				if !ok || !within(v) {
					continue
				}
				i := slices.IndexFunc(v.Values, func(x ast.Expr) bool { return within(x) })
				return literalPlace{name: v.Names[min(i, len(v.Names)-1)].Name, body: v.Values[i]}
			}
		}
	}
	return literalPlace{name: "_", body: lit} // in an array's length, say
}

// name returns the name of a literal: that of what it is in, and what it is
// assigned to there; where there is no such name, or another literal has it, what
// Go calls it.
func (s *literalScan) name(place literalPlace, lit *ast.FuncLit, target, number string) string {
	if x, ok := place.body.(ast.Expr); ok && ast.Unparen(x) == ast.Expr(lit) {
		return place.name
	}
	if target == "" || numberedName.MatchString(target) {
		return place.name + "." + number
	}
	name := place.name + "." + target
	key := name + "\x00" + strconv.Itoa(s.initNumber(place.decl))
	if s.names[key] {
		return place.name + "." + number
	}
	s.names[key] = true
	return name
}

// numberedName matches what Go calls literals.
var numberedName = regexp.MustCompile(`^func\d+$`)

// literal makes the plan of one literal, or says why it is left alone.
func (s *literalScan) literal(c *candidate, lit *ast.FuncLit) {
	if !c.wanted() {
		return
	}
	reason := c.leaveLiteral(lit)
	sig, ok := s.info.TypeOf(lit).(*types.Signature)
	if !ok && reason == "" {
		return
	}
	fn := &Function{
		Name:     c.name,
		FullName: s.file.pkg.Path + "." + c.name,
		Pos:      s.plan.Fset.PositionFor(lit.Pos(), false),
		Options:  c.options(),
		literal:  lit,
		typ:      lit.Type,
		body:     lit.Body,
		sig:      sig,
		file:     s.file,
	}
	if c.decl != nil {
		if obj, ok := s.info.Defs[c.decl.Name].(*types.Func); ok {
			fn.params = typeParams(obj.Signature())
		}
	}
	if reason == "" {
		reason = c.hides(sig)
	}
	if reason == "" {
		reason = s.hiddenTypeParam(fn)
	}
	if reason != "" {
		s.plan.Skipped = append(s.plan.Skipped, Skipped{FullName: fn.FullName, Pos: fn.Pos, Reason: reason, Asked: true})
		return
	}
	fn.Process = cmpOr(fn.Options.Name, path.Base(s.file.pkg.Path)+"."+c.name)
	fn.Group, fn.Decided = c.groupOf(fn)
	fn.Key = functionKey(fn, s.initNumber(c.decl))
	fn.values = c.values(fn)
	fn.inferLocalTypes()
	s.file.Functions = append(s.file.Functions, fn)
}

// leaveLiteral returns why a literal is not recorded, or "".
func (c *candidate) leaveLiteral(lit *ast.FuncLit) string {
	switch {
	case c.decl != nil && hasPragma(c.decl, "go:nosplit"):
		return "//go:nosplit around it: there may be no room on the stack for a deferred call"
	case c.decl != nil && unsafePragma(c.decl) != "":
		return unsafePragma(c.decl) + " around it: a deferred call may not be safe in it"
	case c.source.cgo:
		return "a function literal in a file that uses cgo"
	case c.source.marked && isMarkedLiteral(c.source.syntax, lit):
		return "it is recorded already (generated in place)"
	case hasGeneratedName(lit.Type.Params, lit.Type.Results):
		return "a parameter or result has a name that -revert would take for monitorgen's, such as monitorR0"
	}
	return ""
}

// hiddenTypeParam returns why the literal cannot name a type parameter of the
// function around it, or "".
func (s *literalScan) hiddenTypeParam(fn *Function) string {
	scope := s.info.Scopes[fn.literal.Type]
	for _, tp := range fn.params {
		if scope == nil {
			break
		}
		if _, obj := scope.LookupParent(tp.Obj().Name(), fn.body.Lbrace); obj != tp.Obj() {
			return "the function around it declares another " + tp.Obj().Name() + " than its type parameter"
		}
	}
	return ""
}

// inferLocalTypes prepares the values whose types only the function around the
// literal can name. In the companion such a type is a type parameter, which the
// compiler infers; where the language has none, the value is not recorded.
func (fn *Function) inferLocalTypes() {
	pkg := fn.file.pkg
	for i, v := range fn.values {
		w := &nameWalk{pkg: pkg, seen: make(map[types.Type]bool)}
		if w.named(v.typ) {
			continue
		}
		v.text = typeShown(v.typ)
		v.isError, v.iterated = false, false
		if pkg.GoVersion != "" && olderThan(pkg.GoVersion, 18) || synchronised(v.typ, nil) && !isReference(v.typ) {
			v.record = false
			continue
		}
		name := fmt.Sprintf("monitorT%d", i)
		for pkg.types.Scope().Lookup(name) != nil || slices.Contains(typeParamNames(fn.params), name) {
			name += "_"
		}
		v.inferred = types.NewTypeParam(types.NewTypeName(token.NoPos, pkg.types, name, nil), types.NewInterfaceType(nil, nil))
		v.typ = v.inferred
	}
}

// inferred returns the type parameters of the companion's function for inputs
// or for outputs: those that it is told, then those that are inferred.
func (fn *Function) inferred(c *companion, output bool) []*types.TypeParam {
	list := slices.Clone(fn.params)
	for _, v := range fn.values {
		if v.inferred != nil && v.output == output && v.record && (output || !c.masks(fn, v)) {
			list = append(list, v.inferred)
		}
	}
	return list
}

// initNumber counts the init functions of the file up to decl, if it is one.
func (s *literalScan) initNumber(decl *ast.FuncDecl) (n int) {
	if decl == nil || decl.Recv != nil {
		return 0
	}
	for _, other := range s.source.syntax.Decls {
		if fn, ok := other.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == decl.Name.Name {
			n++
		}
		if other == ast.Decl(decl) {
			break
		}
	}
	return n
}

// assignedTo returns the names of the variables, fields and keys that literals
// are assigned to.
func assignedTo(n ast.Node) map[*ast.FuncLit]string {
	names := make(map[*ast.FuncLit]string)
	assign := func(to, x ast.Expr) {
		lit, ok := ast.Unparen(x).(*ast.FuncLit)
		if !ok {
			return
		}
		switch to := to.(type) {
		case *ast.Ident:
			names[lit] = to.Name
		case *ast.SelectorExpr:
			names[lit] = to.Sel.Name
		case *ast.BasicLit:
			if key, err := strconv.Unquote(to.Value); err == nil && to.Kind == token.STRING && token.IsIdentifier(key) {
				names[lit] = key
			}
		}
		if names[lit] == "_" {
			delete(names, lit)
		}
	}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.AssignStmt:
			for i := 0; i < len(n.Lhs) && len(n.Lhs) == len(n.Rhs); i++ {
				assign(n.Lhs[i], n.Rhs[i])
			}
		case *ast.ValueSpec:
			for i := 0; i < len(n.Names) && len(n.Names) == len(n.Values); i++ {
				assign(n.Names[i], n.Values[i])
			}
		case *ast.KeyValueExpr:
			assign(n.Key, n.Value)
		}
		return true
	})
	return names
}

// literalNumbers returns the names that Go gives to the literals within a node.
func literalNumbers(n ast.Node) map[*ast.FuncLit]string {
	names := make(map[*ast.FuncLit]string)
	var walk func(n ast.Node, prefix string)
	walk = func(n ast.Node, prefix string) {
		for i, lit := range outermostLiterals(n) {
			names[lit] = prefix + strconv.Itoa(i+1)
			walk(lit.Body, names[lit]+".")
		}
	}
	walk(n, "func")
	return names
}

// markLiteral makes the edits of a literal in place.
func (fn *Function) markLiteral(e *edits, cl *call, folds bool) {
	var words []string
	if parens := fn.nameSignature(e); parens {
		words = append(words, markParens)
	}
	fn.markFirst(e, fn.body, cl.statement(), folds, words...)
	fn.markNote(e, folds)
}

// endName matches the functions that an inserted statement defers.
var endName = regexp.MustCompile(`^monitor.*End_*$`)

// recordedIn returns the statement that records a literal, with its mark; it is
// the first, once what joins is taken out.
func recordedIn(marks []*ast.Comment, body *ast.BlockStmt) (*ast.Comment, ast.Stmt) {
	if len(body.List) == 0 {
		return nil, nil
	}
	end, ok := body.List[0].(*ast.DeferStmt)
	if !ok || !endName.MatchString(calleeName(end.Call.Fun)) {
		return nil, nil
	}
	return markBetween(marks, body.Lbrace, end.Pos()), end
}

// isMarkedLiteral tells whether a literal is recorded in place.
func isMarkedLiteral(file *ast.File, lit *ast.FuncLit) bool {
	for _, stmt := range lit.Body.List[:min(2, len(lit.Body.List))] {
		if end, ok := stmt.(*ast.DeferStmt); ok && endName.MatchString(calleeName(end.Call.Fun)) {
			return markBetween(marksOf(file), lit.Body.Lbrace, end.Pos()) != nil
		}
	}
	return false
}

// isWithinOther tells whether a literal is in another function that is recorded.
func (f *File) isWithinOther(fn *Function) bool {
	return slices.ContainsFunc(f.Functions, func(other *Function) bool {
		return other != fn && !other.silent && other.body.Pos() <= fn.literal.Pos() && fn.literal.End() <= other.body.End()
	})
}
