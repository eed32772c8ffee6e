package rewrite

import (
	"go/token"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Decision is what gave a function its process group.
type Decision struct {
	By  string         // "directive", the strategy of a rule, "options" or "package path"
	Pos token.Position // where that stands; not valid for the package path
}

// groupRule is one [[group]] of a monitor.toml. Rules are asked by priority,
// and the first that knows an answer decides.
type groupRule struct {
	strategy string
	priority int
	pos      token.Position
	group    string // what $1 is put into
	answer   func(*subject) string

	match  *regexp.Regexp    // of a pattern
	depth  int               // of depth
	skip   []string          // folders that do not count
	layers map[string]string // layer or meaning, by word
}

// subject is the function that a rule is asked about.
type subject struct {
	fullName string   // import/path.(*Type).Method
	module   string   // last element of the module's path
	folders  []string // from the module's root to the package
	pkg      string   // name of the package
	receiver string   // name of the type, or ""
	words    []string // of the function's own name, in small letters
}

// groupOf returns the process group of a function and what decided it.
func (c *candidate) groupOf(fn *Function) (string, Decision) {
	if fn.Options.set["group"] {
		if d := c.groupDirective(); d != nil {
			return fn.Options.Group, Decision{"directive", c.plan.Fset.PositionFor(d.pos, false)}
		}
	}
	cfg := c.file.pkg.config
	var s *subject
	for _, rule := range cfg.rules {
		if s == nil {
			s = c.subject(fn)
		}
		group, ok := rule.decide(s)
		if !ok {
			continue
		}
		if !nameWord.MatchString(group) {
			c.report.addAt(rule.pos, "rule %s gives %s the group %q, which is no name such as orders.pricing; change its group or what it matches", rule.strategy, fn.FullName, group)
		}
		return group, Decision{rule.strategy, rule.pos}
	}
	if fn.Options.set["group"] {
		return fn.Options.Group, Decision{"options", cfg.pos[tomlKey("options", "group")]}
	}
	return c.file.pkg.Path, Decision{By: "package path"}
}

// groupDirective returns the directive that names the group, or nil.
func (c *candidate) groupDirective() *directive {
	for _, d := range []*directive{c.found[directiveTrace], c.typeDirective(directiveTrace), c.scope.pkg} {
		if d != nil && d.options.set["group"] {
			return d
		}
	}
	return nil
}

func (c *candidate) subject(fn *Function) *subject {
	pkg := c.file.pkg
	s := &subject{fullName: fn.FullName, module: pkg.module, pkg: strings.TrimSuffix(pkg.Name, "_test")}
	if rel, err := filepath.Rel(pkg.config.root, pkg.Dir); err == nil && filepath.IsLocal(rel) && rel != "." {
		s.folders = strings.Split(filepath.ToSlash(rel), "/")
	}
	if c.decl != nil {
		s.receiver = receiverType(c.decl)
	}
	s.words = nameWords(ownName(fn.Name))
	if len(s.words) == 0 && c.decl != nil {
		s.words = nameWords(c.decl.Name.Name)
	}
	return s
}

// ownName returns what a function is called by itself: the method of a type, what
// a literal is assigned to, and of a literal without a name the function around it.
func ownName(name string) string {
	parts := strings.Split(name, ".")
	for i := len(parts) - 1; i >= 0; i-- {
		if !numberedName.MatchString(parts[i]) && !isNumber(parts[i]) {
			return parts[i]
		}
	}
	return ""
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// nameWords splits a name where its capitals and underscores do: loadHTTPPage is
// load, http, page.
func nameWords(name string) (words []string) {
	runes := []rune(name)
	start := 0
	flush := func(end int) {
		if end > start {
			words = append(words, strings.ToLower(string(runes[start:end])))
		}
		start = end
	}
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush(i)
			start = i + 1
		case i == start:
		case unicode.IsUpper(r) && !unicode.IsUpper(runes[i-1]):
			flush(i)
		case unicode.IsUpper(r) && i+1 < len(runes) && unicode.IsLower(runes[i+1]):
			flush(i)
		}
	}
	flush(len(runes))
	return words
}

// decide returns the group that a rule gives a function, if it knows one.
func (r *groupRule) decide(s *subject) (group string, ok bool) {
	if r.match != nil {
		m := r.match.FindStringSubmatchIndex(s.fullName)
		if m == nil {
			return "", false
		}
		return string(r.match.ExpandString(nil, r.group, s.fullName, m)), true
	}
	answer := r.answer(s)
	if answer == "" {
		return "", false
	}
	if r.group == "" {
		return answer, true
	}
	return string(whole.ExpandString(nil, r.group, answer, whole.FindStringSubmatchIndex(answer))), true
}

var whole = regexp.MustCompile(`^(.*)$`)

// byDepth answers with the first folders of the package's path in the module.
func (r *groupRule) byDepth(s *subject) string {
	folders := slices.DeleteFunc(slices.Clone(s.folders), func(f string) bool { return slices.Contains(r.skip, f) })
	if len(folders) == 0 {
		folders = []string{s.module}
	}
	name := strings.Join(folders[:min(r.depth, len(folders))], ".")
	return strings.Map(func(c rune) rune {
		if c == '+' || c == '~' {
			return '_' // fine in a path, not in the name of a group
		}
		return c
	}, name)
}

// byLayer answers with the layer that the receiver's type is called by (an
// OrderRepository), or the package or a folder around it, the innermost first.
func (r *groupRule) byLayer(s *subject) string {
	if words := nameWords(s.receiver); len(words) > 0 {
		if layer := r.layers[singular(words[len(words)-1])]; layer != "" {
			return layer
		}
	}
	names := append(slices.Clone(s.folders), s.pkg)
	for i := len(names) - 1; i >= 0; i-- {
		if layer := r.layers[singular(strings.ToLower(names[i]))]; layer != "" {
			return layer
		}
	}
	return ""
}

// byMeaning answers with what the function's name says it does, by its first
// word, or by its last: orderHandler serves.
func (r *groupRule) byMeaning(s *subject) string {
	if len(s.words) == 0 {
		return ""
	}
	if meaning := r.layers[s.words[0]]; meaning != "" {
		return meaning
	}
	return r.layers[s.words[len(s.words)-1]+lastWord]
}

// lastWord marks the words that say something at the end of a name alone.
const lastWord = "$"

// singular takes off the ending of a plural, so that stores and repositories are
// found as store and repository.
func singular(word string) string {
	switch {
	case strings.HasSuffix(word, "ies"):
		return strings.TrimSuffix(word, "ies") + "y"
	case strings.HasSuffix(word, "ss"):
		return word
	default:
		return strings.TrimSuffix(word, "s")
	}
}

// moduleName returns the last element of a module's path that is no version.
func moduleName(modulePath string) string {
	base := path.Base(modulePath)
	if isVersion.MatchString(base) {
		base = path.Base(path.Dir(modulePath))
	}
	return base
}

var isVersion = regexp.MustCompile(`^v[0-9]+$`)
