package rewrite

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the golden parts anew")

// TestGolden rewrites the module in each archive in both ways and compares
// what comes out with the archive's own files: overlay/NAME and inplace/NAME.
// The comment of an archive says what its surprise is.
func TestGolden(t *testing.T) {
	eachArchive(t, "testdata/golden/*.txtar", golden)
}

// eachArchive runs a subtest for each archive of a pattern.
func eachArchive(t *testing.T, pattern string, test func(t *testing.T, path string, archive *txtar.Archive)) {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			test(t, path, archive)
		})
	}
}

// sameTexts compares what was made with what an archive has, file by file.
func sameTexts(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, text := range got {
		if want[name] != text {
			t.Errorf("%s differs; got:\n%s", name, text)
		}
	}
	for name := range want {
		if _, ok := got[name]; !ok {
			t.Errorf("%s was not written", name)
		}
	}
}

func golden(t *testing.T, path string, archive *txtar.Archive) {
	dir := t.TempDir()
	var inputs []txtar.File
	want := make(map[string]string)
	for _, f := range archive.Files {
		if strings.HasPrefix(f.Name, "overlay/") || strings.HasPrefix(f.Name, "inplace/") {
			want[f.Name] = string(f.Data)
			continue
		}
		inputs = append(inputs, f)
		writeTestFile(t, filepath.Join(dir, f.Name), f.Data)
	}
	got := make(map[string]string)
	overlayTexts(t, dir, got)
	inPlaceTexts(t, dir, got)
	if *update {
		rewriteArchive(t, path, archive.Comment, inputs, got)
		return
	}
	sameTexts(t, got, want)
}

func writeTestFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// overlayTexts adds the user's files as an overlay build compiles them. Their
// companions carry compressed text and are covered by the in-place ones.
func overlayTexts(t *testing.T, dir string, got map[string]string) {
	t.Helper()
	plan, err := MakePlan(context.Background(), Selection{Dir: dir, Patterns: []string{"./..."}})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range plan.Broken {
		t.Fatal(err)
	}
	o := NewOverlay(t.TempDir())
	if err := o.AddPlan(plan); err != nil {
		t.Fatal(err)
	}
	for path, kept := range o.Replace {
		text, err := os.ReadFile(kept)
		if err != nil {
			t.Fatal(err)
		}
		if isCompanion(text) {
			continue
		}
		rel, _ := filepath.Rel(dir, path)
		got["overlay/"+rel] = string(text)
		original, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := bytes.Count(original, []byte("\n")), bytes.Count(text, []byte("\n")); a != b {
			t.Errorf("%s: %d lines became %d", rel, a, b)
		}
	}
}

// inPlaceTexts generates in place, checks that a second run and a revert are
// exact, and adds what generate wrote.
func inPlaceTexts(t *testing.T, dir string, got map[string]string) {
	t.Helper()
	sel := Selection{Dir: dir, Patterns: []string{"./..."}}
	before := readTree(t, dir)
	_, changes, err := Generate(context.Background(), sel)
	if err != nil {
		t.Fatal(err)
	}
	if err := changes.Commit(); err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		rel, _ := filepath.Rel(dir, c.Path)
		got["inplace/"+rel] = string(c.New)
	}
	// The module does not require monitorgen: that its imports cannot be
	// found must not stop a second run, which looks at the files as they were.
	_, again, err := Generate(context.Background(), sel)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range again {
		t.Errorf("a second run changes %s", c.Path)
	}
	back, err := Revert(context.Background(), sel)
	if err != nil {
		t.Fatal(err)
	}
	if err := back.Commit(); err != nil {
		t.Fatal(err)
	}
	after := readTree(t, dir)
	for name, text := range before {
		if after[name] != text {
			t.Errorf("%s was not restored:\n%s", name, after[name])
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files became %d", len(before), len(after))
	}
}

func readTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	tree := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		tree[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func rewriteArchive(t *testing.T, path string, comment []byte, inputs []txtar.File, got map[string]string) {
	t.Helper()
	archive := &txtar.Archive{Comment: comment, Files: inputs}
	var names []string
	for name := range got {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(got[name])})
	}
	if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
		t.Fatal(err)
	}
}
