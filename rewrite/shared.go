package rewrite

import (
	"fmt"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// What a value points at may be written by others while the recorder reads it:
// the generator has it read once, compared and guarded, as package runtime's
// shared.go says.

// encodeValues writes the statements for the arguments or results of a function,
// which are named by args. Where a guard has to stand around them they are in a
// function of their own: what is deferred has to run before the record is used.
func (c *companion) encodeValues(fn *Function, output bool, name string, params, args []string) {
	if !c.guards(fn, output) {
		c.encodeEach(fn, output)
		return
	}
	c.stmt("%s%s(%s)", name, c.instance(fn), strings.Join(append([]string{"e"}, args...), ", "))
	signature := strings.Join(append([]string{"e *" + c.runtime + ".Encoder"}, params...), ", ")
	c.queue = append(c.queue, func() {
		c.hideTypeParams(fn.params)
		c.line("//go:norace")
		c.open("func %s%s(%s) {", name, c.typeParamList(fn.inferred(c, output)), signature)
		c.stmt("defer e.Guard(%d).End()", c.countEncoded(fn, output))
		c.encodeEach(fn, output)
		c.close("}\n")
	})
}

// encodeEach writes the statements for each value.
func (c *companion) encodeEach(fn *Function, output bool) {
	for i, v := range fn.values {
		if v.output != output || !v.record {
			continue
		}
		if output {
			c.encode(fn, v, fmt.Sprintf("(*r%d)", i))
		} else {
			c.encode(fn, v, "a"+strconv.Itoa(i))
		}
	}
}

// countEncoded returns how many values encodeEach writes.
func (c *companion) countEncoded(fn *Function, output bool) (n int) {
	for _, v := range fn.values {
		if v.output == output && v.record {
			n++
		}
	}
	return n
}

// guards tells whether the arguments or results of a function have to be read
// under a guard.
func (c *companion) guards(fn *Function, output bool) bool {
	return slices.ContainsFunc(fn.values, func(v *value) bool {
		return v.output == output && v.record && !c.masks(fn, v) && !hasBlankTypeArgs(v.typ) && c.encoding(fn, v).guarded(v.typ)
	})
}

// own returns expr, or a variable that is set to it where others may write it:
// looked at twice, it may be two things.
func (en *encoding) own(letter, expr string) string {
	if en.private && !en.output {
		return expr
	}
	name := en.local(letter)
	en.stmt("%s := %s", name, expr)
	return name
}

// wholeSlice returns the slice as it may be used until closing is called.
func (en *encoding) wholeSlice(expr string) (own string, closing func()) {
	own = en.own("s", expr)
	if en.private {
		return own, func() {}
	}
	en.whole(expr, own)
	return own, func() { en.close("}") }
}

// whole opens what is done with own if expr still is what own was set to.
func (en *encoding) whole(expr, own string) {
	name := en.imports.use("unsafe", "unsafe")
	en.open("if e.Whole(%s.Pointer(%s), %s.Pointer(&%s), %s.Sizeof(%s)) {", name, addressOf(expr), name, own, name, own)
}

// sharedString encodes a string that others may write.
func (en *encoding) sharedString(expr string, t types.Type) {
	address := addressOf(expr)
	if !types.Identical(t, types.Typ[types.String]) {
		address = "(*" + en.predeclared("string") + ")(" + address + ")"
	}
	en.stmt("e.StringAt(%s)", address)
}

// dynamic encodes a value whose type is known at run time alone.
func (en *encoding) dynamic(expr string) {
	if en.private {
		en.anyKnown(expr)
		return
	}
	own := en.own("x", expr)
	en.whole(expr, own)
	en.stmt("e.AnyShared(%s)", own)
	en.close("}")
}

// guarded tells whether encoding a variable of the type reads what others may
// write and what can be half of one value and half of another.
func (en *encoding) guarded(t types.Type) bool {
	w := &guardWalk{encoding: en, seen: make(map[types.Type]bool)}
	return w.walk(t, false)
}

type guardWalk struct {
	*encoding
	seen map[types.Type]bool // those that others may write
}

// walk looks at a value of type t; shared says that others may write it.
func (w *guardWalk) walk(t types.Type, shared bool) bool {
	t = types.Unalias(t)
	if shared {
		if w.seen[t] {
			return false
		}
		w.seen[t] = true
	}
	if isTypeParam(t) {
		return shared
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return shared && u.Info()&types.IsString != 0
	case *types.Interface:
		return shared
	case *types.Pointer:
		return w.followable(u.Elem()) && w.walk(u.Elem(), true)
	case *types.Slice:
		return shared || w.followable(u.Elem()) && w.walk(u.Elem(), true)
	case *types.Array:
		return w.walk(u.Elem(), shared)
	case *types.Struct:
		for i := range u.NumFields() {
			if w.walk(u.Field(i).Type(), shared) {
				return true
			}
		}
	}
	return false
}
