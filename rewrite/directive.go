package rewrite

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

// The names of directives, after "//monitor:".
const (
	directiveTrace   = "trace"
	directivePackage = "package"
	directiveSkip    = "skip"
)

var directiveNames = []string{directiveTrace, directivePackage, directiveSkip}

// The comments of the system that monitorgen comes from. They work as
// //monitor:trace does, and are reported as deprecated.
const legacyTool = "trace"

var legacyNames = []string{"time", "cpu", "memory", "closer"}

// legacyLike matches what follows the slashes of a legacy comment.
var legacyLike = legacyTool + ":(?:" + strings.Join(legacyNames, "|") + ")"

// directive is one well-formed comment.
type directive struct {
	name    string
	legacy  string // the comment, if it is one of the legacy ones
	options Options
	pos     token.Pos
	used    bool // something below it took it
}

// directives are those of one file, by the position of their comment.
type directives struct {
	report *report
	byPos  map[token.Pos]*directive
}

// parseDirectives reads every comment of a file. What is misspelt is reported.
func parseDirectives(r *report, file *ast.File) *directives {
	ds := &directives{report: r, byPos: make(map[token.Pos]*directive)}
	for _, group := range file.Comments {
		for _, c := range group.List {
			if d := parseComment(r, c); d != nil {
				ds.byPos[c.Slash] = d
			}
		}
	}
	return ds
}

func parseComment(r *report, c *ast.Comment) *directive {
	parsed, ok := ast.ParseDirective(c.Slash, c.Text)
	if ok && parsed.Tool == legacyTool && slices.Contains(legacyNames, parsed.Name) {
		return &directive{name: directiveTrace, legacy: "//trace:" + parsed.Name, pos: c.Slash}
	}
	if !ok || parsed.Tool != "monitor" {
		if hint := nearMiss(c.Text); hint != "" {
			r.add(c.Slash, "this comment is not a directive; did you mean %s?", hint)
		}
		return nil
	}
	switch parsed.Name {
	case directiveTrace, directivePackage, directiveSkip:
	default:
		r.add(c.Slash, "unknown directive //monitor:%s%s", parsed.Name, DidYouMean(parsed.Name, directiveNames))
		return nil
	}
	d := &directive{name: parsed.Name, pos: c.Slash}
	args, err := parsed.ParseArgs()
	if err != nil {
		r.add(parsed.ArgsPos, "%v", err)
		return d
	}
	for _, arg := range args {
		key, value, isPair := strings.Cut(arg.Arg, "=")
		switch {
		case strings.HasPrefix(arg.Arg, "//"):
			return d // a remark behind the options
		case d.name == directiveSkip:
			r.add(arg.Pos, "//monitor:skip takes no options, found %q", arg.Arg)
			return d
		case !isPair:
			r.add(arg.Pos, "option %q is not of the form key=value", arg.Arg)
		default:
			if err := d.options.setPair(key, value); err != nil {
				r.add(arg.Pos, "%v", err)
			}
		}
	}
	return d
}

var (
	// Right words in a form that is not a directive: a space, a capital, /* */.
	looseForm = regexp.MustCompile(`(?i)^(?://|/\*)[ \t]*monitor[ \t]*[:.-][ \t]*(trace|package|skip)[ \t]*(\*/)?((?:[ \t]+[a-z]+=\S+)*)[ \t]*(\*/)?$`)
	// The form of a directive with a misspelt tool.
	directiveForm = regexp.MustCompile(`^//([a-z0-9]+):([a-z]+)((?:[ \t]+[a-z]+=\S+)*)[ \t]*$`)
)

// nearMiss returns the directive that a comment probably meant to be, or "".
// Prose that mentions a directive is not near: nothing but options may follow.
func nearMiss(text string) string {
	text = strings.TrimRight(text, "\r")
	if m := looseForm.FindStringSubmatch(text); m != nil {
		return "//monitor:" + strings.ToLower(m[1]) + m[3]
	}
	m := directiveForm.FindStringSubmatch(text)
	if m == nil || m[1] == "monitor" || editDistance(m[1], "monitor") > 2 {
		return ""
	}
	for _, name := range directiveNames {
		if m[2] == name {
			return "//monitor:" + name + m[3]
		}
	}
	return ""
}

// of takes the directives of the given names from a doc comment. Two of a
// name, and skip beside trace, are reported.
func (ds *directives) of(doc *ast.CommentGroup, names ...string) map[string]*directive {
	found := make(map[string]*directive)
	if doc == nil {
		return found
	}
	for _, c := range doc.List {
		d := ds.byPos[c.Slash]
		if d == nil || !slices.Contains(names, d.name) {
			continue
		}
		d.used = true
		if other := found[d.name]; other != nil && (d.legacy != "" || other.legacy != "") {
			if other.legacy != "" && d.legacy == "" {
				found[d.name] = d // it has the options
			}
			continue
		}
		if found[d.name] != nil {
			ds.report.add(d.pos, "a second //monitor:%s for the same declaration", d.name)
			continue
		}
		found[d.name] = d
	}
	if found[directiveSkip] != nil && found[directiveTrace] != nil {
		ds.report.add(found[directiveTrace].pos, "//monitor:trace and //monitor:skip on the same declaration")
	}
	return found
}

// header takes the directives above the package clause: they need not touch it.
func (ds *directives) header(file *ast.File) map[string]*directive {
	var above ast.CommentGroup
	for _, group := range file.Comments {
		if group.Pos() < file.Package {
			above.List = append(above.List, group.List...)
		}
	}
	return ds.of(&above, directivePackage, directiveSkip)
}

// deprecated returns a notice for each legacy comment that a function has taken.
func (ds *directives) deprecated() Diagnostics {
	notes := report{fset: ds.report.fset}
	for _, d := range ds.byPos {
		if d.legacy != "" && d.used {
			notes.add(d.pos, "%s is deprecated and records as //monitor:trace does; monitorgen migrate turns it into that", d.legacy)
		}
	}
	_ = notes.err() // sorts
	return notes.list
}

// reportUnused names every directive that nothing took, with the place where it belongs.
func (ds *directives) reportUnused() {
	for _, d := range ds.byPos {
		if d.used {
			continue
		}
		if d.legacy != "" {
			continue // whoever wrote it did not write it for us
		}
		switch d.name {
		case directivePackage:
			ds.report.add(d.pos, "misplaced //monitor:package: it belongs above the package clause")
		case directiveSkip:
			ds.report.add(d.pos, "misplaced //monitor:skip: it belongs directly above a function, a type or the package clause")
		default:
			ds.report.add(d.pos, "misplaced //monitor:trace: it belongs directly above a function, a method, a type declaration or a statement with a function literal")
		}
	}
}
