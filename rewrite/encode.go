package rewrite

import (
	"fmt"
	"go/types"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/monitorgen/monitorgen/internal/manifest"
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
	return secretName.MatchString(strings.ReplaceAll(name, "_", "")) && holdsText(t, nil)
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
		return isByte(u.Elem()) || holdsText(u.Elem(), seen)
	case *types.Array:
		return isByte(u.Elem()) || holdsText(u.Elem(), seen)
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
		en.stmt("e.Opaque(%q)", types.TypeString(t, packageName))
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
		en.elements(expr, s.Elem(), fmt.Sprintf("%s == nil", expr), true)
	}
}

func (en *encoding) array(expr string, a *types.Array) {
	en.elements(expr, a.Elem(), en.predeclared("false"), a.Len() > maxListed)
}

// maxListed is how many numbers package runtime lists one by one.
const maxListed = 32

// elements encodes the elements of a slice or array; many numbers by a summary, if
// there can be so many.
func (en *encoding) elements(expr string, elem types.Type, isNil string, many bool) {
	if b, ok := elem.Underlying().(*types.Basic); ok && many && b.Info()&(types.IsInteger|types.IsFloat) != 0 && en.textMethod(elem) == "" && typeName(elem) != "time.Duration" && !isTypeParam(elem) {
		en.summary(expr)
		defer en.close("}")
	}
	i, n := en.local("i"), en.local("n")
	en.open("if %s := e.List(%s, %s(%s)); %s > 0 {", n, isNil, en.predeclared("len"), expr, n)
	en.open("for %s := 0; %s < %s; %s++ {", i, i, n, i)
	en.value(expr+"["+i+"]", elem)
	en.close("}")
	en.stmt("e.EndList()")
	en.close("}")
}

// summary encodes a long list of numbers, and opens what is done with a short one.
func (en *encoding) summary(expr string) {
	m, i := en.local("m"), en.local("i")
	length, float := en.predeclared("len"), en.predeclared("float64")
	en.open("if %s := e.Numbers(%s(%s)); %s.Step > 0 {", m, length, expr, m)
	en.open("for %s := 0; %s < %s(%s); %s += %s.Step {", i, i, length, expr, i, m)
	en.stmt("%s.Add(%s(%s[%s]))", m, float, expr, i)
	en.close("}")
	en.stmt("%s.Last(%s(%s[%s(%s)-1]))", m, float, expr, length, expr)
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
	en.value(v, m.Elem())
	en.close("}")
	en.stmt("e.EndMap(%s)", n)
	en.close("}")
}

// maxLevel is how deep the encoders of nested struct types go. What a record
// shows is cut by the runtime's depth anyway; this bounds the generated code.
const maxLevel = 4

// maxNested is how many lists and pointers are opened around each other. It
// ends types that are made of themselves without a struct: type T []T.
const maxNested = 8

// structEncoder returns the name of the function that encodes a struct type
// through a pointer, and queues its text. It returns "" where the nesting of
// types is too deep.
func (en *encoding) structEncoder(t types.Type, s *types.Struct) string {
	key := types.TypeString(t, nil) + en.typeParamList(typeParamsIn(t)) + fmt.Sprint(en.deep, en.mask)
	if name, ok := en.encoders[key]; ok {
		return name
	}
	if en.level >= maxLevel {
		return ""
	}
	name := en.fresh(en.prefix + "Encode" + identifier(types.TypeString(t, packageName)))
	en.encoders[key] = name
	en.know(t, name)
	sub := &encoding{companion: en.companion, mask: en.mask, deep: en.deep, level: en.level + 1}
	en.queue = append(en.queue, func() { sub.structFunction(name, t, s) })
	return name
}

// foreignStruct encodes in place a struct whose type belongs to another package
// that does not export it; one within it is only named.
func (en *encoding) foreignStruct(expr string, t types.Type, s *types.Struct) {
	if en.foreign {
		en.stmt("e.Opaque(%q)", types.TypeString(t, packageName))
		return
	}
	en.foreign = true
	defer func() { en.foreign = false }()
	fields := en.fieldsOf(t, s)
	if len(fields) == 0 {
		en.stmt("e.Opaque(%q)", types.TypeString(t, packageName))
		return
	}
	en.open("if e.Struct(%d, %d) {", en.typeNumber(types.TypeString(t, packageName), fields), len(fields))
	en.fields(expr, fields)
	en.close("}")
}

