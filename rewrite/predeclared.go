package rewrite

import "go/types"

// A package may declare an identifier that Go declares for all of them, len or
// uint64 say. Generated code in it takes what it needs from package runtime.

// predeclaredNames are the predeclared identifiers that generated code uses, and
// their names in package runtime.
var predeclaredNames = map[string]string{
	"bool": "Bool", "int64": "Int64", "uint64": "Uint64", "float32": "Float32", "float64": "Float64",
	"complex128": "Complex128", "string": "String", "byte": "Byte", "false": "False", "len": "Len", "cap": "Cap",
}

// predeclared returns how generated code says what name means to Go.
func (c *companion) predeclared(name string) string {
	if !c.plan.declared[name] {
		return name
	}
	return c.runtime + "." + predeclaredNames[name]
}

// hiddenBy returns the predeclared identifier without which no code can be
// generated for a function, and which the package declares otherwise: nil, or a
// type that the signature has from another package; "" if there is none.
func (p *Package) hiddenBy(sig *types.Signature) string {
	declares := func(name string) bool { return p.types.Scope().Lookup(name) != nil }
	if declares("nil") {
		return "nil"
	}
	w := &typeWalk{seen: make(map[types.Type]bool)}
	w.walk(sig)
	if recv := sig.Recv(); recv != nil {
		w.walk(recv.Type())
	}
	for t := range w.seen {
		if name := universeName(t); name != "" && declares(name) {
			return name
		}
	}
	return ""
}

// universeName returns the name of a type that Go declares, or "".
func universeName(t types.Type) string {
	switch t := t.(type) {
	case *types.Basic:
		if t.Kind() != types.UnsafePointer {
			return t.Name()
		}
	case *types.Named:
		if t.Obj().Pkg() == nil {
			return t.Obj().Name()
		}
	}
	return ""
}
