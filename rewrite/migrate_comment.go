package rewrite

import (
	"fmt"
	"go/ast"
	"regexp"
	"slices"
	"strings"
)

// comments migrates the directives of other tools in a file.
func (f *migration) comments() {
	docs := make(map[*ast.CommentGroup]*ast.FuncDecl)
	for _, decl := range f.syntax.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Doc != nil {
			docs[fn.Doc] = fn
		}
	}
	for _, group := range f.syntax.Comments {
		for _, c := range group.List {
			d, ok := ast.ParseDirective(c.Slash, c.Text)
			switch {
			case !ok:
			case d.Tool == "dd" && d.Name == "span":
				f.above(docs[group], c, "//dd:span", func(to *newDirective) { to.tags(d.Args) })
			case d.Tool == legacyTool && slices.Contains(legacyNames, d.Name):
				f.above(docs[group], c, "//trace:"+d.Name, func(to *newDirective) {
					if d.Args != "" {
						to.remarks = append(to.remarks, d.Args)
					}
				})
			case d.Tool == "instrument" && (d.Name == "include" || d.Name == "exclude"):
				f.named(docs[group], c, d)
			}
		}
	}
}

// above puts a directive in the place of a comment that stands in front of a function.
func (f *migration) above(fn *ast.FuncDecl, c *ast.Comment, what string, fill func(*newDirective)) {
	if fn == nil {
		f.leave(f.position(c.Slash), "%s is not above a function", what)
		return
	}
	if fn.Body == nil {
		f.leave(f.position(c.Slash), "%s above a function without a body", what)
		return
	}
	to := f.directive(fn)
	fill(to)
	if to.at == nil {
		to.at = c
		return
	}
	f.cut(c)
}

// tags takes over the arguments of //dd:span: its name, and the others as a remark.
func (d *newDirective) tags(args string) {
	var rest []string
	for _, m := range spanTag.FindAllStringSubmatch(args, -1) {
		value := strings.Trim(m[2], `"'`)
		if m[1] == "span.name" && d.name == "" && nameWord.MatchString(value) {
			d.name = value
			continue
		}
		rest = append(rest, m[0])
	}
	if len(rest) > 0 {
		d.remarks = append(d.remarks, strings.Join(rest, " "))
	}
}

var spanTag = regexp.MustCompile(`([^\s:"']+)(?::("[^"]*"|'[^']*'|\S*))?`)

// named migrates go-instrument's comments, which name functions of the file, or
// mean the one they stand above.
func (f *migration) named(above *ast.FuncDecl, c *ast.Comment, d ast.Directive) {
	names := strings.FieldsFunc(d.Args, func(r rune) bool { return r == '|' || r == ' ' })
	var unknown []string
	var meant []*ast.FuncDecl
	if len(names) == 0 && above != nil {
		meant = append(meant, above)
	}
	for _, name := range names {
		before := len(meant)
		for _, decl := range f.syntax.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Name.Name == name && fn.Body != nil {
				meant = append(meant, fn)
			}
		}
		if len(meant) == before {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 || len(meant) == 0 {
		f.leave(f.position(c.Slash), "//instrument:%s names no function of the file%s", d.Name, strings.TrimRight(fmt.Sprintf(": %s", strings.Join(unknown, ", ")), ": "))
		return
	}
	f.cut(c)
	for _, fn := range meant {
		if to := f.doc[fn]; to != nil && to.skip != (d.Name == "exclude") {
			f.leave(f.position(c.Slash), "//instrument:%s and another comment disagree on %s", d.Name, fn.Name.Name)
			continue
		}
		f.directive(fn).skip = d.Name == "exclude"
	}
}
