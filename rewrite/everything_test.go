package rewrite

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestEverything records every function of a sample of the standard library,
// with -everything of all of it and of the go command: what it makes of them has
// to type-check, see fidelity.
func TestEverything(t *testing.T) {
	patterns, nth := []string{"std"}, 10
	switch {
	case *everything:
		patterns, nth = []string{"std", "cmd"}, 1
	case testing.Short():
		nth = 40
	}
	packages := standardPackages(t, patterns)
	imports, err := newExportData(patterns...)
	if err != nil {
		t.Fatal(err)
	}
	locked := &lockedImporter{exportData: imports}
	for i, pkg := range packages {
		if i%nth != 0 {
			continue
		}
		t.Run(pkg.ImportPath, func(t *testing.T) {
			t.Parallel()
			files := make(map[string][]byte)
			for _, name := range pkg.GoFiles {
				path := filepath.Join(pkg.Dir, name)
				if files[path], err = os.ReadFile(path); err != nil {
					t.Fatal(err)
				}
			}
			p, err := parseTestPackage(pkg.ImportPath, "", mappedImporter{locked, pkg.ImportMap}, files)
			if err != nil {
				t.Fatalf("as it is: %v", err)
			}
			plan, err := p.plan(Selection{All: true, Generated: true})
			if err != nil {
				t.Fatal(err)
			}
			n, err := p.fidelity(plan)
			if err != nil {
				t.Fatal(firstLines(err.Error()))
			}
			t.Logf("%d functions recorded, %d left alone", n, len(plan.Skipped))
		})
	}
}

// firstLines cuts a message that carries whole files.
func firstLines(text string) string { return text[:min(len(text), 4000)] }

// standardPackage is what go list says.
type standardPackage struct {
	ImportPath, Dir   string
	GoFiles, CgoFiles []string
	ImportMap         map[string]string // vendored packages
}

// standardPackages lists the packages of Go itself that have functions, those
// with cgo left out.
func standardPackages(t *testing.T, patterns []string) []standardPackage {
	t.Helper()
	args := []string{"list", "-json=ImportPath,Dir,GoFiles,CgoFiles,ImportMap"}
	out, err := exec.Command("go", append(args, patterns...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []standardPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p standardPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 && len(p.CgoFiles) == 0 && !oddPackages[p.ImportPath] {
			found = append(found, p)
		}
	}
}

// oddPackages cannot be recorded in this way; none can be a user's.
var oddPackages = map[string]bool{
	"unsafe":      true, // has no code
	"time":        true, // whose types the runtime knows by this name
	"cmd/compile": true, // built with a profile, its imports too
}
