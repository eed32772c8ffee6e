package rewrite

import (
	"fmt"
	"go/types"
	"reflect"
	"slices"

	"github.com/monitorgen/monitorgen/internal/manifest"
)

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
	name := en.fresh(en.prefix + "Encode" + identifier(typeShown(t)))
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
		en.stmt("e.Opaque(%q)", typeShown(t))
		return
	}
	en.foreign = true
	defer func() { en.foreign = false }()
	fields := en.fieldsOf(t, s)
	if len(fields) == 0 {
		en.stmt("e.Opaque(%q)", typeShown(t))
		return
	}
	en.open("if e.Struct(%d, %d) {", en.typeNumber(typeShown(t), fields), len(fields))
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
		en.stmt("e.Opaque(%q)", typeShown(t))
		return
	}
	number := en.typeNumber(typeShown(t), fields)
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
		en.borrowed = en.borrowed || !masked && v.Pkg() != en.pkg
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
// synchronise, so its owner does not expect concurrent use; and it is not C's.
func (en *encoding) followable(t types.Type) bool {
	return en.deep || !synchronised(t, nil) && !isC(t)
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
