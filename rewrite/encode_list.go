package rewrite

import (
	"fmt"
	"go/types"
	"strconv"
)

func (en *encoding) slice(expr string, t types.Type, s *types.Slice) {
	expr, closing := en.wholeSlice(expr)
	defer closing()
	switch {
	case isByte(s.Elem()) && types.Identical(s.Elem().Underlying(), s.Elem()):
		if !types.Identical(t, types.NewSlice(types.Typ[types.Byte])) {
			expr = "[]" + en.predeclared("byte") + "(" + expr + ")"
		}
		en.stmt("e.Bytes(%s)", expr)
	case !en.followable(s.Elem()):
		en.open("if n := e.List(%s == nil, %s(%s)); n > 0 {", expr, en.predeclared("len"), expr)
		en.open("for i := 0; i < n; i++ {")
		en.stmt("e.Cut()")
		en.close("}")
		en.stmt("e.EndList()")
		en.close("}")
	default:
		en.private = false
		length, closing := en.sliceLength(expr)
		defer closing()
		en.elements(expr, length, s.Elem(), fmt.Sprintf("%s == nil", expr), true)
	}
}

func (en *encoding) array(expr string, a *types.Array) {
	en.elements(expr, strconv.FormatInt(a.Len(), 10), a.Elem(), en.predeclared("false"), a.Len() > maxListed)
}

// sliceLength returns an expression for the length of a slice that may be used
// again and again, and what ends its block.
func (en *encoding) sliceLength(expr string) (length string, closing func()) {
	of := en.predeclared("len") + "(" + expr + ")"
	if !en.plan.declared["len"] {
		return of, func() {}
	}
	length = en.local("l")
	en.open("if %s := %s; %s >= 0 {", length, of, length)
	return length, func() { en.close("}") }
}

// maxListed is how many numbers package runtime lists one by one.
const maxListed = 32

// elements encodes the elements of a slice or array; many numbers by a summary, if
// there can be so many.
func (en *encoding) elements(expr, length string, elem types.Type, isNil string, many bool) {
	if b, ok := elem.Underlying().(*types.Basic); ok && many && b.Info()&(types.IsInteger|types.IsFloat) != 0 && en.textMethod(elem) == "" && typeName(elem) != "time.Duration" && !isTypeParam(elem) {
		en.summary(expr, length)
		defer en.close("}")
	}
	i, n := en.local("i"), en.local("n")
	en.open("if %s := e.List(%s, %s); %s > 0 {", n, isNil, length, n)
	en.open("for %s := 0; %s < %s; %s++ {", i, i, n, i)
	en.value(expr+"["+i+"]", elem)
	en.close("}")
	en.stmt("e.EndList()")
	en.close("}")
}

// summary encodes a long list of numbers, and opens what is done with a short one.
func (en *encoding) summary(expr, length string) {
	m, i := en.local("m"), en.local("i")
	float := en.predeclared("float64")
	en.open("if %s := e.Numbers(%s); %s.Step > 0 {", m, length, m)
	en.open("for %s := 0; %s < %s; %s += %s.Step {", i, i, length, i, m)
	en.stmt("%s.Add(%s(%s[%s]))", m, float, expr, i)
	en.close("}")
	en.stmt("%s.Last(%s(%s[%s-1]))", m, float, expr, length)
	en.stmt("e.Summary(%s)", m)
	en.open("} else {")
}

// entries encodes the entries of a map, which only deep allows: reading a map that
// another goroutine writes ends the program.
func (en *encoding) entries(expr string, m *types.Map) {
	n, k, v := en.local("n"), en.local("k"), en.local("v")
	en.open("if %s := e.Map(%s == nil, %s(%s)); %s > 0 {", n, expr, en.predeclared("len"), expr, n)
	en.open("for %s, %s := range %s {", k, v, expr)
	en.open("if %s == 0 {", n)
	en.stmt("break")
	en.close("}")
	en.stmt("%s--", n)
	en.value(k, m.Key())
	if key, ok := m.Key().Underlying().(*types.Basic); ok && key.Kind() == types.String && holdsText(m.Elem(), nil) {
		en.open("if e.SecretKey(%s(%s)) {", en.predeclared("string"), k)
		en.stmt("e.Masked()")
		en.open("} else {")
		en.value(v, m.Elem())
		en.close("}")
	} else {
		en.value(v, m.Elem())
	}
	en.close("}")
	en.stmt("e.EndMap(%s)", n)
	en.close("}")
}
