package filter

import (
	"slices"
	"strings"
)

// MatchFunction reports whether fn:pattern takes a function: one whose process
// name or full name (import/path.Name) contains the pattern, or, where it has a
// wildcard, whose process name, full name or name is of that form.
func MatchFunction(pattern, process, full, name string) bool {
	if !wild(pattern) {
		return containsFold(process, pattern) || containsFold(full, pattern)
	}
	return MatchName(pattern, process) || MatchName(pattern, full) || MatchName(pattern, name)
}

// MatchName reports whether a whole name is of the pattern's form: * stands for
// any text. Case does not matter.
func MatchName(pattern, name string) bool {
	return glob(strings.ToLower(pattern), strings.ToLower(name))
}

// wild reports whether a pattern has a wildcard. The star of a method's
// receiver, (*T), is none.
func wild(pattern string) bool {
	for i := range len(pattern) {
		if pattern[i] == '*' && (i == 0 || pattern[i-1] != '(') {
			return true
		}
	}
	return false
}

func containsFold(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

// glob matches a whole text. It goes back to the latest star alone, so that it
// takes at most len(pattern) * len(text) steps.
func glob(pattern, text string) bool {
	p, t := 0, 0
	star, from := -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// Named is what terms ask of a function.
type Named struct{ Process, Package, Name, Group string }

// Full is import/path.Name.
func (f Named) Full() string { return f.Package + "." + f.Name }

// Names reports whether one of the values of a term that is about functions is a
// name of this one.
func (t Term) Names(f Named) bool {
	return slices.ContainsFunc(t.Values, func(v Value) bool {
		switch t.Field {
		case Group:
			return t.namesWhole(v.Text, f.Group)
		case Package:
			return t.namesWhole(v.Text, f.Package)
		case Func:
			if t.Op == Equal {
				return v.Text == f.Process || v.Text == f.Full()
			}
		}
		return MatchFunction(v.Text, f.Process, f.Full(), f.Name)
	})
}

func (t Term) namesWhole(text, name string) bool {
	if t.Op == Contains {
		text = "*" + text + "*"
	}
	return MatchName(text, name)
}
