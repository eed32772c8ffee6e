package rewrite

import (
	"go/types"
	"regexp"
	"slices"
	"strings"
)

// encoding decides how the values of one function are recorded.
type encoding struct {
	*companion
	mask []string // names that the directive masks
	deep bool     // the rule on shared memory is lifted for this value
	// receiver is set while the receiver is encoded: its own methods are not
	// called, since one of them may be the function that is being recorded.
	receiver bool
	// private is set while a variable of the function itself is encoded: nobody
	// else writes it. What it leads to is not, see shared.go.
	private bool
	output  bool // a result is encoded: closures may know its variable
	level   int  // how many struct types are around this one
	nested  int  // how many lists and pointers are, inside of its encoder
	foreign bool // a struct around this value has a type that cannot be named here
}

// secretName matches names whose values are masked, underscores left out.
var secretName = regexp.MustCompile(`(?i)passw(?:or)?d|passphrase|^pwd$|secret|token|api_?key|authorization|credential|private_?key|access_?key|bearer|cookie`)

// masked tells whether a value of this name and type must not be recorded. A
// number cannot hold a token, so nextToken int stays visible; a directive or
// tag masks any type.
func (en *encoding) masked(name string, t types.Type, tag string) bool {
	if slices.Contains(en.mask, name) || tag == "mask" {
		return true
	}
	return isSecret(t) || secretName.MatchString(strings.ReplaceAll(name, "_", "")) && holdsText(t, nil)
}

// secretType matches names of types whose values are masked wherever they are,
// path and package in front: keys, passwords, what a URL has of both.
var secretType = regexp.MustCompile(`(?i)\.(?:\w*(?:private_?key|passw(?:or)?d|passphrase|secrets?|credentials?|api_?key|access_?key))$|^net/url\.Userinfo$|^crypto/.*DecapsulationKey`)

// isSecret tells whether values of a type are secrets, or lead to one. Numbers are
// none, since an enumeration may be called so, nor are errors: InvalidPassword says what is wrong.
func isSecret(t types.Type) bool {
	if implementsError(t) || implementsError(types.NewPointer(t)) {
		return false
	}
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		return isSecret(p.Elem())
	}
	if b, ok := t.Underlying().(*types.Basic); ok && b.Info()&types.IsString == 0 {
		return false
	}
	return secretType.MatchString(typeName(t))
}

// holdsText tells whether text can be part of a value of the type.
func holdsText(t types.Type, seen []types.Type) bool {
	if slices.Contains(seen, t) {
		return false
	}
	seen = append(seen, t)
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Info()&types.IsString != 0 || u.Kind() == types.UnsafePointer
	case *types.Pointer:
		return holdsText(u.Elem(), seen)
	case *types.Slice:
		return isCharacter(u.Elem()) || holdsText(u.Elem(), seen)
	case *types.Array:
		return isCharacter(u.Elem()) || holdsText(u.Elem(), seen)
	case *types.Struct:
		for i := range u.NumFields() {
			if holdsText(u.Field(i).Type(), seen) {
				return true
			}
		}
		return false
	case *types.Signature, *types.Chan:
		return false
	}
	return true // interfaces, maps, type parameters
}

// isCharacter tells whether values of t in a row may be text: bytes, and C's char.
func isCharacter(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && (b.Kind() == types.Byte || b.Kind() == types.Int8)
}

func isByte(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Kind() == types.Byte
}

// value writes the statements that encode expr, an addressable expression
// without side effects of type t.
func (en *encoding) value(expr string, t types.Type) {
	en.nested++
	private := en.private
	defer func() { en.nested, en.private = en.nested-1, private }()
	switch {
	case en.nested > maxNested:
		en.stmt("e.Cut()")
	case isSecret(t):
		en.stmt("e.Masked()")
	case en.special(expr, t):
	case en.method(expr, t):
	default:
		en.structure(expr, t)
	}
}

// special encodes the types of the standard library that have a tag of their own.
func (en *encoding) special(expr string, t types.Type) bool {
	switch typeName(t) {
	case "time.Time":
		en.stmt("e.Time(%s)", expr)
	case "time.Duration":
		en.stmt("e.Duration(%s)", expr)
	default:
		return false
	}
	return true
}

// typeName returns path.Name of a named type, or "".
func typeName(t types.Type) string {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || named.Obj().Pkg() == nil {
		return ""
	}
	return named.Obj().Pkg().Path() + "." + named.Obj().Name()
}

// method encodes values whose text or shape a method gives: errors, numbers and
// strings that have a text of their own, an enumeration say, values whose parts
// would say nothing, and matrices. The runtime guards the call; method.go says
// which methods may be called at all.
func (en *encoding) method(expr string, t types.Type) bool {
	if en.receiver || isTypeParam(t) {
		return false
	}
	if en.private && isError(t) && en.errorText(expr, t) {
		return true
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		if u.Kind() == types.UnsafePointer || u.Info()&types.IsString != 0 && !en.private {
			return false
		}
		method := en.textMethod(t)
		if method != "" {
			en.text(expr, method)
		}
		return method != ""
	case *types.Interface:
		return false
	}
	return en.matrix(expr, t) || en.opaqueText(expr, t)
}

