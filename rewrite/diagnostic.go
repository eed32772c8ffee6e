package rewrite

import (
	"errors"
	"fmt"
	"go/token"
	"sort"
	"strings"
)

// Diagnostic is something wrong with a directive, at a position.
type Diagnostic struct {
	Pos     token.Position `json:"-"`
	File    string         `json:"file"`
	Line    int            `json:"line"`
	Column  int            `json:"column"`
	Message string         `json:"message"`
}

func (d Diagnostic) String() string {
	return fmt.Sprintf("%s: %s", d.Pos, d.Message)
}

// Diagnostics is an error that holds every diagnostic of a run, sorted by position.
type Diagnostics []Diagnostic

func (ds Diagnostics) Error() string {
	lines := make([]string, len(ds))
	for i, d := range ds {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}

// AsDiagnostics returns the diagnostics that err holds, if it holds any.
func AsDiagnostics(err error) (Diagnostics, bool) {
	var ds Diagnostics
	ok := errors.As(err, &ds)
	return ds, ok
}

// report collects diagnostics while a plan is made.
type report struct {
	fset *token.FileSet
	list Diagnostics
	seen map[string]bool
}

// add notes a diagnostic once: files of test variants are looked at twice.
func (r *report) add(pos token.Pos, format string, args ...any) {
	// Unadjusted: the position in the file that has the comment, whatever //line says.
	r.addAt(r.fset.PositionFor(pos, false), format, args...)
}

// addAt notes a diagnostic at a position that is in no file of the file set.
func (r *report) addAt(p token.Position, format string, args ...any) {
	d := Diagnostic{Pos: p, File: p.Filename, Line: p.Line, Column: p.Column, Message: fmt.Sprintf(format, args...)}
	if r.seen == nil {
		r.seen = make(map[string]bool)
	}
	if r.seen[d.String()] {
		return
	}
	r.seen[d.String()] = true
	r.list = append(r.list, d)
}

// err returns what was collected as an error, or nil.
func (r *report) err() error {
	if len(r.list) == 0 {
		return nil
	}
	sort.SliceStable(r.list, func(i, j int) bool {
		a, b := r.list[i], r.list[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	return r.list
}
