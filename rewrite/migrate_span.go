package rewrite

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// A span that covers a function begins with its first statements:
//
//	ctx, span := tracer.Start(ctx, "price")
//	defer span.End()
//
// All that is done with the span goes with it: attributes, events, errors, and the
// conditions and deferred functions that do nothing else. What they compute has to
// be without effects, and to be recorded anyway: an argument, a result, an error.

const otelTrace = "go.opentelemetry.io/otel/trace"

// function migrates the span or the helper of a function.
func (f *migration) function(fn *ast.FuncDecl) {
	block := f.opening(fn)
	if block != nil {
		if why, at := block.remove(); why != "" {
			f.leave(f.position(at), "%s: %s", functionName(fn), why)
		}
	}
	f.leaveOthers(fn, block)
}

// spanBlock is the span of a function, or what a helper does for it.
type spanBlock struct {
	*migration
	fn    *ast.FuncDecl
	start ast.Stmt
	call  *ast.CallExpr
	ctx   *ast.Ident   // on the left of the call
	span  types.Object // nil for a helper that is deferred
	cuts  []cut
	keep  string // what the first statement becomes, or ""
}

// opening returns the span that the first statements of a function begin, or nil.
// Declarations and assignments may stand in front of it.
func (f *migration) opening(fn *ast.FuncDecl) *spanBlock {
	for _, stmt := range fn.Body.List {
		if b := f.startOf(stmt); b != nil {
			b.fn = fn
			return b
		}
		switch stmt.(type) {
		case *ast.DeclStmt, *ast.AssignStmt:
		default:
			return nil
		}
	}
	return nil
}

// startOf returns the span that a statement begins, or what it traces with a
// helper, or nil.
func (f *migration) startOf(stmt ast.Stmt) *spanBlock {
	switch stmt := stmt.(type) {
	case *ast.AssignStmt:
		if len(stmt.Lhs) != 2 || len(stmt.Rhs) != 1 {
			return nil
		}
		call, ok := ast.Unparen(stmt.Rhs[0]).(*ast.CallExpr)
		if !ok || !f.startsSpan(call) {
			return nil
		}
		ctx, _ := stmt.Lhs[0].(*ast.Ident)
		span, _ := stmt.Lhs[1].(*ast.Ident)
		if ctx == nil || span == nil || stmt.Tok != token.DEFINE || f.pkg.TypesInfo.Defs[span] == nil {
			return nil
		}
		return &spanBlock{migration: f, start: stmt, call: call, ctx: ctx, span: f.pkg.TypesInfo.Defs[span]}
	case *ast.DeferStmt:
		call := stmt.Call
		if inner, ok := ast.Unparen(call.Fun).(*ast.CallExpr); ok && len(call.Args) == 0 {
			call = inner
		}
		if f.isHelper(call) {
			return &spanBlock{migration: f, start: stmt, call: call}
		}
	}
	return nil
}

func (f *migration) isHelper(call *ast.CallExpr) bool {
	return slices.Contains(f.opts.Helpers, types.ExprString(call.Fun))
}

// startsSpan tells whether a call returns a context and a span of OpenTelemetry: a
// tracer's Start, or a helper that is named.
func (f *migration) startsSpan(call *ast.CallExpr) bool {
	tuple, ok := f.pkg.TypesInfo.TypeOf(call).(*types.Tuple)
	if !ok || tuple.Len() != 2 || tuple.At(0).Type().String() != "context.Context" || len(call.Args) == 0 {
		return false
	}
	isSpan := tuple.At(1).Type().String() == otelTrace+".Span"
	if f.isHelper(call) {
		return isSpan || hasMethod(tuple.At(1).Type(), "End")
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && isSpan && sel.Sel.Name == "Start" && f.fromOTel(f.pkg.TypesInfo.Uses[sel.Sel])
}

func hasMethod(t types.Type, name string) bool {
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, name)
	_, ok := obj.(*types.Func)
	return ok
}

func (f *migration) fromOTel(obj types.Object) bool {
	return obj != nil && obj.Pkg() != nil && (obj.Pkg().Path() == "go.opentelemetry.io/otel" || strings.HasPrefix(obj.Pkg().Path(), "go.opentelemetry.io/otel/"))
}

