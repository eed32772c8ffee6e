package rewrite

import (
	"bytes"
	"fmt"
	"go/build/constraint"
	"go/format"
	"go/token"
	"go/types"
	"go/version"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/monitorgen/monitorgen/internal/manifest"
)

// form says where a companion goes.
type form int

const (
	inPlace form = iota // into the user's package: readable, free of what changes with every edit
	overlay             // into the build only: compact, with lines and source texts
)

// companion is one generated file: for each recorded function of a group of
// files the two functions that the inserted statement calls, the encoders of
// the types they meet, and the description of it all.
type companion struct {
	form     form
	pkg      *types.Package
	plan     *Package
	files    []*File
	prefix   string // of every generated identifier
	runtime  string // the name under which package runtime is imported
	describe string // the constant that holds the description
	guard    string // the variable of guarded statements
	imports  *importSet
	manifest manifest.Package
	encoders map[string]string // by type, the name of its encoder
	known    []knownType       // the types that dynamic values are compared with
	anything string            // the function that does so; "" before it is needed
	queue    []func()          // encoders still to be written
	used     map[string]bool   // names given out
	here     string            // the function that says which call is open; "" before it is needed
	origin   string            // the variable that notes it
	started  map[string]string // by function type, the name of its starter
	hidden   map[string]string // new names of type parameters, see hideTypeParams
	aliases  map[string]string // of types called like a variable, see aliasOf
	borrowed bool              // fields of other packages' types are read

	body   bytes.Buffer
	indent int
	locals int
}

// writeCompanion returns the text of the companion of files, and adds to calls
// how each of their functions calls it. suffix tells apart the identifiers of
// the companions of one package.
func writeCompanion(form form, pkg *Package, files []*File, suffix string, calls map[*Function]*call) ([]byte, error) {
	c := &companion{
		form:     form,
		pkg:      pkg.types,
		plan:     pkg,
		files:    files,
		prefix:   "monitor" + suffix,
		encoders: make(map[string]string),
		used:     make(map[string]bool),
		started:  make(map[string]string),
		manifest: manifest.Package{Path: pkg.Path, Name: pkg.Name},
	}
	c.imports = &importSet{companion: c, names: make(map[string]string)}
	c.runtime = c.imports.use(runtimePath, "monitor")
	c.describe = c.fresh(c.prefix + "Package")
	c.guard = c.fresh(c.prefix + "Call")
	for _, f := range files {
		for _, fn := range f.Functions {
			calls[fn] = c.function(fn)
		}
	}
	for len(c.queue) > 0 {
		next := c.queue[0]
		c.queue = c.queue[1:]
		next()
	}
	c.writeAnything()
	return c.text()
}

// function writes the two functions for one recorded function.
func (c *companion) function(fn *Function) *call {
	base := c.family(c.prefix + identifier(fn.Name))
	c.hideTypeParams(fn.params)
	if fn.silent {
		c.flushOnly(base + "End")
		return &call{end: base + "End"}
	}
	cl := &call{enter: base, end: base + "End", typeArgs: typeParamNames(fn.params)}
	if c.form == overlay && !fn.flush {
		cl.end, cl.guard = base+"Done", c.guard
	}
	c.describeFunction(fn)
	c.enter(fn, cl)
	c.end(fn, cl)
	c.starters(fn)
	c.noteOrigin(fn)
	return cl
}

// family returns name, with underscores behind it if it or one of the names
// made of it is in use.
func (c *companion) family(name string) string {
	if unnamedName.MatchString(name) || blankName.MatchString(name) {
		name += "Func" // of a function called r0: monitorR0 is a result
	}
	for c.taken(name) || slices.ContainsFunc(companionSuffixes, func(s string) bool { return c.taken(name + s) }) {
		name += "_"
	}
	c.used[name] = true
	for _, suffix := range companionSuffixes {
		c.used[name+suffix] = true
	}
	return name
}

// companionSuffixes are what the names of a function's companions end in, the
// one that its statement calls first apart.
var companionSuffixes = []string{"Enter", "End", "Done", "Arguments", "Results"}

// flushOnly writes what is deferred in a main function that is not recorded.
func (c *companion) flushOnly(name string) {
	c.open("func %s() {", name)
	c.stmt("%s.Flush()", c.imports.use(autostartPath, "autostart"))
	c.close("}\n")
}

