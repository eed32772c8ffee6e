package rewrite

import (
	"fmt"
	"go/ast"
	"go/types"
	"hash/fnv"
	"slices"
	"strings"
)

// A go statement of a recorded function starts its goroutine by way of a
// starter, a function of the companion that is first told which call it is for:
//
//	go d.hedge(order, legs...)
//	go monitorGo0(monitorHere(), d.hedge, order, legs...)
//
// Function value and arguments are evaluated where and when they were. The
// starter's symbol has no dot in it, and Go leaves functions of that kind out of
// tracebacks: a crash of the goroutine shows what it always did.

// spawn is one go statement that can be changed.
type spawn struct {
	stmt *ast.GoStmt
	sig  *types.Signature // of what it calls
	// helper is the name of the starter, here that of the function whose result it is told.
	helper, here string
}

// spawns returns the go statements of a body, those in function literals
// within it too, that can be changed. The goroutines of the others have no parent.
func (f *File) spawns(info *types.Info, body *ast.BlockStmt) []*spawn {
	var found []*spawn
	ast.Inspect(body, func(n ast.Node) bool {
		if stmt, ok := n.(*ast.GoStmt); ok {
			if sig := f.startable(info, stmt.Call); sig != nil {
				found = append(found, &spawn{stmt: stmt, sig: sig})
			}
		}
		return true
	})
	return found
}

// startable returns the type of the function that a go statement calls, or nil
// where a starter cannot call it: it is part of the language, the arguments come
// from one call, the types have no name outside of the body, or an argument keeps
// something alive for this very function.
func (f *File) startable(info *types.Info, call *ast.CallExpr) *types.Signature {
	callee := info.Types[call.Fun]
	if callee.IsBuiltin() || callee.Type == nil || f.infersCallee(info, call.Fun) {
		return nil
	}
	sig, ok := callee.Type.Underlying().(*types.Signature)
	if !ok || len(typeParamsIn(sig)) > 0 || !f.pkg.canStart(sig) {
		return nil
	}
	if len(call.Args) == 1 {
		if _, several := info.TypeOf(call.Args[0]).(*types.Tuple); several {
			return nil
		}
	}
	if slices.ContainsFunc(call.Args, func(arg ast.Expr) bool { return holdsByNumber(info, arg) }) {
		return nil
	}
	for i := range sig.Params().Len() {
		if synchronised(sig.Params().At(i).Type(), nil) && !isReference(sig.Params().At(i).Type()) {
			return nil // go vet would find a lock that is passed by value
		}
	}
	return sig
}

// infersCallee tells whether the arguments of a call say which instance of a
// generic function is meant. Without them only newer compilers know.
func (f *File) infersCallee(info *types.Info, fun ast.Expr) bool {
	switch x := ast.Unparen(fun).(type) {
	case *ast.Ident:
		_, generic := info.Instances[x]
		return generic
	case *ast.SelectorExpr:
		_, generic := info.Instances[x.Sel]
		return generic
	case *ast.IndexExpr:
		return f.infersCallee(info, x.X)
	case *ast.IndexListExpr:
		return f.infersCallee(info, x.X)
	}
	return false
}

// holdsByNumber tells whether an argument turns an unsafe.Pointer into a number. If
// the function that is called is one of //go:uintptrescapes, as those that make
// system calls are, what is pointed to lives until it returns; a starter's frame
// would hold the number alone.
func holdsByNumber(info *types.Info, arg ast.Expr) bool {
	found := false
	ast.Inspect(arg, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 1 && info.Types[call.Fun].IsType() {
			found = found || isBasic(info.TypeOf(call.Args[0]), types.UnsafePointer) && isBasic(info.TypeOf(call), types.Uintptr)
		}
		return !found
	})
	return found
}

func isBasic(t types.Type, kind types.BasicKind) bool {
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Kind() == kind
}

// isReference tells whether values of a type are passed without what they refer to.
func isReference(t types.Type) bool {
	switch t.Underlying().(type) {
	case *types.Struct, *types.Array:
		return false
	}
	return true
}

