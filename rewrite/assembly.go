package rewrite

import (
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A Go function that assembly calls runs on what stack and with what registers
// its author arranged, which is not for a generator to change.

// assemblySymbol matches a symbol that a line of assembly refers to, but not
// where it is defined.
var assemblySymbol = regexp.MustCompile(`([\w./∕·%~-]*·\w+)(?:<[^>]*>)?(?:[+-]\d+)?\(SB\)`)

// assemblyCalls returns the symbols, as the linker names them, that the
// package's assembly refers to, each with the file.
func assemblyCalls(src *sourcePackage) (map[string]string, error) {
	calls := make(map[string]string)
	for _, path := range src.OtherFiles {
		if filepath.Ext(path) != ".s" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read assembly: %w", err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			line, _, _ = strings.Cut(line, "//")
			if word := strings.Fields(line + " ;")[0]; word == "TEXT" || word == "DATA" || word == "GLOBL" {
				continue
			}
			for _, m := range assemblySymbol.FindAllStringSubmatch(line, -1) {
				name := strings.NewReplacer("·", ".", "∕", "/").Replace(m[1])
				if name[0] == '.' {
					name = linkerName(src.PkgPath, src.Name, name[1:])
				}
				calls[name] = filepath.Base(path)
			}
		}
	}
	return calls, nil
}

// linkerName returns the linker's name of a function.
func linkerName(path, pkg, name string) string {
	if pkg == "main" {
		path = pkg
	}
	return path + "." + name
}

// linkname returns the symbol that //go:linkname gives a function, or "".
func linkname(file *ast.File, name string) string {
	for _, group := range file.Comments {
		for _, c := range group.List {
			words := strings.Fields(c.Text)
			if len(words) == 3 && words[0] == "//go:linkname" && words[1] == name {
				return words[2]
			}
		}
	}
	return ""
}