// enter writes what is called with the arguments: a function that the compiler
// puts into the user's, which looks whether the site is off, and one that opens
// the call.
func (c *companion) enter(fn *Function, cl *call) {
	var params, args []string
	for i, v := range fn.values {
		if v.output || !v.record || c.masks(fn, v) {
			continue
		}
		arg, typ := c.passed(v)
		cl.args = append(cl.args, arg)
		params = append(params, fmt.Sprintf("a%d %s", i, typ))
		args = append(args, fmt.Sprintf("a%d", i))
	}
	signature := fmt.Sprintf("%s(%s) (c %s.Call)", c.typeParamList(fn.inferred(c, false)), strings.Join(params, ", "), c.runtime)
	opens := cl.enter + "Enter"
	c.line("//go:norace")
	c.open("func %s%s {", cl.enter, signature)
	c.open("if %s.Off(%#x) {", c.runtime, fn.Key)
	c.stmt("return")
	c.close("}")
	c.stmt("return %s%s(%s)", opens, c.instance(fn), strings.Join(args, ", "))
	c.close("}\n")

	c.line("//go:norace")
	c.open("func %s%s {", opens, signature)
	c.open("if e := c.Enter(%#x, %s, %q); e != nil {", fn.Key, c.describe, fn.Options.runtimeText(fn.Process, fn.fails()))
	c.encodeValues(fn, false, cl.enter+"Arguments", params, args)
	c.stmt("e.Entered()")
	c.close("}")
	c.stmt("return")
	c.close("}\n")
}

// fails tells whether a result can say that the call failed.
func (fn *Function) fails() bool {
	return slices.ContainsFunc(fn.values, func(v *value) bool { return v.isError })
}

// end writes the function that ends a call, with pointers to the results, and
// for plain statements one around it, which the compiler puts into the deferred
// closure: it looks whether the call is open.
func (c *companion) end(fn *Function, cl *call) {
	params, args := []string{"c " + c.runtime + ".Call"}, []string{"c"}
	recorded := false
	for i, v := range fn.values {
		if !v.output || !v.needed() {
			continue
		}
		recorded = recorded || v.record
		cl.results = append(cl.results, "&"+v.ident)
		params = append(params, fmt.Sprintf("r%d *%s", i, c.typeText(v.typ)))
		args = append(args, fmt.Sprintf("r%d", i))
	}
	signature := fmt.Sprintf("%s(%s)", c.typeParamList(fn.inferred(c, true)), strings.Join(params, ", "))
	done, below := cl.enter+"Done", 0
	if cl.guard == "" {
		below = 1
		c.line("//go:norace")
		c.open("func %s%s {", cl.end, signature)
		if fn.flush {
			c.stmt("defer %s.Flush()", c.imports.use(autostartPath, "autostart"))
		}
		c.open("if c.Open() {")
		c.stmt("%s%s(%s)", done, c.instance(fn), strings.Join(args, ", "))
		c.close("}")
		c.close("}\n")
	}

	c.line("//go:norace")
	c.open("func %s%s {", done, signature)
	c.open("if !c.End(%d) {", below)
	c.stmt("return")
	c.close("}")
	for i, v := range fn.values {
		if v.isError {
			c.open("if %s {", c.isFailure(fmt.Sprintf("(*r%d)", i), v.typ))
			c.stmt("c.Fail(*r%d)", i)
			c.close("}")
		}
	}
	if recorded {
		c.open("if e := c.Results(); e != nil {")
		c.encodeValues(fn, true, cl.enter+"Results", params[1:], args[1:])
		c.close("}")
	}
	c.iterations(fn, cl)
	c.stmt("c.Commit()")
	c.close("}\n")
}

// encoding returns how a value of a function is encoded.
func (c *companion) encoding(fn *Function, v *value) *encoding {
	return &encoding{companion: c, mask: fn.Options.Mask, deep: v.deep, receiver: v.isReceiver && !v.deep, private: true, output: v.output}
}

// encode writes the statements for one value of a function.
func (c *companion) encode(fn *Function, v *value, expr string) {
	if c.masks(fn, v) {
		c.stmt("e.Masked()")
		return
	}
	if hasBlankTypeArgs(v.typ) {
		c.stmt("e.Any(%s)", expr)
		return
	}
	en := c.encoding(fn, v)
	if c.byPointer(v) && !v.output {
		expr = "(*" + expr + ")"
	}
	en.value(expr, v.typ)
}

