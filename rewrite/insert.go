package rewrite

import (
	"go/ast"
	"strings"
)

// call is how the inserted statement of one function reads.
type call struct {
	enter, end string
	guard      string // the variable of the guarded form; "" for the plain one
	typeArgs   []string
	args       []string
	results    []string
}

// statement returns the inserted statement. In place it is plain, since gofmt
// leaves it on its line:
//
//	defer monitorPriceEnd(monitorPrice(qty, sym), &price, &err)
//
// In an overlay it is guarded, which costs half as much when the site is off:
//
//	if monitorCall := monitorPrice(qty, sym); monitorCall.Open() { defer monitorPriceDone(monitorCall, &price, &err) }
func (cl *call) statement() string {
	inst := cl.instance()
	if cl.enter == "" {
		return "defer " + cl.end + "()"
	}
	enter := cl.enter + inst + "(" + strings.Join(cl.args, ", ") + ")"
	end := func(call string) string {
		return "defer " + cl.end + inst + "(" + strings.Join(append([]string{call}, cl.results...), ", ") + ")"
	}
	if cl.guard == "" {
		return end(enter)
	}
	return "if " + cl.guard + " := " + enter + "; " + cl.guard + ".Open() { " + end(cl.guard) + " }"
}

// instance returns the type arguments in brackets, or "".
func (cl *call) instance() string {
	if len(cl.typeArgs) == 0 {
		return ""
	}
	return "[" + strings.Join(cl.typeArgs, ", ") + "]"
}

// needed tells whether the body must be able to name the value.
func (v *value) needed() bool { return v.record || v.isError || v.iterated }

// naming is one name that a signature must get.
type naming struct {
	fields *ast.FieldList
	field  *ast.Field
	at     int // index of the blank name; -1: the field has no name
	ident  string
}

// namings returns the names that the function's signature must get: a list
// without names gets all of them or none.
func (fn *Function) namings() []naming {
	wanted := make(map[*ast.FieldList]bool)
	for _, v := range fn.values {
		if v.rename == renameUnnamed && v.needed() {
			wanted[v.fields] = true
		}
	}
	var ns []naming
	for _, v := range fn.values {
		if v.rename == renameUnnamed && wanted[v.fields] || v.rename == renameBlank && v.needed() {
			ns = append(ns, naming{v.fields, v.field, v.at, v.ident})
		}
	}
	return ns
}

// bare tells whether the naming must put parentheses around a single result.
func (n naming) bare() bool { return n.at < 0 && !n.fields.Opening.IsValid() }

// nameSignature makes the edits for the names; the line does not change.
func (fn *Function) nameSignature(e *edits) (parens bool) {
	at := fn.file.offsetOf
	for _, n := range fn.namings() {
		if n.at >= 0 {
			name := n.field.Names[n.at]
			e.replace(at(name.Pos()), at(name.End()), n.ident)
			continue
		}
		text := n.ident + " "
		if n.bare() {
			parens = true
			text = "(" + text
			e.insert(at(n.field.Type.End()), ")")
		}
		e.insert(at(n.field.Type.Pos()), text)
	}
	return parens
}

// insertSameLine makes the edits of an overlay: names and statement, no line moves.
func (fn *Function) insertSameLine(e *edits, cl *call) {
	fn.nameSignature(e)
	fn.editSpawns(e, "")
	e.insert(fn.file.offsetOf(fn.body.Lbrace)+1, " "+cl.statement()+";")
	fn.editHandovers(e)
}