// remove takes the span out of its function, or returns why not and where.
func (b *spanBlock) remove() (why string, at token.Pos) {
	if b.fn.Doc != nil && b.doc[b.fn] != nil && b.doc[b.fn].skip {
		return "a comment excludes it", b.fn.Doc.Pos()
	}
	name, why := "", ""
	if b.span == nil {
		for _, arg := range b.call.Args {
			if !b.pure(arg) {
				return "an argument of the helper may have effects", arg.Pos()
			}
		}
		b.cuts = append(b.cuts, b.cutOf(b.start))
	} else {
		if name, why, at = b.startCall(); why != "" {
			return why, at
		}
		if !slices.ContainsFunc(b.fn.Body.List, b.endsSpan) {
			return "there is no defer " + b.span.Name() + ".End() among its statements", b.start.Pos()
		}
		b.statements(b.fn.Body)
		if at := b.useLeft(); at.IsValid() {
			return fmt.Sprintf("%s is used for what no record will have, or what may have effects", b.span.Name()), at
		}
	}
	b.migration.cuts = append(b.migration.cuts, b.cuts...)
	if b.keep != "" {
		of := b.cutOf(b.start)
		b.inserts.replace(of.from, of.to, b.keep)
	}
	d := b.directive(b.fn)
	switch {
	case name == "" || b.isOwnName(name):
	case nameWord.MatchString(name) && d.name == "":
		d.name = name
	default:
		d.remarks = append(d.remarks, fmt.Sprintf("span %q", name))
	}
	return "", token.NoPos
}

// isOwnName tells whether a span is called as the function is.
func (b *spanBlock) isOwnName(name string) bool {
	own, receiver := b.fn.Name.Name, receiverType(b.fn)
	names := []string{own, b.pkg.Name + "." + own, functionName(b.fn), b.pkg.Name + "." + functionName(b.fn)}
	if receiver != "" {
		names = append(names, receiver+"."+own, b.pkg.Name+"."+receiver+"."+own)
	}
	return slices.Contains(names, name)
}

// startCall checks the call that starts the span, and decides what its statement becomes.
func (b *spanBlock) startCall() (name, why string, at token.Pos) {
	if sel, ok := b.call.Fun.(*ast.SelectorExpr); ok && !b.pure(sel.X) {
		return "", "what gives the tracer may have effects", sel.Pos()
	}
	args := b.call.Args[1:]
	for i, arg := range args {
		value := b.pkg.TypesInfo.Types[arg].Value
		if i == 0 && value != nil && value.Kind() == constant.String {
			name = constant.StringVal(value)
			continue
		}
		if i == 0 && isString(b.pkg.TypesInfo.TypeOf(arg)) {
			return "", "the name of the span is no constant", arg.Pos()
		}
		if !b.recorded(arg) {
			return "", "an option of the span has what no record will have, or may have effects", arg.Pos()
		}
	}
	from := b.call.Args[0]
	of := b.cutOf(from)
	text := string(b.src[of.from:of.to])
	info := b.pkg.TypesInfo
	given, _ := ast.Unparen(from).(*ast.Ident)
	defined := info.Defs[b.ctx]
	switch {
	case b.ctx.Name == "_" || defined == nil && given != nil && info.Uses[given] == info.Uses[b.ctx]:
		if !b.pureContext(from) {
			return "", "the context of the span comes from what may have effects", from.Pos()
		}
		b.cuts = append(b.cuts, b.cutOf(b.start))
	case defined != nil && b.uses(defined) > 0:
		b.keep = b.ctx.Name + " := " + text
	case defined == nil:
		b.keep = b.ctx.Name + " = " + text
	default:
		return "", "the context is used for the span alone; take it out by hand", b.ctx.Pos()
	}
	return name, "", token.NoPos
}