// canStart tells whether the companion can write down a function type: its
// types are the language's, of the package itself, or of one that it imports.
func (p *Package) canStart(sig *types.Signature) bool {
	w := &nameWalk{pkg: p, seen: make(map[types.Type]bool)}
	return w.named(sig)
}

// nameWalk looks for a part of a type that a companion cannot or must not name.
type nameWalk struct {
	pkg  *Package
	seen map[types.Type]bool
}

func (w *nameWalk) named(t types.Type) bool {
	if w.seen[t] {
		return true
	}
	w.seen[t] = true
	switch t := t.(type) {
	case *types.Alias:
		return w.visible(t.Obj()) && w.list(t.TypeArgs())
	case *types.Named:
		return w.visible(t.Obj()) && w.list(t.TypeArgs())
	case *types.Pointer:
		return w.named(t.Elem())
	case *types.Slice:
		return w.named(t.Elem())
	case *types.Array:
		return w.named(t.Elem())
	case *types.Chan:
		return w.named(t.Elem())
	case *types.Map:
		return w.named(t.Key()) && w.named(t.Elem())
	case *types.Signature:
		return w.tuple(t.Params()) && w.tuple(t.Results())
	case *types.Struct:
		for i := range t.NumFields() {
			if !w.visible(t.Field(i)) || !w.named(t.Field(i).Type()) {
				return false
			}
		}
	case *types.Interface:
		for i := range t.NumExplicitMethods() {
			if m := t.ExplicitMethod(i); !w.visible(m) || !w.named(m.Type()) {
				return false
			}
		}
		for i := range t.NumEmbeddeds() {
			if !w.named(t.EmbeddedType(i)) {
				return false
			}
		}
	}
	return true
}

// visible tells whether an object can be named at the package's top level. A
// type of a body cannot; nor may a companion import what the package does not.
func (w *nameWalk) visible(obj types.Object) bool {
	switch {
	case obj.Pkg() == nil:
		return true
	case obj.Pkg() == w.pkg.types:
		_, isType := obj.(*types.TypeName)
		return !isType || obj.Parent() == obj.Pkg().Scope()
	}
	return obj.Exported() && slices.Contains(w.pkg.types.Imports(), obj.Pkg())
}

func (w *nameWalk) list(list *types.TypeList) bool {
	for i := range list.Len() {
		if !w.named(list.At(i)) {
			return false
		}
	}
	return true
}

func (w *nameWalk) tuple(list *types.Tuple) bool {
	for i := range list.Len() {
		if !w.named(list.At(i).Type()) {
			return false
		}
	}
	return true
}

// starters writes the starters that the go statements of a function need;
// those of one type share one.
func (c *companion) starters(fn *Function) {
	for _, s := range fn.spawns {
		c.hideTypeParams(nil)
		c.needHere()
		s.here = c.here
		s.sig = withoutNames(s.sig)
		text := c.typeText(s.sig)
		if c.started[text] == "" {
			c.started[text] = c.starter(s.sig)
		}
		s.helper = c.started[text]
	}
}

// needHere writes the function that says which call is open.
func (c *companion) needHere() {
	if c.here != "" {
		return
	}
	c.here = c.fresh(c.prefix + "Here")
	c.open("func %s() %s.Origin {", c.here, c.runtime)
	c.stmt("return %s.Here()", c.runtime)
	c.close("}\n")
}

// withoutNames returns a function type whose parameters have no names, so that
// it is written in one way.
func withoutNames(sig *types.Signature) *types.Signature {
	plain := func(list *types.Tuple) *types.Tuple {
		var vars []*types.Var
		for i := range list.Len() {
			vars = append(vars, types.NewVar(0, nil, "", list.At(i).Type()))
		}
		return types.NewTuple(vars...)
	}
	return types.NewSignatureType(nil, nil, nil, plain(sig.Params()), plain(sig.Results()), sig.Variadic())
}

