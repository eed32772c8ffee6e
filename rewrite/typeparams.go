package rewrite

import (
	"go/types"
)

// typeParams returns the type parameters of a function or of its receiver
// that have a name.
func typeParams(sig *types.Signature) []*types.TypeParam {
	list := sig.TypeParams()
	if sig.RecvTypeParams() != nil {
		list = sig.RecvTypeParams()
	}
	var named []*types.TypeParam
	for i := range list.Len() {
		if tp := list.At(i); tp.Obj().Name() != "_" {
			named = append(named, tp)
		}
	}
	return named
}

// typeParamsIn returns the type parameters that a type mentions, and those
// that their constraints mention, in order of appearance.
func typeParamsIn(t types.Type) []*types.TypeParam {
	w := &typeWalk{seen: make(map[types.Type]bool)}
	w.walk(t)
	return w.found
}

// hasBlankTypeArgs tells whether a receiver leaves a type parameter unnamed,
// so that its type cannot be written down outside of it.
func hasBlankTypeArgs(t types.Type) bool {
	for _, tp := range typeParamsIn(t) {
		if tp.Obj().Name() == "_" {
			return true
		}
	}
	return false
}

type typeWalk struct {
	seen  map[types.Type]bool
	found []*types.TypeParam
}

func (w *typeWalk) walk(t types.Type) {
	t = types.Unalias(t)
	if t == nil || w.seen[t] {
		return
	}
	w.seen[t] = true
	switch t := t.(type) {
	case *types.TypeParam:
		w.found = append(w.found, t)
		w.walk(t.Constraint())
	case *types.Named:
		for i := range t.TypeArgs().Len() {
			w.walk(t.TypeArgs().At(i))
		}
	case *types.Pointer:
		w.walk(t.Elem())
	case *types.Slice:
		w.walk(t.Elem())
	case *types.Array:
		w.walk(t.Elem())
	case *types.Chan:
		w.walk(t.Elem())
	case *types.Map:
		w.walk(t.Key())
		w.walk(t.Elem())
	case *types.Struct:
		for i := range t.NumFields() {
			w.walk(t.Field(i).Type())
		}
	case *types.Signature:
		w.tuple(t.Params())
		w.tuple(t.Results())
	case *types.Tuple:
		w.tuple(t)
	case *types.Interface:
		for i := range t.NumMethods() {
			w.walk(t.Method(i).Type())
		}
		for i := range t.NumEmbeddeds() {
			w.walk(t.EmbeddedType(i))
		}
	case *types.Union:
		for i := range t.Len() {
			w.walk(t.Term(i).Type())
		}
	}
}

func (w *typeWalk) tuple(t *types.Tuple) {
	for i := range t.Len() {
		w.walk(t.At(i).Type())
	}
}
