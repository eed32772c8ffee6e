package rewrite

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"
)

// A function literal that a recorded call hands over to run later, to an
// errgroup, a pool of workers, a timer, or over a channel, belongs to this call on
// whatever goroutine it runs. The function notes the call, the literal joins it:
//
//	monitorOrigin := monitorHere()
//	...
//	g.Go(func() error { defer monitorOrigin.Join().Leave(); return d.price(x) })
//
// What a literal does when it is only registered somewhere (a handler, a
// callback) belongs to whoever calls it, so the linked ones are few. A literal
// that captures nothing is left alone too: Go keeps one copy of it, and
// capturing the call would make it an allocation.

// handoverNames are what functions are called by convention that take a literal
// to run it once, on another goroutine.
var handoverNames = []string{
	"Go", "TryGo", "GoCtx", "CtxGo", "GoSafe", "SafeGo", "Async", "Spawn",
	"Submit", "SubmitWait", "TrySubmit", "AfterFunc", "DoChan",
}

// handovers returns the literals of a function that are handed over. Those within
// other literals count only if these run for the same call.
// Those that are recorded themselves have their own.
func handovers(info *types.Info, body *ast.BlockStmt, recorded map[*ast.FuncLit]bool) []*ast.FuncLit {
	w := &handoverWalk{info: info, recorded: recorded, within: make(map[*ast.FuncLit]bool), values: make(map[types.Object]*ast.FuncLit)}
	for n := -1; n != len(w.found)+len(w.within); { // a literal may be handed over behind where it stands
		n = len(w.found) + len(w.within)
		ast.Inspect(body, w.visit)
	}
	slices.SortFunc(w.found, func(a, b *ast.FuncLit) int { return int(a.Pos() - b.Pos()) })
	return w.found
}

// planGoroutines finds what the functions of a file start and hand over. A go
// statement belongs to the outermost of them: what it is told is the open call.
func (f *File) planGoroutines(info *types.Info) {
	recorded := make(map[*ast.FuncLit]bool)
	for _, fn := range f.Functions {
		if fn.literal != nil {
			recorded[fn.literal] = true
		}
	}
	for _, fn := range f.Functions {
		if fn.silent {
			continue
		}
		fn.handovers = handovers(info, fn.body, recorded)
		if fn.literal != nil && f.isWithinOther(fn) {
			continue
		}
		fn.spawns = f.spawns(info, fn.body)
	}
}

type handoverWalk struct {
	info     *types.Info
	recorded map[*ast.FuncLit]bool
	within   map[*ast.FuncLit]bool         // literals that run for the same call
	values   map[types.Object]*ast.FuncLit // what variables were declared with
	found    []*ast.FuncLit
}

func (w *handoverWalk) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncLit:
		return w.within[n] && !w.recorded[n]
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE && len(n.Lhs) == len(n.Rhs) {
			for i, x := range n.Lhs {
				w.declare(x.(*ast.Ident), n.Rhs[i])
			}
		}
	case *ast.ValueSpec:
		if len(n.Names) == len(n.Values) {
			for i, name := range n.Names {
				w.declare(name, n.Values[i])
			}
		}
	case *ast.CallExpr: // of go and defer statements, too
		if lit, ok := ast.Unparen(n.Fun).(*ast.FuncLit); ok {
			w.within[lit] = true
		}
		if slices.Contains(handoverNames, calleeName(n.Fun)) {
			for _, arg := range n.Args {
				w.handOver(arg)
			}
		}
	case *ast.SendStmt:
		w.handOver(n.Value)
	}
	return true
}

func (w *handoverWalk) declare(name *ast.Ident, x ast.Expr) {
	if lit, ok := ast.Unparen(x).(*ast.FuncLit); ok {
		if obj := w.info.Defs[name]; obj != nil {
			w.values[obj] = lit
		}
	}
}

// handOver takes in a literal that needs nothing but, perhaps, a context: all
// that it works on comes from where it is written.
func (w *handoverWalk) handOver(x ast.Expr) {
	lit := w.literal(x)
	if lit == nil || slices.Contains(w.found, lit) || !callsAnything(lit.Body) {
		return
	}
	params := w.info.TypeOf(lit).(*types.Signature).Params()
	if params.Len() > 1 || params.Len() == 1 && params.At(0).Type().String() != "context.Context" {
		return
	}
	if !w.capturing(lit) {
		return
	}
	w.within[lit] = true
	w.found = append(w.found, lit)
}

// literal returns the literal that an argument is, or that the variable was
// declared with, or nil.
func (w *handoverWalk) literal(x ast.Expr) *ast.FuncLit {
	switch x := ast.Unparen(x).(type) {
	case *ast.FuncLit:
		return x
	case *ast.Ident:
		return w.values[w.info.Uses[x]]
	}
	return nil
}

// capturing tells whether a literal, and every one around it, captures variables
// as it is.
func (w *handoverWalk) capturing(lit *ast.FuncLit) bool {
	if !w.captures(lit) {
		return false
	}
	for around := range w.within {
		if around.Pos() < lit.Pos() && lit.End() <= around.End() && !w.captures(around) {
			return false
		}
	}
	return true
}