// errorText encodes an error by its text, if it is one.
func (en *encoding) errorText(expr string, t types.Type) bool {
	switch t.Underlying().(type) {
	case *types.Interface:
		en.stmt("e.Error(%s)", expr)
		return true
	case *types.Struct, *types.Array:
		return false // what it is made of says more, and the call's exception has the text
	}
	en.open("if %s {", en.isFailure(expr, t))
	en.stmt("e.Error(%s)", expr)
	en.open("} else {")
	if _, ok := t.Underlying().(*types.Basic); ok {
		en.structure(expr, t)
	} else {
		en.stmt("e.Nil()")
	}
	en.close("}")
	return true
}

func isTypeParam(t types.Type) bool {
	_, ok := types.Unalias(t).(*types.TypeParam)
	return ok
}

var errorInterface = types.Universe.Lookup("error").Type().Underlying().(*types.Interface)

// isError tells whether a value of type t is an error.
func isError(t types.Type) bool {
	return !isTypeParam(t) && implementsError(t)
}

func implementsError(t types.Type) bool { return types.Implements(t, errorInterface) }

// isFailure returns the condition under which an error of the type is one: its
// zero value says that there is none, as nil does.
func (c *companion) isFailure(expr string, t types.Type) string {
	if isTypeParam(t) {
		return "!" + c.runtime + ".Zero(" + addressOf(expr) + ")"
	}
	address := addressOf(expr)
	expr = withoutParens(expr)
	switch u := t.Underlying().(type) {
	case *types.Struct, *types.Array:
		return "!" + c.runtime + ".Zero(" + address + ")"
	case *types.Basic:
		switch info := u.Info(); {
		case info&types.IsBoolean != 0:
			return c.predeclared("bool") + "(" + expr + ")"
		case info&types.IsString != 0:
			return expr + ` != ""`
		case info&types.IsNumeric != 0:
			return expr + " != 0"
		}
	}
	return expr + " != nil"
}

// withoutParens turns (*r1) into *r1, for use beside an operator of lower rank.
func withoutParens(expr string) string {
	if inner, ok := strings.CutPrefix(expr, "(*"); ok && strings.Count(expr, "(") == 1 && strings.HasSuffix(inner, ")") {
		return "*" + inner[:len(inner)-1]
	}
	return expr
}

// structure encodes a value by what its type is made of.
func (en *encoding) structure(expr string, t types.Type) {
	if isTypeParam(t) {
		en.dynamic(expr)
		return
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		en.basic(expr, t, u)
	case *types.Pointer:
		en.pointer(expr, u)
	case *types.Slice:
		en.slice(expr, t, u)
	case *types.Array:
		en.array(expr, u)
	case *types.Struct:
		if !en.canName(t) {
			en.foreignStruct(expr, t, u)
		} else if name := en.structEncoder(t, u); name != "" {
			en.stmt("%s(e, %s)", name, addressOf(expr))
		} else {
			en.stmt("e.Cut()")
		}
	case *types.Map:
		if en.deep && !en.receiver {
			en.entries(expr, u)
			return
		}
		en.stmt("e.MapLen(%s == nil, %s(%s))", expr, en.predeclared("len"), expr)
	case *types.Chan:
		en.stmt("e.Chan(%s == nil, %s(%s), %s(%s))", expr, en.predeclared("len"), expr, en.predeclared("cap"), expr)
	case *types.Signature:
		en.stmt("e.Func(%s == nil)", expr)
	case *types.Interface:
		en.dynamic(expr)
	default:
		en.stmt("e.Opaque(%q)", typeShown(t))
	}
}

// addressOf returns &expr, or p where expr is (*p).
func addressOf(expr string) string {
	if inner, ok := strings.CutPrefix(expr, "(*"); ok {
		if inner, ok = strings.CutSuffix(inner, ")"); ok {
			return inner
		}
	}
	return "&" + expr
}

// packageName qualifies types in texts that people read.
func packageName(p *types.Package) string { return p.Name() }

func (en *encoding) basic(expr string, t types.Type, b *types.Basic) {
	plain := func(method string, kind types.BasicKind) {
		if !types.Identical(t, types.Typ[kind]) {
			expr = en.predeclared(types.Typ[kind].Name()) + "(" + expr + ")"
		}
		en.stmt("e.%s(%s)", method, expr)
	}
	switch info := b.Info(); {
	case info&types.IsBoolean != 0:
		plain("Bool", types.Bool)
	case info&types.IsUnsigned != 0:
		plain("Uint", types.Uint64)
	case info&types.IsInteger != 0:
		plain("Int", types.Int64)
	case b.Kind() == types.Float32:
		plain("Float32", types.Float32)
	case info&types.IsFloat != 0:
		plain("Float64", types.Float64)
	case info&types.IsComplex != 0:
		plain("Complex", types.Complex128)
	case info&types.IsString != 0 && !en.private:
		en.sharedString(expr, t)
	case info&types.IsString != 0:
		plain("String", types.String)
	case b.Kind() == types.UnsafePointer:
		en.stmt("e.Pointer(%s.Pointer(%s))", en.imports.use("unsafe", "unsafe"), expr)
	default:
		en.stmt("e.Nil()")
	}
}

// pointer follows a pointer where the rule on shared memory allows it, and
// else records where it points.
func (en *encoding) pointer(expr string, p *types.Pointer) {
	unsafePointer := en.imports.use("unsafe", "unsafe") + ".Pointer"
	if en.receiver || !en.followable(p.Elem()) {
		en.stmt("e.Pointer(%s(%s))", unsafePointer, expr)
		return
	}
	expr = en.own("p", expr)
	en.private = false
	en.open("if e.Pointee(%s(%s)) {", unsafePointer, expr)
	en.value("(*"+expr+")", p.Elem())
	en.stmt("e.EndPointee()")
	en.close("}")
}