// starter writes the function that calls one of type sig on a new goroutine.
func (c *companion) starter(sig *types.Signature) string {
	name := c.fresh(fmt.Sprintf("%sGo%d", c.prefix, len(c.started)))
	params, args := []string{"o " + c.runtime + ".Origin", "f " + c.typeText(sig)}, []string{}
	for i := range sig.Params().Len() {
		text, arg := c.typeText(sig.Params().At(i).Type()), fmt.Sprintf("a%d", i)
		if sig.Variadic() && i == sig.Params().Len()-1 {
			text = "..." + strings.TrimPrefix(text, "[]")
			args = append(args, arg+"...")
		} else {
			args = append(args, arg)
		}
		params = append(params, arg+" "+text)
	}
	if len(c.started) == 0 {
		c.imports.blank("unsafe") // allows linkname
	}
	c.line("//go:linkname " + name + " " + symbol(c.pkg.Path(), name))
	c.line("//go:noinline")
	c.open("func %s(%s) {", name, strings.Join(params, ", "))
	c.open("if o.Adopt() {")
	c.stmt("defer %s.Disown()", c.runtime)
	c.close("}")
	if len(args) == 0 && sig.Results().Len() == 0 {
		c.open("if f == nil {")
		c.stmt("go f() // says what the user's statement would")
		c.close("}")
	}
	c.stmt("f(%s)", strings.Join(args, ", "))
	c.close("}\n")
	return name
}

// symbol returns a name for the linker that nobody else uses and that has no dot.
func symbol(path, name string) string {
	h := fnv.New64a()
	h.Write([]byte(path + "\x00" + name))
	return fmt.Sprintf("monitorgen_%x", h.Sum64())
}

// insert makes the edits of one go statement, none of which moves a line.
// mark stands in front of what is inserted.
func (s *spawn) insert(f *File, e *edits, mark string) {
	call := s.stmt.Call
	e.insert(f.offsetOf(call.Fun.Pos()), mark+s.helper+"("+s.here+"(), ")
	open := f.offsetOf(call.Lparen)
	separator := ", "
	switch {
	case f.src[open+1] == '\n' || f.src[open+1] == '\r':
		separator = ","
	case len(call.Args) == 0:
		separator = ""
	}
	e.replace(open, open+1, separator)
}

// editSpawns makes the edits of all go statements of the function. With a mark,
// it leaves out those that revert would not find again as they were.
func (fn *Function) editSpawns(e *edits, mark string) {
	for _, s := range fn.spawns {
		if mark == "" || s.isPlain(fn.file) {
			s.insert(fn.file, e, mark)
		}
	}
}

// isPlain tells whether the call is written the way gofmt does: no space
// around its opening parenthesis.
func (s *spawn) isPlain(f *File) bool {
	call := s.stmt.Call
	open := f.offsetOf(call.Lparen)
	return open == f.offsetOf(call.Fun.End()) && f.src[open+1] != ' ' && f.src[open+1] != '\t' && f.src[open+1] != '\r' &&
		(len(call.Args) > 0 || open+1 == f.offsetOf(call.Rparen))
}

// revertSpawns takes the starters out of a file again.
func (r *reverter) revertSpawns(file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		stmt, ok := n.(*ast.GoStmt)
		if !ok || len(stmt.Call.Args) < 2 {
			return true
		}
		for _, c := range r.marks {
			if stmt.Go < c.Pos() && c.Pos() < stmt.Call.Pos() {
				r.spawn(c, stmt.Call)
			}
		}
		return true
	})
}

func (r *reverter) spawn(mark *ast.Comment, call *ast.CallExpr) {
	r.edits.replace(r.offset(mark.Pos()), r.offset(call.Args[1].Pos()), "")
	from := r.offset(call.Args[1].End())
	to := from
	if r.src[to] == ',' {
		to++
	}
	if len(call.Args) > 2 && r.src[to] == ' ' {
		to++
	}
	r.edits.replace(from, to, "(")
}