func (w *handoverWalk) captures(lit *ast.FuncLit) (found bool) {
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		if x, ok := n.(ast.Expr); ok && w.info.Types[x].Value != nil {
			return false // a constant: its operands are not there at run time
		}
		if id, ok := n.(*ast.Ident); ok {
			v, isVar := w.info.Uses[id].(*types.Var)
			found = found || isVar && isLocal(v) && !(lit.Pos() <= v.Pos() && v.Pos() < lit.End())
		}
		return !found
	})
	return found
}

func isLocal(v *types.Var) bool {
	return !v.IsField() && v.Pkg() != nil && v.Parent() != v.Pkg().Scope()
}

func callsAnything(body *ast.BlockStmt) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		_, call := n.(*ast.CallExpr)
		found = found || call
		return !found
	})
	return found
}

// calleeName returns the name of a function or method that is called by name.
func calleeName(fun ast.Expr) string {
	switch x := ast.Unparen(fun).(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	case *ast.IndexExpr:
		return calleeName(x.X)
	case *ast.IndexListExpr:
		return calleeName(x.X)
	}
	return ""
}

// noteOrigin prepares the companion for the literals that a function hands over.
func (c *companion) noteOrigin(fn *Function) {
	if len(fn.handovers) == 0 {
		return
	}
	c.needHere()
	if c.origin == "" {
		c.origin = c.fresh(c.prefix + "Origin")
	}
	fn.noted = c.origin + " := " + c.here + "()"
	fn.joins = "defer " + c.origin + ".Join().Leave()"
}

// editHandovers makes the edits of an overlay in the literals, and behind the
// statement that records the call.
func (fn *Function) editHandovers(e *edits) {
	if fn.noted == "" {
		return
	}
	e.insert(fn.file.offsetOf(fn.body.Lbrace)+1, " "+fn.noted+";")
	for _, lit := range fn.handovers {
		e.insert(fn.file.offsetOf(lit.Body.Lbrace)+1, " "+fn.joins+";")
	}
}

// markNote puts the statement that notes the call into a body, marked.
func (fn *Function) markNote(e *edits, folds bool) {
	if fn.noted != "" {
		fn.markFirst(e, fn.body, fn.noted, folds)
	}
}

// markJoins makes the edits in the literals in place. folds is set where the
// result is laid out anew: then the mark says which bodies were on one line.
func (fn *Function) markJoins(e *edits, folds bool) {
	for _, lit := range fn.handovers {
		fn.markFirst(e, lit.Body, fn.joins, folds)
	}
}

// markFirst puts a marked statement first in a body, on a line of its own if
// the body has several.
func (fn *Function) markFirst(e *edits, body *ast.BlockStmt, stmt string, folds bool, words ...string) {
	src, open := fn.file.src, fn.file.offsetOf(body.Lbrace)+1
	eol := lineEnd(src, open)
	if rest := strings.TrimSpace(string(src[open:eol])); rest == "" || strings.HasPrefix(rest, "//") {
		lineBreak := "\n"
		if bytes.HasSuffix(src[:eol], []byte("\r\n")) {
			lineBreak = "\r\n"
		}
		line := src[bytes.LastIndexByte(src[:open], '\n')+1 : open]
		indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
		e.insert(eol, string(indent)+"\t"+markText(words...)+" "+stmt+lineBreak)
		return
	}
	if folds && !bytes.ContainsRune(src[open:fn.file.offsetOf(body.Rbrace)], '\n') {
		before := src[:open-1]
		words = append(words, fmt.Sprintf("%s=%d", markOneLine, len(before)-len(bytes.TrimRight(before, " "))))
	}
	e.insert(open, markText(words...)+" "+stmt+";")
}

// joinedIn returns the statement that a literal begins with, and its mark.
func (r *reverter) joinedIn(body *ast.BlockStmt) (*ast.Comment, ast.Stmt) {
	if len(body.List) == 0 {
		return nil, nil
	}
	leave, ok := body.List[0].(*ast.DeferStmt)
	if !ok {
		return nil, nil
	}
	if method, ok := leave.Call.Fun.(*ast.SelectorExpr); !ok || method.Sel.Name != "Leave" || calleeOf(method.X) != "Join" {
		return nil, nil
	}
	return markBetween(r.marks, body.Lbrace, leave.Pos()), leave
}

// notedIn returns the statement that notes the call, and its mark: the second
// one, the first where a function is not recorded any more.
func (r *reverter) notedIn(body *ast.BlockStmt) (*ast.Comment, ast.Stmt) {
	if body == nil {
		return nil, nil
	}
	from := body.Lbrace
	for i, stmt := range body.List {
		if assign, ok := stmt.(*ast.AssignStmt); ok && assign.Tok == token.DEFINE && hereName.MatchString(calleeOf(assign.Rhs[0])) {
			if mark := markBetween(r.marks, from, stmt.Pos()); mark != nil {
				return mark, stmt
			}
		}
		from = stmt.End()
		if i == 1 {
			break
		}
	}
	return nil, nil
}

var hereName = regexp.MustCompile(`^monitor\w*Here_*$`)

// calleeOf returns the name of what an expression calls without arguments, or "".
func calleeOf(x ast.Expr) string {
	if call, ok := x.(*ast.CallExpr); ok && len(call.Args) == 0 {
		return calleeName(call.Fun)
	}
	return ""
}
