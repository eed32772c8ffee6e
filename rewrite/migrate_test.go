package rewrite

import (
	"context"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// stubOTel has the declarations of OpenTelemetry that the archives use.
const stubOTel = `
-- go.mod --
module example.com/m

go 1.21

require go.opentelemetry.io/otel v1.0.0

replace go.opentelemetry.io/otel => ./otel
-- otel/go.mod --
module go.opentelemetry.io/otel

go 1.21
-- otel/otel.go --
package otel

import "go.opentelemetry.io/otel/trace"

func Tracer(name string) trace.Tracer { return nil }
-- otel/codes/codes.go --
package codes

type Code uint32

const Error Code = 1
-- otel/attribute/attribute.go --
package attribute

type KeyValue struct{}

func String(k, v string) KeyValue { return KeyValue{} }

func Int(k string, v int) KeyValue { return KeyValue{} }
-- otel/trace/trace.go --
package trace

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
)

type Tracer interface {
	Start(ctx context.Context, name string, opts ...Option) (context.Context, Span)
}

type Option interface{}

type Span interface {
	End(opts ...Option)
	AddEvent(name string, opts ...Option)
	RecordError(err error, opts ...Option)
	SetStatus(code codes.Code, text string)
	SetAttributes(kv ...attribute.KeyValue)
	IsRecording() bool
}

func WithAttributes(kv ...attribute.KeyValue) Option { return nil }
`

// TestMigrate migrates the module in each archive and compares the result with its
// files want/NAME, and what is left with its file left. What does not change has
// no file there. The comment of an archive says what its surprise is, and the
// options, "helper=NAME" and "lossy".
func TestMigrate(t *testing.T) {
	eachArchive(t, "testdata/migrate/*.txtar", migrateArchive)
}

func migrateArchive(t *testing.T, path string, archive *txtar.Archive) {
	var opts MigrateOptions
	for _, word := range strings.Fields(string(archive.Comment)) {
		if name, ok := strings.CutPrefix(word, "helper="); ok {
			opts.Helpers = append(opts.Helpers, name)
		}
		opts.Lossy = opts.Lossy || word == "lossy"
	}
	dir := t.TempDir()
	var inputs []txtar.File
	want := make(map[string]string)
	for _, f := range append(txtar.Parse([]byte(stubOTel)).Files, archive.Files...) {
		if f.Name == "left" || strings.HasPrefix(f.Name, "want/") {
			want[f.Name] = string(f.Data)
			continue
		}
		writeTestFile(t, filepath.Join(dir, f.Name), f.Data)
	}
	for _, f := range archive.Files {
		if want[f.Name] == "" {
			inputs = append(inputs, f)
		}
	}
	got := migrateTexts(t, dir, opts)
	if *update {
		rewriteArchive(t, path, archive.Comment, inputs, got)
		return
	}
	sameTexts(t, got, want)
	again := migrateTexts(t, dir, opts)
	for name := range again {
		if name != "left" {
			t.Errorf("migrated twice, %s changes again:\n%s", name, again[name])
		}
	}
	if _, err := MakePlan(context.Background(), Selection{Dir: dir, Patterns: []string{"./..."}}); err != nil {
		t.Errorf("the directives are no good: %v", err)
	}
}

// migrateTexts migrates a module and returns the changed files and what is left.
func migrateTexts(t *testing.T, dir string, opts MigrateOptions) map[string]string {
	t.Helper()
	m, err := Migrate(context.Background(), Selection{Dir: dir, Patterns: []string{"./..."}}, opts)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, c := range m.Changes {
		name, err := filepath.Rel(dir, c.Path)
		if err != nil {
			t.Fatal(err)
		}
		got["want/"+filepath.ToSlash(name)] = string(c.New)
	}
	var left strings.Builder
	for _, d := range m.Left {
		name, err := filepath.Rel(dir, d.File)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&left, "%s:%d:%d: %s\n", filepath.ToSlash(name), d.Line, d.Column, d.Message)
	}
	if left.Len() > 0 {
		got["left"] = left.String()
	}
	if err := m.Changes.Commit(); err != nil {
		t.Fatal(err)
	}
	for _, c := range m.Changes {
		if formatted, err := gofmted(c.New); err != nil || formatted != string(c.New) && isGofmted(c.Old) {
			t.Errorf("%s is not as gofmt would have it any more (%v)", c.Path, err)
		}
	}
	return got
}

func isGofmted(src []byte) bool {
	text, err := gofmted(src)
	return err == nil && text == string(src)
}

// TestMigrateNothing: a module that uses none of it stays as it is.
func TestMigrateNothing(t *testing.T) {
	dir := t.TempDir()
	writeTestFile(t, filepath.Join(dir, "go.mod"), []byte("module example.com/m\n\ngo 1.21\n"))
	writeTestFile(t, filepath.Join(dir, "m.go"), []byte("package m\n\ntype T struct{}\n\nfunc (T) Start(a, b string) (x, y string) { return a, b }\n\n//go:noinline\nfunc F() {\n\tx, y := T{}.Start(\"ctx\", \"x\")\n\tdefer func() { _, _ = x, y }()\n}\n"))
	if got := migrateTexts(t, dir, MigrateOptions{}); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "m.go")); err != nil {
		t.Error(err)
	}
}

func gofmted(src []byte) (string, error) {
	text, err := format.Source(src)
	return string(text), err
}
