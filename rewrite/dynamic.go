package rewrite

import (
	"go/types"
	"slices"
)

// What an interface or a type parameter holds is compared with the struct types
// that the companion has encoders for anyway; of others package runtime knows the
// plain ones and errors, and names the rest.

// knownType is a struct type with an encoder that takes its address.
type knownType struct {
	typ     types.Type
	encoder string
}

// know notes the encoder of a type that a type switch can name, once: a type and
// its aliases have encoders of their own, but are one case.
func (en *encoding) know(t types.Type, encoder string) {
	if slices.ContainsFunc(en.known, func(k knownType) bool { return types.Identical(k.typ, t) }) {
		return
	}
	if _, named := types.Unalias(t).(*types.Named); named && !en.deep && len(en.mask) == 0 && len(typeParamsIn(t)) == 0 && en.canName(t) &&
		!implementsError(types.NewPointer(t)) { // which implements what t does; an error is its text
		en.known = append(en.known, knownType{t, encoder})
	}
}

// anyKnown encodes a value of unknown type.
func (en *encoding) anyKnown(expr string) {
	if en.anything == "" {
		en.anything = en.fresh(en.prefix + "EncodeAny")
	}
	en.stmt("%s(e, %s)", en.anything, expr)
}

// writeAnything writes the function behind anyKnown, when all types are known.
func (c *companion) writeAnything() {
	if c.anything == "" {
		return
	}
	en := &encoding{companion: c}
	c.hideTypeParams(nil)
	c.line("//go:norace")
	c.open("func %s(e *%s.Encoder, v interface{}) {", c.anything, c.runtime)
	if len(c.known) > 0 {
		c.open("switch v := v.(type) {")
		for _, k := range c.known {
			en.knownCase(k)
		}
		c.line("default:")
		c.stmt("e.Any(v)")
		c.close("}")
	} else {
		c.stmt("e.Any(v)")
	}
	c.close("}\n")
}

func (en *encoding) knownCase(k knownType) {
	text, name := en.typeText(k.typ), typeShown(k.typ)
	en.line("case " + text + ":")
	en.indent++
	en.open("if e.Dynamic(%q) {", name)
	en.stmt("%s(e, &v)", k.encoder)
	en.close("}")
	en.indent--
	if !en.followable(k.typ) {
		return
	}
	en.line("case *" + text + ":")
	en.indent++
	en.open("if e.Dynamic(%q) && e.Pointee(%s.Pointer(v)) {", "*"+name, en.imports.use("unsafe", "unsafe"))
	en.stmt("%s(e, v)", k.encoder)
	en.stmt("e.EndPointee()")
	en.close("}")
	en.indent--
}