// pureContext tells whether a context is had without effects: ctx, r.Context(),
// context.Background().
func (b *spanBlock) pureContext(x ast.Expr) bool {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	if !ok {
		return b.pure(x)
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && len(call.Args) == 0 && (sel.Sel.Name == "Context" || sel.Sel.Name == "Background" || sel.Sel.Name == "TODO") && b.pure(sel.X)
}

func isString(t types.Type) bool {
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsString != 0
}

// uses counts the uses of a variable.
func (b *spanBlock) uses(obj types.Object) (n int) {
	ast.Inspect(b.fn.Body, func(node ast.Node) bool {
		if id, ok := node.(*ast.Ident); ok && b.pkg.TypesInfo.Uses[id] == obj {
			n++
		}
		return true
	})
	return n
}

// endsSpan tells whether a statement is defer span.End().
func (b *spanBlock) endsSpan(stmt ast.Stmt) bool {
	d, ok := stmt.(*ast.DeferStmt)
	return ok && b.spanMethod(d.Call) == "End"
}

// spanMethod returns the method of the span that a call calls, or "".
func (b *spanBlock) spanMethod(call *ast.CallExpr) string {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	id, ok := ast.Unparen(sel.X).(*ast.Ident)
	if !ok || b.pkg.TypesInfo.Uses[id] != b.span {
		return ""
	}
	return sel.Sel.Name
}

// statements cuts the statements that only serve the span, in all lists of statements.
func (b *spanBlock) statements(body ast.Node) {
	ast.Inspect(body, func(n ast.Node) bool {
		var list []ast.Stmt
		switch n := n.(type) {
		case *ast.BlockStmt:
			list = n.List
		case *ast.CaseClause:
			list = n.Body
		case *ast.CommClause:
			list = n.Body
		}
		for _, stmt := range list {
			if b.onlySpan(stmt) {
				b.cuts = append(b.cuts, b.cutOf(stmt))
			}
		}
		return true
	})
	// Cuts within others go with these.
	all := slices.Clone(b.cuts)
	b.cuts = slices.DeleteFunc(b.cuts, func(c cut) bool {
		return slices.ContainsFunc(all, func(o cut) bool { return o != c && o.holds(c) })
	})
}

// onlySpan tells whether a statement does nothing but to serve the span.
func (b *spanBlock) onlySpan(stmt ast.Stmt) bool {
	all := func(list []ast.Stmt) bool {
		return len(list) > 0 && !slices.ContainsFunc(list, func(s ast.Stmt) bool { return !b.onlySpan(s) })
	}
	switch stmt := stmt.(type) {
	case *ast.ExprStmt:
		call, ok := stmt.X.(*ast.CallExpr)
		return ok && b.spanCall(call)
	case *ast.DeferStmt:
		if lit, ok := stmt.Call.Fun.(*ast.FuncLit); ok {
			return len(stmt.Call.Args) == 0 && all(lit.Body.List)
		}
		return b.spanCall(stmt.Call)
	case *ast.BlockStmt:
		return all(stmt.List)
	case *ast.IfStmt:
		if stmt.Init != nil || !b.pure(stmt.Cond) || !all(stmt.Body.List) {
			return false
		}
		return stmt.Else == nil || b.onlySpan(stmt.Else)
	}
	return false
}

// spanCall tells whether a call does something with the span that the record of the
// function has anyway.
func (b *spanBlock) spanCall(call *ast.CallExpr) bool {
	ok := false
	switch b.spanMethod(call) {
	case "End":
		ok = true
		for _, arg := range call.Args {
			ok = ok && b.pure(arg)
		}
	case "RecordError", "SetStatus":
		ok = b.opts.Lossy || b.failing() // it is recorded when it is returned
		for _, arg := range call.Args {
			ok = ok && b.pure(arg)
		}
	case "SetAttributes":
		ok = true
		for _, arg := range call.Args {
			ok = ok && b.recorded(arg)
		}
	case "AddEvent", "SetName":
		ok = b.opts.Lossy
		for _, arg := range call.Args {
			ok = ok && b.pure(arg)
		}
	}
	return ok
}

// failing tells whether the function returns an error.
func (b *spanBlock) failing() bool {
	results := b.pkg.TypesInfo.Defs[b.fn.Name].(*types.Func).Signature().Results()
	for i := range results.Len() {
		if implementsError(results.At(i).Type()) {
			return true
		}
	}
	return false
}

// useLeft returns where the span is used outside of what goes.
func (b *spanBlock) useLeft() (at token.Pos) {
	ast.Inspect(b.fn.Body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok || b.pkg.TypesInfo.Uses[id] != b.span || at.IsValid() {
			return !at.IsValid()
		}
		of := b.cutOf(id)
		if !slices.ContainsFunc(b.cuts, func(c cut) bool { return c.holds(of) }) {
			at = id.Pos()
		}
		return true
	})
	return at
}

