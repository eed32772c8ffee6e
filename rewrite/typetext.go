package rewrite

import (
	"go/scanner"
	"go/token"
	"go/types"
	"regexp"
	"strings"
)

// typeText returns how generated code writes a type.
func (c *companion) typeText(t types.Type) string {
	text := types.TypeString(t, func(p *types.Package) string {
		if p.Path() == c.pkg.Path() {
			return ownPackage
		}
		return c.imports.use(p.Path(), p.Name())
	})
	text = ownType.ReplaceAllStringFunc(text, func(name string) string {
		return c.aliasOf(strings.TrimPrefix(name, ownPackage+"."))
	})
	return c.renamed(text)
}

// ownPackage stands in front of the package's own types until it is known how
// they are called, ownType matches one.
const ownPackage = "monitorgen\u00b7own"

var ownType = regexp.MustCompile(ownPackage + `\.[\pL_][\pL_\p{Nd}]*`)

// aliasOf returns how generated code calls a type of the package: one called like
// a variable of generated code would be hidden by that, and has another name.
func (c *companion) aliasOf(name string) string {
	if !variableName.MatchString(name) {
		return name
	}
	obj, ok := c.pkg.Scope().Lookup(name).(*types.TypeName)
	if !ok {
		return name
	}
	if named, ok := obj.Type().(*types.Named); ok && named.TypeParams().Len() > 0 {
		return name // which Go before 1.24 has no alias for
	}
	if c.aliases == nil {
		c.aliases = make(map[string]string)
	}
	if c.aliases[name] == "" {
		c.aliases[name] = c.fresh(c.prefix + "Type" + identifier(name))
	}
	return c.aliases[name]
}

// instance returns the type arguments with which the functions of fn call each
// other, in brackets, or "".
func (c *companion) instance(fn *Function) string {
	cl := call{typeArgs: typeParamNames(fn.params)}
	return c.renamed(cl.instance())
}

func typeParamNames(list []*types.TypeParam) []string {
	var names []string
	for _, tp := range list {
		names = append(names, tp.Obj().Name())
	}
	return names
}

// variableName matches the variables of generated functions.
var variableName = regexp.MustCompile(`^(?:[a-z]|[a-z][0-9]+)$`)

// hideTypeParams prepares for the text of a function with these type
// parameters: those called like a variable of generated code, or like what the
// language predeclares, get another name in it.
func (c *companion) hideTypeParams(list []*types.TypeParam) {
	c.hidden = nil
	for _, tp := range list {
		name := tp.Obj().Name()
		if !variableName.MatchString(name) && types.Universe.Lookup(name) == nil {
			continue
		}
		if c.hidden == nil {
			c.hidden = make(map[string]string)
		}
		other := name + "_"
		for c.plan.taken[other] {
			other += "_"
		}
		c.hidden[name] = other
	}
}

// renamed gives the hidden type parameters in the text of a type their other names.
func (c *companion) renamed(text string) string {
	if len(c.hidden) == 0 {
		return text
	}
	var s scanner.Scanner
	file := token.NewFileSet().AddFile("", -1, len(text))
	s.Init(file, []byte(text), nil, 0)
	var out strings.Builder
	from, last := 0, token.ILLEGAL
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			out.WriteString(text[from:])
			return out.String()
		}
		if other, ok := c.hidden[lit]; ok && tok == token.IDENT && last != token.PERIOD {
			at := file.Offset(pos)
			out.WriteString(text[from:at] + other)
			from = at + len(lit)
		}
		last = tok
	}
}

// typeParamList returns "[K comparable, V any]", or "" for none.
func (c *companion) typeParamList(list []*types.TypeParam) string {
	if len(list) == 0 {
		return ""
	}
	parts := make([]string, len(list))
	for i, tp := range list {
		parts[i] = c.renamed(tp.Obj().Name()) + " " + c.typeText(tp.Constraint())
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// canName tells whether the package of the companion can write a type down.
func (c *companion) canName(t types.Type) bool {
	visible := func(obj types.Object) bool { return obj.Exported() || obj.Pkg() == nil || obj.Pkg() == c.pkg }
	switch t := t.(type) {
	case *types.Alias:
		return visible(t.Obj()) && c.canNameAll(t.TypeArgs())
	case *types.Named:
		return visible(t.Obj()) && c.canNameAll(t.TypeArgs())
	case *types.Pointer:
		return c.canName(t.Elem())
	case *types.Slice:
		return c.canName(t.Elem())
	case *types.Array:
		return c.canName(t.Elem())
	case *types.Chan:
		return c.canName(t.Elem())
	case *types.Map:
		return c.canName(t.Key()) && c.canName(t.Elem())
	case *types.Signature:
		return c.canNameTuple(t.Params()) && c.canNameTuple(t.Results())
	case *types.Struct:
		for i := range t.NumFields() {
			if f := t.Field(i); !visible(f) || !c.canName(f.Type()) {
				return false
			}
		}
	case *types.Interface:
		for i := range t.NumExplicitMethods() {
			if m := t.ExplicitMethod(i); !visible(m) || !c.canName(m.Type()) {
				return false
			}
		}
		for i := range t.NumEmbeddeds() {
			if !c.canName(t.EmbeddedType(i)) {
				return false
			}
		}
	}
	return true
}

func (c *companion) canNameAll(list *types.TypeList) bool {
	for i := range list.Len() {
		if !c.canName(list.At(i)) {
			return false
		}
	}
	return true
}

func (c *companion) canNameTuple(list *types.Tuple) bool {
	for i := range list.Len() {
		if !c.canName(list.At(i).Type()) {
			return false
		}
	}
	return true
}
