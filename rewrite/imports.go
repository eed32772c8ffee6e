package rewrite

import (
	"bytes"
	"fmt"
	"go/token"
	"path"
	"sort"
)

// importSet gives import names that meet no identifier of the package.
type importSet struct {
	companion *companion
	names     map[string]string // by path
	blanks    []string
}

// use returns the name under which a package is imported.
func (s *importSet) use(path, name string) string {
	if alias, ok := s.names[path]; ok {
		return alias
	}
	alias := name
	for s.companion.used[alias] || s.companion.plan.declared[alias] || token.IsKeyword(alias) || variableName.MatchString(alias) {
		alias += "_"
	}
	s.companion.used[alias] = true
	s.names[path] = alias
	return alias
}

// blank imports a package for what it brings to the build.
func (s *importSet) blank(path string) { s.blanks = append(s.blanks, path) }

func (s *importSet) write(out *bytes.Buffer) {
	var paths []string
	for p := range s.names {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	out.WriteString("import (\n")
	for _, p := range s.blanks {
		fmt.Fprintf(out, "_ %q\n", p)
	}
	for _, p := range paths {
		if alias := s.names[p]; path.Base(p) != alias {
			fmt.Fprintf(out, "%s %q\n", alias, p)
		} else {
			fmt.Fprintf(out, "%q\n", p)
		}
	}
	out.WriteString(")\n\n")
}
