package rewrite

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// recordStep is one change of a module and what a build has to do for it.
type recordStep struct {
	name    string
	file    string // written, or removed where text is ""
	text    string
	planned string // packages that are planned anew, by their last name
	err     string // start of the message
}

// TestRecord changes a module step by step. What Record makes of it with all
// that it remembers is what it makes without, and only what has to be is done anew.
func TestRecord(t *testing.T) {
	const (
		a  = "package a\n\nimport \"time\"\n\n//monitor:trace\nfunc A(x int) (T, error) { return T{}, nil }\n\ntype T struct{ X int; At time.Time }\n"
		a2 = "package a\n\nimport \"time\"\n\n//monitor:trace\nfunc A(x int) (T, error) { x++; return T{X: 2}, nil }\n\ntype T struct{ X int; At time.Time }\n"
		a3 = "package a\n\nimport \"time\"\n\n//monitor:trace\nfunc A(x int) (T, error) { x++; return T{X: 2}, nil }\n\ntype T struct{ X, Y int; At time.Time }\n"
		a4 = "package a\n\nimport \"time\"\n\n//monitor:trace\nfunc A(x int) (T, error) { x++; return T{}, nil }\n\n\n\ntype T struct{ X, Y int; At time.Time }\n"
		b  = "package b\n\nimport \"example.com/m/a\"\n\n//monitor:trace\nfunc B(t a.T) a.T { u, _ := a.A(t.X); return u }\n"
		c  = "package c\n\nimport \"example.com/m/b\"\nimport \"fmt\"\n\n//monitor:trace\nfunc C() { fmt.Println(b.B) }\n"
		d  = "package d\n\nfunc D() {}\n"
	)
	dir, cache := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/m\n\ngo 1.21\n", "a/a.go": a, "b/b.go": b, "c/c.go": c, "d/d.go": d} {
		writeTestFile(t, filepath.Join(dir, name), []byte(text))
	}
	for _, step := range []recordStep{
		{name: "first", planned: "a b c"},
		{name: "nothing", planned: ""},
		{name: "a body", file: "a/a.go", text: a2, planned: "a"},
		{name: "back", file: "a/a.go", text: a, planned: ""},
		{name: "a type", file: "a/a.go", text: a3, planned: "a b c"},
		{name: "lines", file: "a/a.go", text: a4, planned: "a"},
		{name: "a package without directives", file: "d/d.go", text: d + "\nfunc E() {}\n", planned: ""},
		{name: "a directive", file: "d/d.go", text: strings.Replace(d, "func", "//monitor:trace\nfunc", 1), planned: "d"},
		{name: "a new file", file: "a/more.go", text: "package a\n\n//monitor:trace\nfunc More() {}\n", planned: "a b"},
		{name: "a name taken by a file for another system", file: "a/a_plan9.go", text: "package a\n\nfunc monitorA() {}\n", planned: "a"},
		{name: "a constraint", file: "a/more.go", text: "//go:build plan9\n\npackage a\n\n//monitor:trace\nfunc More() {}\n", planned: "a"},
		{name: "a new package", file: "e/e.go", text: "package e\n\nimport \"example.com/m/b\"\n\n//monitor:trace\nfunc E() { b.B }\n", err: "", planned: ""},
		{name: "that compiles", file: "e/e.go", text: "package e\n\nimport \"example.com/m/b\"\n\n//monitor:trace\nfunc E() { _ = b.B }\n", planned: "e"},
		{name: "a mistake", file: "e/e.go", text: "package e\n\nimport \"example.com/m/b\"\n\n//monitor:trace rate=1\nfunc E() { _ = b.B }\n", err: "e.go:5:17: bad value"},
		{name: "a package less", file: "e/e.go", planned: ""},
		{name: "defaults of the module", file: "monitor.toml", text: "[options]\nsample = 0.5\n", planned: "a b c d"},
		{name: "other defaults", file: "monitor.toml", text: "[options]\nsample = 0.25\n", planned: "a b c d"},
		{name: "a mistake in them", file: "monitor.toml", text: "[options]\nsample = 2\n", err: "monitor.toml:2:1: bad value"},
		{name: "defaults of before", file: "monitor.toml", text: "[options]\nsample = 0.5\n", planned: ""},
		{name: "another language", file: "go.mod", text: "module example.com/m\n\ngo 1.22\n", planned: "a b c d"},
		{name: "a module", file: "d/go.mod", text: "module example.com/m/d\n", planned: ""},
	} {
		t.Run(step.name, func(t *testing.T) {
			if path := filepath.Join(dir, step.file); step.file != "" && step.text == "" {
				if err := os.RemoveAll(filepath.Dir(path)); err != nil {
					t.Fatal(err)
				}
			} else if step.file != "" {
				writeTestFile(t, path, []byte(step.text))
			}
			before := remembered(t, cache)
			got, err := record(t, dir, cache)
			if step.err != "" {
				if err == nil || !strings.Contains(err.Error(), step.err) || strings.Count(err.Error(), step.err) != 1 {
					t.Fatalf("got the error %v, want %s", err, step.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if planned := strings.Join(newlyPlanned(remembered(t, cache), before), " "); planned != step.planned {
				t.Errorf("planned %q anew, want %q", planned, step.planned)
			}
			want, err := record(t, dir, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(got, want) {
				t.Errorf("with what is remembered: %s\nwithout: %s", got, want)
			}
			if slow := planned(t, dir); !maps.Equal(want, slow) {
				t.Errorf("Record: %s\nMakePlan and AddPlan: %s", want, slow)
			}
		})
	}
}

// record returns the overlay's texts by path.
func record(t *testing.T, dir, cache string) (map[string]string, error) {
	t.Helper()
	build, err := FindBuild(context.Background(), dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := NewOverlay(cache)
	if _, err := o.Record(context.Background(), Selection{Dir: dir, Patterns: []string{"./..."}, Closure: true}, build); err != nil {
		return nil, err
	}
	return texts(t, o), nil
}

// planned returns the same without anything that is remembered.
func planned(t *testing.T, dir string) map[string]string {
	t.Helper()
	plan, err := MakePlan(context.Background(), Selection{Dir: dir, Patterns: []string{"./..."}, Closure: true})
	if err != nil {
		t.Fatal(err)
	}
	o := NewOverlay(t.TempDir())
	if err := o.AddPlan(plan); err != nil {
		t.Fatal(err)
	}
	return texts(t, o)
}

func texts(t *testing.T, o *Overlay) map[string]string {
	t.Helper()
	got := make(map[string]string)
	for path, kept := range o.Replace {
		text, err := os.ReadFile(kept)
		if err != nil {
			t.Fatal(err)
		}
		got[path] = string(text)
	}
	return got
}

// remembered returns the packages that were planned, by the file that says so.
func remembered(t *testing.T, cache string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	paths, err := filepath.Glob(filepath.Join(cache, "packages", "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), `"Dir":"`)
		name, _, _ := strings.Cut(rest, `"`)
		found[path] = filepath.Base(name)
	}
	return found
}

func newlyPlanned(now, before map[string]string) []string {
	var names []string
	for path, name := range now {
		if before[path] == "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestRecordCacheEmptied takes single files out of what is remembered.
func TestRecordCacheEmptied(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	writeTestFile(t, filepath.Join(dir, "go.mod"), []byte("module example.com/m\n\ngo 1.21\n"))
	writeTestFile(t, filepath.Join(dir, "m.go"), []byte("package m\n\n//monitor:trace\nfunc F(x int) error { return nil }\n"))
	want, err := record(t, dir, cache)
	if err != nil || len(want) != 2 {
		t.Fatalf("%d files, %v", len(want), err)
	}
	var files []string
	if err := filepath.WalkDir(cache, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if got, err := record(t, dir, cache); err != nil || !maps.Equal(got, want) {
			t.Errorf("without %s: %v", path, err)
		}
	}
}