// recorded tells whether an expression has no effects, and nothing in it but
// constants and what the record of the call has anyway: receiver, parameters, results.
func (b *spanBlock) recorded(x ast.Expr) bool {
	if !b.pure(x) {
		return false
	}
	if b.opts.Lossy {
		return true
	}
	sig := b.pkg.TypesInfo.Defs[b.fn.Name].(*types.Func).Signature()
	own := make(map[types.Object]bool)
	for _, list := range []*types.Tuple{sig.Params(), sig.Results()} {
		for i := range list.Len() {
			own[list.At(i)] = true
		}
	}
	if sig.Recv() != nil {
		own[sig.Recv()] = true
	}
	known := true
	ast.Inspect(x, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			v, isVar := b.pkg.TypesInfo.Uses[id].(*types.Var)
			known = known && (!isVar || v.IsField() || own[v])
		}
		return true
	})
	return known
}

// pure tells whether an expression has no effects and cannot panic, but for a nil
// pointer on the way to a field.
func (f *migration) pure(x ast.Expr) bool {
	pure := true
	ast.Inspect(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			pure = pure && f.pureCall(n)
		case *ast.FuncLit, *ast.IndexExpr, *ast.StarExpr, *ast.TypeAssertExpr, *ast.SliceExpr:
			pure = false
		case *ast.UnaryExpr:
			pure = pure && n.Op != token.ARROW
		case *ast.BinaryExpr:
			pure = pure && n.Op != token.QUO && n.Op != token.REM
		}
		return pure
	})
	return pure
}

// purePackages have functions that only compute.
var purePackages = []string{"strconv", "strings", "unicode/utf8"}

// pureCall tells whether the function that a call calls has no effects; its arguments
// are looked at by themselves.
func (f *migration) pureCall(call *ast.CallExpr) bool {
	info := f.pkg.TypesInfo
	if info.Types[call.Fun].IsType() {
		return true // a conversion
	}
	var obj types.Object
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		obj = info.Uses[fun]
	case *ast.SelectorExpr:
		obj = info.Uses[fun.Sel]
	}
	if b, ok := obj.(*types.Builtin); ok {
		return b.Name() == "len" || b.Name() == "cap" || b.Name() == "min" || b.Name() == "max"
	}
	fn, ok := obj.(*types.Func)
	if !ok || fn.Pkg() == nil {
		// error.Error has no package.
		return ok && fn.Name() == "Error"
	}
	switch {
	case f.fromOTel(fn), slices.Contains(purePackages, fn.Pkg().Path()), f.isHelper(call):
		return true
	case fn.Pkg().Path() == "time" && fn.Name() == "Now", fn.Pkg().Path() == "fmt" && strings.HasPrefix(fn.Name(), "Sprint"):
		return true
	}
	return fn.Name() == "Error" && fn.Signature().Recv() != nil && fn.Signature().Params().Len() == 0
}

// leaveOthers names the spans of a function that are not its own: of a part of it,
// or of a literal in it. Of its own all has been said.
func (f *migration) leaveOthers(fn *ast.FuncDecl, own *spanBlock) {
	var literals []*ast.FuncLit
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if lit, ok := n.(*ast.FuncLit); ok {
			literals = append(literals, lit)
		}
		stmt, ok := n.(ast.Stmt)
		if !ok {
			return true
		}
		b := f.startOf(stmt)
		if b == nil || own != nil && own.start == stmt {
			return true
		}
		if slices.ContainsFunc(literals, func(l *ast.FuncLit) bool { return l.Pos() <= stmt.Pos() && stmt.End() <= l.End() }) {
			f.leave(f.position(stmt.Pos()), "%s: a span of a function literal; put //monitor:trace above its statement, and take it out by hand", functionName(fn))
		} else {
			f.leave(f.position(stmt.Pos()), "%s: a span of a part of the function; give that part a function of its own", functionName(fn))
		}
		return true
	})
}