// masks tells whether a value of a function is a secret: it goes nowhere.
func (c *companion) masks(fn *Function, v *value) bool {
	en := &encoding{companion: c, mask: fn.Options.Mask}
	return !hasBlankTypeArgs(v.typ) && en.masked(v.name, v.typ, "")
}

// passed returns the argument expression and the parameter type of an input.
func (c *companion) passed(v *value) (arg, typ string) {
	if hasBlankTypeArgs(v.typ) {
		return v.ident, "interface{}"
	}
	if c.byPointer(v) {
		return "&" + v.ident, "*" + c.typeText(v.typ)
	}
	return v.ident, c.typeText(v.typ)
}

// largeValue is the size in bytes from which a struct or array is passed by
// its address: it is not kept in registers anyway.
const largeValue = 64

// byPointer tells whether an input is passed by its address: because it is
// large, or because it must not be copied.
func (c *companion) byPointer(v *value) bool {
	if hasBlankTypeArgs(v.typ) || isTypeParam(v.typ) {
		return false
	}
	switch v.typ.Underlying().(type) {
	case *types.Struct, *types.Array:
		return synchronised(v.typ, nil) || len(typeParamsIn(v.typ)) > 0 || c.plan.sizes.Sizeof(v.typ) > largeValue
	}
	return false
}

// describeFunction adds a function to the package's description.
func (c *companion) describeFunction(fn *Function) {
	d := manifest.Function{
		Key:       fn.Key,
		Name:      fn.Name,
		Process:   fn.Process,
		Group:     fn.Group,
		File:      filepath.Base(fn.file.Path),
		Signature: fn.signatureText(),
		Options:   fn.Options.text(),
	}
	if c.form == overlay {
		d.File, d.Line, d.Source = fn.Pos.Filename, fn.Pos.Line, fn.sourceText()
	}
	for _, output := range []bool{false, true} {
		for _, v := range fn.values {
			if v.record && v.output == output {
				d.Data = append(d.Data, manifest.Datum{Name: v.name, Type: cmpOr(v.text, typeShown(v.typ)), Output: output})
			}
		}
	}
	c.manifest.Functions = append(c.manifest.Functions, d)
}

// text puts the file together.
func (c *companion) text() ([]byte, error) {
	var declarations bytes.Buffer
	if len(c.manifest.Functions) == 0 {
		delete(c.imports.names, runtimePath) // a main function that flushes, nothing more
	} else if err := c.declare(&declarations); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s\n\n", companionHeader)
	if c.borrowed && c.form == inPlace {
		fmt.Fprintf(&out, "//lint:file-ignore SA1019 Fields are read that are there, deprecated or not.\n\n")
	}
	if line := c.constraintLine(); line != "" {
		fmt.Fprintf(&out, "%s\n\n", line)
	}
	fmt.Fprintf(&out, "package %s\n\n", c.plan.Name)
	c.imports.write(&out)
	out.Write(declarations.Bytes())
	out.Write(doubleParens.ReplaceAll(c.body.Bytes(), []byte("($1)")))
	formatted, err := format.Source(out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("generated code of %s: %w", c.plan.Path, err)
	}
	return formatted, nil
}

// declare writes what the functions refer to.
func (c *companion) declare(out *bytes.Buffer) error {
	description, err := c.description()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "// This code was made for another version of package runtime if the next line does not compile: run monitorgen again.\n")
	fmt.Fprintf(out, "type _ [-(%s.Generation - %d) * (%s.Generation - %d)]struct{}\n\n", c.runtime, generation, c.runtime, generation)
	fmt.Fprintf(out, "const %s = %s\n\n", c.describe, description)
	for _, name := range slices.Sorted(maps.Keys(c.aliases)) {
		fmt.Fprintf(out, "type %s = %s\n\n", c.aliases[name], name)
	}
	if c.form == inPlace {
		c.embedSources(out)
	}
	return nil
}

// doubleParens is what statements look like whose operand is (*r0).
var doubleParens = regexp.MustCompile(`\(\((\*[ar][0-9]+)\)\)`)

// generation is the version of the contract between generated code and
// package runtime; it equals runtime.Generation.
const generation = 6

// description returns the manifest as a Go string literal.
func (c *companion) description() (string, error) {
	if c.form == overlay {
		text, err := c.manifest.Encode()
		return strconv.Quote(text), err
	}
	text, err := c.manifest.EncodeText()
	if err == nil && strconv.CanBackquote(strings.NewReplacer("\n", "", "\t", "").Replace(text)) {
		return "`" + text + "`", nil
	}
	return strconv.Quote(text), err
}

