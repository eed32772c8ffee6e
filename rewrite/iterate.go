package rewrite

import (
	"fmt"
	"go/types"
	"hash/fnv"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/monitorgen/monitorgen/internal/manifest"
)

// With iter=on, the function that ends a call puts another sequence in the place
// of the one that is returned. It yields the same, and tells the runtime whose
// turn it is:
//
//	*r0 = monitorLevelsIter0(*r0)

// isIterated tells whether the iteration of a result is recorded.
func (fn *Function) isIterated(v *value) bool {
	return fn.Options.Iter && v.output && isSequence(v.typ) && !hasBlankTypeArgs(v.typ)
}

// iterations puts the sequences in place, in the function that ends a call.
func (c *companion) iterations(fn *Function, cl *call) {
	number := 0
	for i, v := range fn.values {
		if !v.iterated {
			continue
		}
		if number == 0 {
			c.open("if c.Iterates() {")
			defer c.close("}")
		}
		name := c.fresh(fmt.Sprintf("%sIter%d", cl.enter, number))
		c.open("if *r%d != nil {", i)
		c.stmt("*r%d = %s%s(*r%d)", i, name, c.instance(fn), i)
		c.close("}")
		at := number
		c.queue = append(c.queue, func() { c.sequence(fn, v, name, at) })
		number++
	}
}

// sequence writes the function that makes a sequence one that is recorded.
func (c *companion) sequence(fn *Function, v *value, name string, number int) {
	c.hideTypeParams(fn.params)
	key, process := c.describeIteration(fn, number)
	options := Options{Sample: "1", Slow: fn.Options.Slow}
	sig := v.typ.Underlying().(*types.Signature)
	yield := sig.Params().At(0).Type()
	item := yield.Underlying().(*types.Signature)
	var params, args []string
	for i := range item.Params().Len() {
		params = append(params, fmt.Sprintf("a%d %s", i, c.typeText(item.Params().At(i).Type())))
		args = append(args, fmt.Sprintf("a%d", i))
	}
	text, yieldText, boolText := c.typeText(v.typ), c.typeText(yield), c.typeText(item.Results().At(0).Type())
	// Types are written within the function, too: its variables must not hide one.
	seq, each, it, more := c.variable("seq"), c.variable("yield"), c.variable("it"), c.variable("more")
	c.open("func %s%s(%s %s) %s {", name, c.typeParamList(fn.params), seq, text, text)
	c.open("return func(%s %s) {", each, yieldText)
	c.stmt("%s := %s.Iterate(%#x, %s, %q)", it, c.runtime, key, c.describe, options.runtimeText(process, false))
	c.open("if %s == nil {", it)
	c.stmt("%s(%s)", seq, each)
	c.stmt("return")
	c.close("}")
	c.stmt("defer %s.End()", it)
	c.open("%s(func(%s) %s {", seq, strings.Join(params, ", "), boolText)
	c.stmt("%s.Yield()", it)
	c.stmt("%s := %s(%s)", more, each, strings.Join(args, ", "))
	c.stmt("%s.Resume()", it)
	c.open("if !%s {", more)
	c.stmt("%s.Stop()", it)
	c.close("}")
	c.stmt("return %s", more)
	c.close("})")
	c.close("}")
	c.close("}\n")
}

// variable returns name, with underscores behind it where the package has one
// of that name, so that it hides nothing.
func (c *companion) variable(name string) string {
	for c.plan.taken[name] {
		name += "_"
	}
	return name
}

// describeIteration adds the iteration of one of a function's sequences, counted
// from 0, to the package's description.
func (c *companion) describeIteration(fn *Function, number int) (key uint64, process string) {
	suffix := ".iter"
	if number > 0 {
		suffix += strconv.Itoa(number + 1)
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%x\x00%s", fn.Key, suffix)
	d := manifest.Function{
		Key:       h.Sum64(),
		Name:      fn.Name + suffix,
		Process:   fn.Process + suffix,
		Group:     fn.Group,
		File:      filepath.Base(fn.file.Path),
		Signature: fn.signatureText(),
		Options:   fn.Options.text(),
		Data: []manifest.Datum{
			{Name: "items", Type: "int", Output: true},
			{Name: "produced", Type: "time.Duration", Output: true},
			{Name: "consumed", Type: "time.Duration", Output: true},
			{Name: "stopped", Type: "bool", Output: true},
		},
	}
	if c.form == overlay {
		d.File, d.Line, d.Source = fn.Pos.Filename, fn.Pos.Line, fn.sourceText()
	}
	c.manifest.Functions = append(c.manifest.Functions, d)
	return d.Key, d.Process
}