// structFunction writes the encoder of one struct type.
func (en *encoding) structFunction(name string, t types.Type, s *types.Struct) {
	en.hideTypeParams(typeParamsIn(t))
	en.line("//go:norace")
	en.open("func %s%s(e *%s.Encoder, v *%s) {", name, en.typeParamList(typeParamsIn(t)), en.runtime, en.typeText(t))
	defer en.close("}\n")
	fields := en.fieldsOf(t, s)
	if len(fields) == 0 && s.NumFields() > 0 {
		en.stmt("e.Opaque(%q)", types.TypeString(t, packageName))
		return
	}
	number := en.typeNumber(types.TypeString(t, packageName), fields)
	en.open("if !e.Struct(%d, %d) {", number, len(fields))
	en.stmt("return")
	en.close("}")
	en.fields("v", fields)
}

// fields encodes the fields of a struct and ends it.
func (en *encoding) fields(expr string, fields []field) {
	for _, f := range fields {
		if f.masked {
			en.stmt("e.Masked()")
			continue
		}
		sub := &encoding{companion: en.companion, mask: en.mask, deep: en.deep || f.deep, level: en.level, nested: en.nested, foreign: en.foreign}
		sub.value(expr+"."+f.name, f.typ)
	}
	en.stmt("e.EndStruct()")
}

// field is a struct field that is recorded.
type field struct {
	name   string
	typ    types.Type
	masked bool
	deep   bool
}

// fieldsOf returns the fields that generated code of this package can read
// and that no tag leaves out.
func (en *encoding) fieldsOf(t types.Type, s *types.Struct) []field {
	var fields []field
	for i := range s.NumFields() {
		v := s.Field(i)
		tag := reflect.StructTag(s.Tag(i)).Get("monitor")
		reachable := v.Exported() || v.Pkg() == en.pkg
		if tag == "-" || !reachable || v.Name() == "_" {
			continue
		}
		masked := en.masked(v.Name(), v.Type(), tag)
		fields = append(fields, field{v.Name(), v.Type(), masked, tag == "deep"})
	}
	return fields
}

// typeNumber returns the index of a struct type in the package's description.
func (c *companion) typeNumber(name string, fields []field) int {
	for i, t := range c.manifest.Types {
		if t.Name == name && sameNames(t.Fields, fields) {
			return i
		}
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	c.manifest.Types = append(c.manifest.Types, manifest.Type{Name: name, Fields: names})
	return len(c.manifest.Types) - 1
}

func sameNames(names []string, fields []field) bool {
	if len(names) != len(fields) {
		return false
	}
	for i, f := range fields {
		if names[i] != f.name {
			return false
		}
	}
	return true
}

// followable tells whether memory of type t may be read where other
// goroutines can reach it: no part of it, however deep, is there to
// synchronise, so its owner does not expect concurrent use.
func (en *encoding) followable(t types.Type) bool {
	return en.deep || !synchronised(t, nil)
}

// synchronised tells whether t has a part from sync or sync/atomic, or one
// that can be locked.
func synchronised(t types.Type, seen []types.Type) bool {
	t = types.Unalias(t)
	if slices.Contains(seen, t) {
		return false
	}
	seen = append(seen, t)
	if named, ok := t.(*types.Named); ok {
		if p := named.Obj().Pkg(); p != nil && (p.Path() == "sync" || p.Path() == "sync/atomic" || p.Path() == "internal/sync") {
			return true
		}
		if hasLock(named) {
			return true
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		return synchronised(u.Elem(), seen)
	case *types.Slice:
		return synchronised(u.Elem(), seen)
	case *types.Array:
		return synchronised(u.Elem(), seen)
	case *types.Struct:
		for i := range u.NumFields() {
			if synchronised(u.Field(i).Type(), seen) {
				return true
			}
		}
	case *types.Chan:
		return true
	}
	return false
}

func hasLock(named *types.Named) bool {
	for i := range named.NumMethods() {
		if name := named.Method(i).Name(); name == "Lock" || name == "Unlock" {
			return true
		}
	}
	return false
}