// embedSources has the compiler put the files' texts beside the code, so that
// the companion need not change with every edit of a body.
func (c *companion) embedSources(out *bytes.Buffer) {
	c.imports.blank("embed")
	var names []string
	for i, f := range c.files {
		name := c.fresh(c.prefix + "Source" + strconv.Itoa(i))
		names = append(names, name)
		fmt.Fprintf(out, "//go:embed %s\nvar %s %s\n\n", embedPattern(filepath.Base(f.Path)), name, c.predeclared("string"))
	}
	fmt.Fprintf(out, "func init() {\n")
	for i, f := range c.files {
		fmt.Fprintf(out, "%s.Source(%q, %q, %s)\n", c.runtime, c.plan.Path, filepath.Base(f.Path), names[i])
	}
	fmt.Fprintf(out, "}\n\n")
}

// embedPattern returns the pattern of //go:embed that matches this name alone.
func embedPattern(name string) string {
	name = globCharacter.ReplaceAllString(name, "[$0]")
	if strings.ContainsAny(name, " \"'`") {
		return strconv.Quote(name)
	}
	return name
}

// globCharacter matches what stands for other characters in a pattern. Each of
// them stands for itself within brackets.
var globCharacter = regexp.MustCompile(`[*?[]`)

// constraintLine returns the file's //go:build line, or "".
func (f *File) constraintLine() string {
	for _, group := range f.syntax.Comments {
		if group.Pos() > f.syntax.Package {
			break
		}
		for _, comment := range group.List {
			if constraint.IsGoBuild(comment.Text) {
				return strings.TrimRight(comment.Text, "\r")
			}
		}
	}
	return ""
}

// constraintLine returns the companion's //go:build line, or "". In place it is
// that of its files, which all have the same. An overlay is made for one build, in
// which all lines hold; but such a line also decides which Go a file is written
// in, and what is newer than the module has to be so here, too.
func (c *companion) constraintLine() string {
	if c.form == inPlace {
		return c.files[0].constraintLine()
	}
	newest := ""
	for _, f := range c.files {
		if v := f.goVersion(); version.Compare(v, newest) > 0 {
			newest = v
		}
	}
	if version.Compare(newest, "go"+c.plan.GoVersion) <= 0 {
		return ""
	}
	return "//go:build " + newest
}

// oldestFileVersion is the Go that a file is written in whose line asks for an
// older one.
const oldestFileVersion = "go1.21"

// goVersion returns the version of Go that the file's //go:build line makes its
// language, or "".
func (f *File) goVersion() string {
	expr, err := constraint.Parse(f.constraintLine())
	if err != nil {
		return ""
	}
	v := constraint.GoVersion(expr)
	if v != "" && version.Compare(v, oldestFileVersion) < 0 {
		return oldestFileVersion
	}
	return v
}

// Writing of statements.

func (c *companion) line(text string) {
	c.body.WriteString(strings.Repeat("\t", c.indent) + text + "\n")
}

func (c *companion) stmt(f string, args ...any) { c.line(fmt.Sprintf(f, args...)) }

func (c *companion) open(f string, args ...any) {
	if strings.HasPrefix(f, "}") {
		c.indent--
	}
	c.stmt(f, args...)
	c.indent++
}

func (c *companion) close(text string) {
	c.indent--
	c.line(text)
}

// local returns a variable name that no enclosing loop of this file uses.
func (c *companion) local(letter string) string {
	c.locals++
	return letter + strconv.Itoa(c.locals)
}

// Names.

func (c *companion) taken(name string) bool {
	return c.used[name] || c.plan.taken[name] || token.IsKeyword(name) || types.Universe.Lookup(name) != nil
}

// fresh returns name, with underscores behind it if it is in use.
func (c *companion) fresh(name string) string {
	for c.taken(name) {
		name += "_"
	}
	c.used[name] = true
	return name
}

// identifier turns a name such as (*Set[T]).Add into SetTAdd.
func identifier(name string) string {
	var b strings.Builder
	upper := true
	for _, r := range name {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_':
			if upper {
				r = unicode.ToUpper(r)
			}
			b.WriteRune(r)
			upper = false
		default:
			upper = true
		}
	}
	return b.String()
}

// Types.
