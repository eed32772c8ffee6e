package rewrite

import (
	"bytes"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// cut is a range of bytes that goes.
type cut struct{ from, to int }

// holds tells whether all of another range is in this one.
func (c cut) holds(o cut) bool { return c.from <= o.from && o.to <= c.to }

// cutOf returns the range of a node.
func (f *migration) cutOf(n ast.Node) cut { return cut{f.offset(n.Pos()), f.offset(n.End())} }

func (f *migration) cut(n ast.Node) { f.cuts = append(f.cuts, f.cutOf(n)) }

// isCut tells whether a node goes as a whole.
func (f *migration) isCut(n ast.Node) bool {
	of := f.cutOf(n)
	return slices.ContainsFunc(f.cuts, func(c cut) bool { return c.holds(of) })
}

// cutLines makes the inserts and takes the cuts out, with their lines if nothing
// else is on them, and with the blank lines that nothing separates any more. All
// other bytes stay.
func (f *migration) cutLines() ([]byte, error) {
	e := edits{list: slices.Clone(f.inserts.list)}
	for _, c := range f.wholeLines() {
		e.replace(c.from, c.to, "")
	}
	return e.apply(f.src)
}

// wholeLines returns the cuts, joined and widened.
func (f *migration) wholeLines() []cut {
	slices.SortFunc(f.cuts, func(a, b cut) int { return a.from - b.from })
	var joined []cut
	for _, c := range f.cuts {
		if n := len(joined); n > 0 && len(bytes.Trim(f.src[min(joined[n-1].to, c.from):c.from], " \t;")) == 0 {
			joined[n-1].to = max(joined[n-1].to, c.to)
			continue
		}
		joined = append(joined, c)
	}
	var lines []cut
	for _, c := range joined {
		start, end := lineStart(f.src, c.from), lineEnd(f.src, c.to)
		rest := strings.TrimLeft(string(f.src[c.to:end]), " \t;")
		if len(bytes.TrimSpace(f.src[start:c.from])) > 0 || strings.TrimSpace(rest) != "" && !strings.HasPrefix(rest, "//") {
			// Something else is on the line: what separates them goes with the cut.
			for c.to < end && strings.IndexByte(" \t;", f.src[c.to]) >= 0 && f.src[c.to-1] != ';' {
				c.to++
			}
			for c.to < end && (f.src[c.to] == ' ' || f.src[c.to] == '\t') {
				c.to++
			}
			lines = append(lines, c)
			continue
		}
		whole := cut{start, end}
		if n := len(lines); n > 0 && lines[n-1].to == whole.from {
			lines[n-1].to = whole.to
			continue
		}
		lines = append(lines, whole)
	}
	var kept []byte // of the text up to a cut
	at := 0
	for i := range lines {
		kept = append(kept, f.src[at:lines[i].from]...)
		from := lines[i].from
		f.widen(&lines[i], kept, at)
		kept = kept[:len(kept)-(from-lines[i].from)]
		at = lines[i].to
	}
	return lines
}

// widen takes the blank lines behind a cut along where they would be the second
// in a row or the first of a block, and those in front of it at the end of one.
// kept is what stays in front of the cut, from at on bytes that follow each other.
func (f *migration) widen(c *cut, kept []byte, at int) {
	if c.from != lineStart(f.src, c.from) {
		return
	}
	before := bytes.TrimRight(kept, " \t\r\n")
	opens := len(before) > 0 && strings.IndexByte("{(", before[len(before)-1]) >= 0
	blankBefore := bytes.Count(kept[len(before):], []byte("\n")) > 1
	for end := lineEnd(f.src, c.to); (opens || blankBefore) && end > c.to && len(bytes.TrimSpace(f.src[c.to:end])) == 0; end = lineEnd(f.src, c.to) {
		c.to = end
	}
	next := bytes.TrimLeft(f.src[c.to:], " \t")
	if blankBefore && len(next) > 0 && (next[0] == '}' || next[0] == ')') {
		first := bytes.IndexByte(kept[len(before):], '\n') + 1
		c.from = max(at, c.from-(len(kept)-len(before)-first))
	}
}

func lineStart(src []byte, at int) int { return bytes.LastIndexByte(src[:at], '\n') + 1 }

// unusedImports cuts the imports that only what goes has used.
func (f *migration) unusedImports() {
	if len(f.cuts) == 0 && len(f.inserts.list) == 0 {
		return
	}
	for _, decl := range f.syntax.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.IMPORT {
			continue
		}
		var gone []ast.Spec
		for _, spec := range gen.Specs {
			if f.onlyCutsUse(spec.(*ast.ImportSpec)) {
				gone = append(gone, spec)
			}
		}
		if len(gone) == len(gen.Specs) && len(gone) > 0 && gen.Doc == nil {
			f.cut(gen)
			continue
		}
		for _, spec := range gone {
			f.cut(spec)
		}
	}
}

// onlyCutsUse tells whether an import is used, and nowhere but in what goes.
func (f *migration) onlyCutsUse(spec *ast.ImportSpec) bool {
	var name types.Object
	if spec.Name != nil {
		name = f.pkg.TypesInfo.Defs[spec.Name]
	} else {
		name = f.pkg.TypesInfo.Implicits[spec]
	}
	if name == nil {
		return false
	}
	used := false
	for id, obj := range f.pkg.TypesInfo.Uses {
		if obj != name {
			continue
		}
		used = true
		if !f.isReplaced(id) {
			return false
		}
	}
	return used
}

// isReplaced tells whether a node is in what goes or is replaced.
func (f *migration) isReplaced(n ast.Node) bool {
	of := f.cutOf(n)
	return f.isCut(n) || slices.ContainsFunc(f.inserts.list, func(e edit) bool { return cut{e.from, e.to}.holds(of) && e.from < e.to })
}
