package rewrite

import (
	"go/ast"
	"go/types"
	"slices"
	"strconv"
)

// value is a receiver, parameter or result.
type value struct {
	name   string // as people call it: the source's name, or p0, r0
	ident  string // the identifier in the function's body after the edits
	typ    types.Type
	output bool
	record bool // false: needed only to see an error
	deep   bool
	// iterated is set for a sequence whose iteration is recorded.
	iterated bool
	// inferred stands for a type that only the function around a literal can
	// name, and text says which.
	inferred *types.TypeParam
	text     string

	isReceiver bool
	isError    bool
	// rename is set where the source has no usable name.
	rename rename
	fields *ast.FieldList
	field  *ast.Field
	at     int // index of the name in the field; -1: the field has none
}

type rename int

const (
	renameNone    rename = iota
	renameUnnamed        // the field has no name
	renameBlank          // the name is _
)

// values lists the receiver, the parameters and the results, with the names
// they will have and whether they are recorded. Options that name something
// the function does not have are reported.
func (c *candidate) values(fn *Function) []*value {
	var vs []*value
	if recv := fn.receiver(); recv != nil {
		vs = append(vs, listValues(recv, types.NewTuple(fn.sig.Recv()), "V", "recv")...)
		vs[0].isReceiver = true
	}
	vs = append(vs, listValues(fn.typ.Params, fn.sig.Params(), "P", "p")...)
	inputs := len(vs)
	vs = append(vs, listValues(fn.typ.Results, fn.sig.Results(), "R", "r")...)
	o := fn.Options
	for i, v := range vs {
		v.output = i >= inputs
		v.isError = v.output && implementsError(v.typ) && !hasBlankTypeArgs(v.typ)
		v.deep = slices.Contains(o.Deep, v.name)
		v.iterated = fn.isIterated(v)
		if v.output {
			v.record = !o.NoRes
		} else {
			v.record = !o.NoArgs && (o.Args == nil || slices.Contains(o.Args, v.name))
		}
	}
	if d := c.found[directiveTrace]; d != nil {
		c.checkNames(d, "args", d.options.Args, vs[:inputs], "parameter")
		c.checkNames(d, "deep", d.options.Deep, vs, "parameter or result")
		c.checkNames(d, "mask", d.options.Mask, append(fieldValues(vs), vs...), "parameter, result or field")
		if d.options.Iter && !slices.ContainsFunc(vs[inputs:], func(v *value) bool { return isSequence(v.typ) }) {
			c.report.add(d.pos, "option iter=on: %s has no result of an iter.Seq type", fn.Name)
		}
	}
	return vs
}

func (c *candidate) checkNames(d *directive, option string, names []string, vs []*value, what string) {
	for _, name := range names {
		if slices.ContainsFunc(vs, func(v *value) bool { return v.name == name }) {
			continue
		}
		var known []string
		for _, v := range vs {
			known = append(known, v.name)
		}
		c.report.add(d.pos, "option %s=%s: %s has no %s %q%s", option, name, c.name, what, name, DidYouMean(name, known))
	}
}

// fieldValues lists the struct fields that recording the values can reach.
func fieldValues(vs []*value) []*value {
	var found []*value
	seen := make(map[types.Type]bool)
	var walk func(t types.Type)
	walk = func(t types.Type) {
		if seen[t] {
			return
		}
		seen[t] = true
		switch u := t.Underlying().(type) {
		case *types.Pointer:
			walk(u.Elem())
		case *types.Slice:
			walk(u.Elem())
		case *types.Array:
			walk(u.Elem())
		case *types.Struct:
			for i := range u.NumFields() {
				found = append(found, &value{name: u.Field(i).Name()})
				walk(u.Field(i).Type())
			}
		}
	}
	for _, v := range vs {
		walk(v.typ)
	}
	return found
}

// listValues returns the values of one field list.
func listValues(list *ast.FieldList, tuple *types.Tuple, letter, label string) []*value {
	if list == nil {
		return nil
	}
	var vs []*value
	add := func(field *ast.Field, at int, given string) {
		i := len(vs)
		v := &value{name: given, ident: given, typ: tuple.At(i).Type(), fields: list, field: field, at: at}
		number := strconv.Itoa(i)
		if letter == "V" {
			number = ""
		}
		switch given {
		case "":
			v.rename, v.name, v.ident = renameUnnamed, label+number, "monitor"+letter+number
		case "_":
			v.rename, v.name, v.ident = renameBlank, label+number, "monitorBlank"+letter+number
		}
		vs = append(vs, v)
	}
	for _, field := range list.List {
		if len(field.Names) == 0 {
			add(field, -1, "")
		}
		for at, name := range field.Names {
			add(field, at, name.Name)
		}
	}
	return vs
}

// isSequence tells whether t is a function of the shape of iter.Seq or iter.Seq2.
func isSequence(t types.Type) bool {
	sig, ok := t.Underlying().(*types.Signature)
	if !ok || sig.Params().Len() != 1 || sig.Results().Len() != 0 {
		return false
	}
	yield, ok := sig.Params().At(0).Type().Underlying().(*types.Signature)
	return ok && yield.Params().Len() <= 2 && yield.Results().Len() == 1 &&
		types.Identical(yield.Results().At(0).Type().Underlying(), types.Typ[types.Bool])
}
