package rewrite

import "go/types"

// Values whose text or shape one of their methods gives, if that is harmless.

var (
	typeInt   = types.Typ[types.Int]
	typeFloat = types.Typ[types.Float64]
	typeText  = types.Typ[types.String]
	typeBytes = types.NewSlice(types.Typ[types.Byte])
	typeError = types.Universe.Lookup("error").Type()
)

// textMethod returns "String" or "MarshalText" if the values of a type have that
// method and it may be called, or "".
func (c *companion) textMethod(t types.Type) string {
	if fn := method(t, "String"); hasShape(fn, nil, []types.Type{typeText}) && c.plan.judge.harmless(fn) {
		return "String"
	}
	if fn := method(t, "MarshalText"); hasShape(fn, nil, []types.Type{typeBytes, typeError}) && c.plan.judge.harmless(fn) {
		return "MarshalText"
	}
	return ""
}

// text encodes a value by its text. Shared says that the method may read what
// others write: it is not called under the race detector.
func (en *encoding) text(expr, method string) {
	call := map[string]string{"String": "Stringer", "MarshalText": "Marshaler", "SharedString": "SharedStringer", "SharedMarshalText": "SharedMarshaler"}[method]
	en.stmt("e.%s(%s)", call, expr)
}

// matrix encodes what has rows and columns by its shape, and its numbers by a
// summary if they can be had.
func (en *encoding) matrix(expr string, t types.Type) bool {
	dims := method(t, "Dims")
	if !hasShape(dims, nil, []types.Type{typeInt, typeInt}) || !en.plan.judge.harmless(dims) {
		return false
	}
	if p, ok := t.Underlying().(*types.Pointer); ok && !en.followable(p.Elem()) || !ok && !en.followable(t) {
		return false
	}
	call := "Frame"
	if at := method(t, "At"); hasShape(at, []types.Type{typeInt, typeInt}, []types.Type{typeFloat}) && en.plan.judge.harmless(at) {
		call = "Matrix"
	}
	switch t.Underlying().(type) {
	case *types.Pointer, *types.Map, *types.Slice:
		en.open("if %s == nil {", withoutParens(expr))
		en.stmt("e.Nil()")
		en.open("} else {")
		defer en.close("}")
	}
	en.stmt("e.%s(%s)", call, expr)
	return true
}

// opaqueText encodes by its text a value whose parts would say nothing.
func (en *encoding) opaqueText(expr string, t types.Type) bool {
	elem := t
	p, isPointer := t.Underlying().(*types.Pointer)
	if isPointer {
		elem = p.Elem()
	}
	if !en.opaque(elem) || !en.followable(elem) {
		return false
	}
	method := en.textMethod(t)
	if method == "" {
		return false
	}
	if _, isArray := t.Underlying().(*types.Array); isArray {
		en.text(expr, method)
		return true
	}
	if isPointer {
		en.open("if %s == nil {", withoutParens(expr))
		en.stmt("e.Nil()")
		en.open("} else {")
		defer en.close("}")
	}
	en.text(expr, "Shared"+method)
	return true
}

// opaque tells whether the parts of a value would say nothing to a reader: bytes
// in an array, a struct that hides its fields.
func (en *encoding) opaque(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Array:
		return isByte(u.Elem())
	case *types.Slice:
		return isByte(u.Elem())
	case *types.Struct:
		return len(en.fieldsOf(t, u)) == 0
	}
	return false
}
